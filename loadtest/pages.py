"""The pages that people open, and what their browsers fetch with them."""

from dataclasses import dataclass
from typing import Final

PAGES: Final = "page "
"""How the names of requests for pages begin."""
OK: Final = 200
UNCHANGED: Final = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: what comes with it, and a sign by which a whole one is known."""

    touchpoint: str
    path: str
    sign: bytes
    parts: tuple[str, ...]

    def problem(self, status: int, content: bytes) -> str | None:
        """What is wrong with an answer; None for the whole page."""
        if status != OK:
            return f"status {status}"
        return None if self.sign in content else "not the whole page"


_TOKENS: Final = "/web/tokens.css"
_MODULES: Final = ("atm.js", "machine.js", "offers.js", "pack.js", "view.js")

CASH_MACHINE: Final = Page(
    touchpoint="atm",
    path="/atm",
    sign=b'src="/atm/atm.js"',
    parts=(_TOKENS, "/atm/atm.css", *(f"/atm/{name}" for name in _MODULES), "/atm/pack.json"),
)
HOME_PAGE: Final = Page(
    touchpoint="web",
    path="/shop",
    sign=b"<nextbest-banner",
    parts=(
        _TOKENS,
        "/web/banner/nextbest-banner.css",
        "/web/banner/nextbest-banner.js",
        "/web/banner/text.en.json",
        "/shop/shop.css",
        "/shop/shop.js",
    ),
)
COUNTER: Final = Page(
    touchpoint="branch",
    path="/teller/customers/{customer}?visit={visit}",
    sign=b"</html>",
    parts=(_TOKENS, "/web/look.css", "/web/modules/parts.js", "/web/modules/shortcuts.js"),
)


class Kept:
    """What one browser has kept, by address."""

    def __init__(self) -> None:
        self._etag_by_path: dict[str, str] = {}

    def headers(self, path: str) -> dict[str, str]:
        """What a browser sends that has a part already."""
        etag = self._etag_by_path.get(path)
        return {} if etag is None else {"if-none-match": etag}

    def keep(self, path: str, etag: str | None) -> None:
        """Keep a part under the name of its content."""
        if etag is not None:
            self._etag_by_path[path] = etag
