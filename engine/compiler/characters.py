"""Characters that people cannot see, and those that only look like a space: their names and places."""

import re
from collections.abc import Iterator
from typing import Final

from engine.errors import Diagnostic, Span

STAND_IN: Final = 0xE000
"""Stand-ins lie from here on, in the private use area, which no file may use: a sign `>` stands in as U+E03E."""
_HIDDEN: Final = re.compile(
    "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u180e\\u200b-\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\uf8ff\\ufeff\\ufff9-\\uffff\\U000110bd\\U000110cd\\U00013430-\\U0001343f"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U0010ffff]"
)
"""Control, format, direction, surrogate and private characters, and line separators; tabs and line feeds apart."""
_SPACES: Final = re.compile("[\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]")
_DIRECTIONS: Final = frozenset(range(0x202A, 0x202F)) | frozenset(range(0x2066, 0x206A)) | {0x200E, 0x200F, 0x061C}


def hidden_characters(path: str, text: str) -> Iterator[Diagnostic]:
    """Every hidden character of a text, in order; a carriage return belongs to a line feed."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return
    for number, line in enumerate(text.split("\n"), start=1):
        shown = line.removesuffix("\r")
        for match in _HIDDEN.finditer(shown):
            yield Diagnostic(Span(path, number, match.start() + 1), _told(match[0]), "delete it")


def hidden_in(text: str) -> str | None:
    """What is said of the first hidden character that an escape sequence put into a value, None without one."""
    if text.isprintable():
        return None
    match = _HIDDEN.search(text)
    return None if match is None else _told(match[0])


def special_space(text: str) -> int | None:
    """Where the first character stands that looks like a space and is none, None without one."""
    if text.isascii():
        return None
    match = _SPACES.search(text)
    return None if match is None else match.start()


def without_hidden(text: str) -> str:
    """The text with a stand-in for every hidden character, so that all others keep their places."""
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return "\n".join(_HIDDEN.sub(chr(STAND_IN), line) for line in lines)


def stand_in(sign: str) -> str:
    """The character that stands in for a sign that cannot start a value."""
    return chr(STAND_IN + ord(sign))


def as_meant(text: str) -> str:
    """A value with its signs put back and its hidden characters left out."""
    if text.isascii():
        return text
    return "".join(_meant(character) for character in text)


def _meant(character: str) -> str:
    code = ord(character) - STAND_IN
    if not 0 <= code < 0x80:
        return character
    return chr(code) if code else ""


def _told(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if ord(character) in _DIRECTIONS:
        return f"the hidden character {code} turns the direction of the text around; it is not allowed"
    if character == "\r":
        return f"a line ends in a carriage return alone ({code}), which is not allowed"
    return f"the hidden character {code} is not allowed"
