"""GET /look: the parts that our screens are built of, in a demonstration, for whoever builds or changes a screen."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response

from api.access.required import OPEN
from api.web.pages import page

router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])


@router.get("/look")
async def get_look(request: Request) -> Response:
    """Every part once."""
    now = datetime.now(UTC)
    return page(request, "look.html", now=now, before=now - timedelta(days=3))
