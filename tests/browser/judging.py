"""How every screen is judged in each of its states: by axe in light and dark, and in the narrowest window."""

from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
NARROWEST: Final = 320
"""A desktop at 400 percent."""
TARGET: Final = 44
SMALL: Final = "(all, target) => all.filter((each) => each.offsetHeight < target).map((each) => each.outerHTML)"


def judge(page: Page) -> None:
    """Axe finds nothing, light or dark, and has looked at something.

    Raises:
        AssertionError: it found something.
    """
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page, options=WCAG).response
        assert found["violations"] == [], scheme
        assert found["passes"]


def narrow(page: Page, targets: str) -> None:
    """The narrowest window needs no sideways scrolling, and what is pressed in it is large enough.

    Raises:
        AssertionError: it does, or something is too small.
    """
    page.set_viewport_size({"width": NARROWEST, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST
    assert page.locator(targets).evaluate_all(SMALL, TARGET) == []


IN_SIGHT: Final = """() => {
  const { activeElement: node } = document;
  const { left, top, width, height } = node.getBoundingClientRect();
  return node.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


def is_in_sight(page: Page) -> bool:
    """Whether what has the focus is beneath nothing else."""
    return bool(page.evaluate(IN_SIGHT))
