"""GET /shop: the demonstration bank's home page, with banners and customers to switch between."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from api.access.demo_keys import PAGE_KEY
from api.access.required import OPEN
from api.problems import Problem, ProblemType
from api.routes.reading import shell_of
from api.routes.web import serve
from api.web.files import PEOPLE, read_files

router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

PAGE: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'"
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
    people = await asyncio.to_thread(_read, shell_of(request).settings.data_dir / PEOPLE, b"[]")
    return Response(people, media_type="application/json", headers={"cache-control": "no-store"})


@router.get("/shop/key.json")
async def get_key(request: Request) -> Response:
    """The key that the page's banners hold: it asks for web placements, and can do nothing else."""
    key = await asyncio.to_thread(_read, shell_of(request).settings.data_dir / PAGE_KEY, b"{}")
    return Response(key, media_type="application/json", headers={"cache-control": "no-store"})


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


def _read(path: Path, instead: bytes) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return instead
