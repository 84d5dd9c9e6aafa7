"""/web: the banner's files, their types, how long they are kept, and how large they are."""

import gzip
import json

import pytest

from api.problems import TYPE_PREFIX
from api.web.files import read_files
from tests.unit.api.shells import running

BANNER = "/web/banner/nextbest-banner.js"
PARTS = ("banner/nextbest-banner.js", "banner/nextbest-banner.css", "banner/text.en.json")


def test_banner_with_its_style_and_texts_is_at_most_5_kb() -> None:
    """Every page of a bank's site would carry it."""
    assert sum(len(read_files("public")[part].compressed) for part in PARTS) <= 5 * 1024


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (BANNER, "text/javascript; charset=utf-8"),
        ("/web/banner/nextbest-banner.css", "text/css; charset=utf-8"),
        ("/web/banner/text.en.json", "application/json"),
        ("/web/tokens.css", "text/css; charset=utf-8"),
    ],
)
async def test_file_has_its_type_and_is_not_guessed_at(path: str, media_type: str) -> None:
    async with running() as house:
        answer = await house.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "max-age" in answer.headers["cache-control"]


async def test_browser_that_has_the_file_is_not_sent_it_again() -> None:
    async with running() as house:
        first = await house.client.get(BANNER)
        second = await house.client.get(BANNER, headers={"if-none-match": f"W/{first.headers['etag']}"})
    assert second.status_code == 304
    assert second.content == b""


async def test_compressed_file_says_the_same() -> None:
    async with running() as house:
        plain = await house.client.get(BANNER, headers={"accept-encoding": "identity"})
        packed = await house.client.get(BANNER, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert gzip.decompress(read_files("public")["banner/nextbest-banner.js"].compressed) == plain.content


@pytest.mark.parametrize("path", ["", "banner", "files.py", "../files.py", "..%2ffiles.py", "%2fetc%2fpasswd"])
async def test_nothing_but_our_files_can_be_named(path: str) -> None:
    async with running() as house:
        answer = await house.client.get(f"/web/{path}")
    assert answer.json()["type"] == TYPE_PREFIX + "not_found"


def test_languages_have_the_same_texts() -> None:
    """A text that is missing in one language would leave a button without a name."""
    files = read_files("public")
    texts = {name: json.loads(file.body) for name, file in files.items() if name.startswith("banner/text.")}
    assert len(texts) >= 2
    assert {frozenset(each) for each in texts.values()} == {frozenset(texts["banner/text.en.json"])}
    assert all(isinstance(text, str) and text for each in texts.values() for text in each.values())
