"""Where Chromium is, and how it is started for a test."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The path of a Chromium.

    Raises:
        AssertionError: there is none; says how to get one.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "the browser tests need Chromium (Debian: apt-get install chromium); as root, `make test` installs it"
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window, for as long as the context lasts."""
    # Root in a container has no user namespaces for a sandbox and little shared memory; every page opened is ours.
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] if sys.platform == "linux" else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=options)
        try:
            yield browser
        finally:
            browser.close()
