"""GET /v1/appointments: the times to choose from for a talk in the branch."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request, Response

from api.access.required import require
from api.access.roles import Role
from api.appointments import offered_times
from api.forms import AppointmentsView
from api.routes.reading import answer, shell_of

router = APIRouter()


@router.get(
    "/v1/appointments",
    response_model=AppointmentsView,
    summary="When branches have time",
    dependencies=[Depends(require(Role.TOUCHPOINT, Role.TELLER, Role.AGENT))],
)
async def get_appointments(request: Request) -> Response:
    """An accept takes one of them as its `appointment_at`, where the offer leads to an appointment."""
    shell = shell_of(request)
    slots = offered_times(shell.service.plan.zone, shell.settings.appointment_times, datetime.now(UTC))
    return answer(AppointmentsView(slots=list(slots)))
