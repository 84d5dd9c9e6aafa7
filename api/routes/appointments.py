"""GET /v1/appointments: the times to choose from for a talk in the branch."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access.required import require
from api.access.roles import Role
from api.appointments import offered_times
from api.booking import full_times
from api.forms import AppointmentsView, NameText
from api.routes.reading import answer, shell_of

router = APIRouter()

Branch = Annotated[NameText | None, Query(description="Which branch; without one, the calendar that no branch has")]


@router.get(
    "/v1/appointments",
    response_model=AppointmentsView,
    summary="When branches have time",
    dependencies=[Depends(require(Role.TOUCHPOINT, Role.TELLER, Role.AGENT))],
)
async def get_appointments(request: Request, branch: Branch = None) -> Response:
    """An accept takes one of them as its `appointment_at`, where the offer leads to an appointment; of several who want
    the last place at a time, one gets it, and the others are told 409."""
    shell = shell_of(request)
    full = await full_times(shell, branch)
    slots = offered_times(shell.service.plan.zone, shell.settings.appointment_times, datetime.now(UTC), full)
    return answer(AppointmentsView(slots=list(slots)))
