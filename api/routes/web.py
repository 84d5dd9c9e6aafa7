"""GET /web/...: the banner, its texts, and the style that our pages share, for browsers to keep."""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.required import OPEN
from api.problems import Problem, ProblemType
from api.web.files import StaticFile, read_files

router = APIRouter(dependencies=[Depends(OPEN)])

KEPT: Final = "public, max-age=3600"
"""A browser asks again after an hour, and is told in a few bytes that nothing has changed."""
ALWAYS: Final = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin", "vary": "accept-encoding"}


@router.get("/web/{path:path}", include_in_schema=False)
async def get_web(request: Request, path: str) -> Response:
    """One of our own files; nothing else of the machine can be named."""
    file = read_files("public").get(path)
    if file is None:
        raise Problem(ProblemType.NOT_FOUND)
    return serve(request, file, {"cache-control": KEPT, "cross-origin-resource-policy": "cross-origin"})


def serve(request: Request, file: StaticFile, headers: dict[str, str]) -> Response:
    """A file as the browser takes it: compressed where it can be, and not at all where the browser has it."""
    headers = {**ALWAYS, **headers, "etag": file.etag}
    known = {name.strip().removeprefix("W/") for name in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(file.body, media_type=file.media_type, headers=headers)
