"""Terms as they were quoted to a customer, and until when they are quoted again."""

from collections.abc import Mapping
from typing import NamedTuple


class Quoted(NamedTuple):
    """The terms of one action in natural units; they lapse at `until_s`, in seconds since the epoch."""

    terms: Mapping[str, float]
    until_s: int
