"""Who comes by: how many of each touchpoint, and which customers."""

import random
from dataclasses import dataclass
from typing import Final

DECLINE_REASONS: Final = ("not_now", "not_interested", "already_have", "too_expensive", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares of users by touchpoint, as small whole numbers."""

    atm: int
    web: int
    branch: int

    def __str__(self) -> str:
        return f"{self.atm}/{self.web}/{self.branch}"


USUAL_MIX: Final = Mix(atm=60, web=30, branch=10)


def read_mix(text: str) -> Mix:
    """A mix as `60/30/10`: ATM, web, branch.

    Raises:
        ValueError: it is not three whole numbers of 0 to 100, or all of them are 0.
    """
    parts = text.split("/")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) <= 100 for part in parts):
        raise ValueError(f"a mix is three whole numbers such as {USUAL_MIX} (ATM, web, branch), not `{text}`")
    atm, web, branch = map(int, parts)
    if not atm + web + branch:
        raise ValueError("a mix needs at least one user")
    return Mix(atm=atm, web=web, branch=branch)


class People:
    """The demonstration bank's customers, as touchpoints name them, drawn at random from one seed."""

    def __init__(self, *, customers: int, seed: int) -> None:
        self.customers = customers
        self.chance = random.Random(seed)
        self._minted = 0

    def customer(self) -> str:
        """A customer's id."""
        return f"C{self.chance.randint(1, self.customers):07d}"

    def card_token(self) -> str:
        """The first card of some customer."""
        return f"tok_{self.customer()}"

    def visitor(self) -> str:
        """A cookie that nobody has seen before."""
        return self.fresh("visitor")

    def fresh(self, kind: str) -> str:
        """An id that was never used: unique in this run by counting, across runs by its random part."""
        self._minted += 1
        return f"load-{kind}-{self._minted}-{random.SystemRandom().getrandbits(48):012x}"

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return self.chance.random() < probability

    def reason(self) -> str:
        """Why somebody declines."""
        return self.chance.choice(DECLINE_REASONS)
