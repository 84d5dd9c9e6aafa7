"""What the process that judges a bundle tells those that are to serve it."""

from typing import Final, Literal

import msgspec

from engine.errors import Diagnostic

MOST_TOLD: Final = 200
MOST_MEMORY_GIB: Final = 4
"""What the process that judges may take."""
OUT_OF_MEMORY: Final = 3
"""The code with which it ends when it would have taken more."""
Result = Literal["ready", "unchanged", "refused"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one bundle; every problem stands in `problems` as people read it."""

    result: Result
    ruleset: str | None
    """The bundle's hash; None where its files cannot be read."""
    model: str | None
    """The model that the bundle names."""
    errors: int
    problems: tuple[str, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What serves now, as the process that asks sees it."""

    serving: str | None
    model: str | None
    """None: the one who asks needs no model."""
    challenge: str | None = None
    """What tells the challenge apart whose challenger scores for some; None: none does."""


decode_verdict: Final = msgspec.json.Decoder(Verdict).decode
decode_question: Final = msgspec.json.Decoder(Question).decode
encode: Final = msgspec.json.Encoder().encode


def told(diagnostics: tuple[Diagnostic, ...]) -> tuple[str, ...]:
    """Diagnostics as people read them; of very many the first."""
    sentences = [str(each) for each in diagnostics[:MOST_TOLD]]
    left = len(diagnostics) - len(sentences)
    return (*sentences, *([f"... and {left:,} more"] if left else []))
