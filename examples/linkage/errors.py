"""What goes wrong between two systems that hold the same person: a letter, a date turned round, a field left out."""

import random
from datetime import date
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def misspelt(rng: random.Random, text: str) -> str:
    """One letter lost, doubled, exchanged with its neighbour or replaced."""
    if len(text) < 3:
        return text
    at = rng.randrange(1, len(text) - 1)
    return rng.choice(
        (
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + rng.choice(_LETTERS) + text[at + 1 :],
        )
    )


def mistaken(rng: random.Random, day: date) -> date:
    """Day and month turned round where that is a date, otherwise another day of the month."""
    if day.day <= 12 and day.day != day.month and rng.random() < 0.5:
        return day.replace(month=day.day, day=day.month)
    return day.replace(day=rng.randint(1, 28))


def sometimes(rng: random.Random, share: float, otherwise: str, then: str) -> str:
    """`then` in a share of the cases."""
    return then if rng.random() < share else otherwise
