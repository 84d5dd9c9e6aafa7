"""What our screens say, by language: a folder for each, a file for each screen; English where a language has no words.

A text may have `{names}` to fill in. One that counts has forms, `one`, `other` and whichever its language needs, chosen
by `count`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from babel import Locale
from ruamel.yaml import YAML

HERE: Final = Path(__file__).parent
ENGLISH: Final = "en"
Entry: TypeAlias = str | Mapping[str, str]
"""A text, or the forms of one that counts."""


class Texts:
    """The texts of one language, by `screen.name`."""

    def __init__(self, language: str, entries: Mapping[str, Entry]) -> None:
        self.language = language
        self._entries = entries
        self._plural = Locale(language).plural_form

    def __call__(self, name: str, /, **values: object) -> str:
        """A text with its names filled in.

        Raises:
            KeyError: no language has this text, or it names something that is not given.
        """
        entry = self._entries[name]
        if not isinstance(entry, str):
            count = values["count"]
            assert isinstance(count, int | float), f"`{name}` counts something"
            entry = entry.get(self._plural(count), entry["other"])
        return entry.format_map(values) if values else entry

    def or_else(self, name: str, words: str) -> str:
        """A text where there is one, and other words where there is none: for codes that rule files bring."""
        entry = self._entries.get(name)
        return entry if isinstance(entry, str) else words

    def of_screen(self, screen: str) -> Mapping[str, str]:
        """All plain texts of a screen by their own names, for a page whose script picks them."""
        beginning = f"{screen}."
        found = ((name, entry) for name, entry in self._entries.items() if name.startswith(beginning))
        return {name.removeprefix(beginning): entry for name, entry in found if isinstance(entry, str)}

    def __contains__(self, name: str) -> bool:
        return name in self._entries


@cache
def languages() -> tuple[str, ...]:
    """Those that we have, English first."""
    found = sorted(each.name for each in HERE.iterdir() if (each / "shared.yaml").is_file())
    return (ENGLISH, *(each for each in found if each != ENGLISH))


@cache
def texts_in(language: str) -> Texts:
    """The texts of a language that we have."""
    entries = dict(read_language(ENGLISH))
    if language != ENGLISH:
        entries |= read_language(language)
    return Texts(language, entries)


def read_language(language: str) -> Mapping[str, Entry]:
    """What a language's own files say, by `screen.name`."""
    yaml = YAML(typ="safe", pure=True)
    found: dict[str, Entry] = {}
    for path in sorted((HERE / language).glob("*.yaml")):
        for name, entry in yaml.load(path.read_text(encoding="utf-8")).items():
            found[f"{path.stem}.{name}"] = entry
    return found
