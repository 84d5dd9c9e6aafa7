"""GET /shop: the demonstration bank's home page, with banners and customers to switch between."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.routes.web import serve
from api.web.files import PEOPLE, read_files

router = APIRouter(include_in_schema=False)

PAGE: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
}


@router.get("/")
async def get_root() -> Response:
    """The home page is what a browser is shown."""
    return RedirectResponse("/shop", 307)


@router.get("/shop")
async def get_shop(request: Request) -> Response:
    """The bank's home page."""
    return serve(request, read_files("shop")["shop.html"], PAGE)


@router.get(f"/shop/{PEOPLE}")
async def get_people(request: Request) -> Response:
    """Whom one may be; nobody where the demonstration has found nobody yet."""
    people = await asyncio.to_thread(_read, shell_of(request).settings.data_dir / PEOPLE)
    return Response(people, media_type="application/json", headers={"cache-control": "no-store"})


@router.get("/{path:path}")
async def get_page(request: Request, path: str) -> Response:
    """A file of the home page, or what a link on it leads to."""
    folder, _, name = path.partition("/")
    files = read_files("shop")
    if folder == "shop" and name in files:
        return serve(request, files[name], PAGE)
    if folder in {"shop", "v1"} or "text/html" not in request.headers.get("accept", ""):
        raise Problem(ProblemType.NOT_FOUND)
    return serve(request, files["page.html"], PAGE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b"[]"
