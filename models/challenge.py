"""A challenger that scores the decisions of a share of the customers, until a day that was fixed beforehand.

Who it scores for follows from a keyed hash of the customer, so that nobody changes sides, on any server, at any time.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from models.errors import ModelRefused

CHALLENGE: Final = "challenge.json"
MOST_SHARE: Final = 0.5
_PERSON: Final = b"challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge."""

    version: str
    share: float
    """Of the customers, up to a half."""
    salt: str
    """Splits the customers of each challenge anew."""
    since: datetime
    until: datetime
    """The horizon: nothing is concluded before."""

    def takes(self, record: str) -> bool:
        """Whether the challenger scores for a customer; shares are exact to 2 ** -32."""
        digest = hashlib.blake2b(record.encode(), digest_size=4, key=self.salt.encode(), person=_PERSON).digest()
        return int.from_bytes(digest, "big") < self.share * 2**32


def read_challenge(models_dir: Path) -> Challenge | None:
    """The challenge that runs; None where none does.

    Raises:
        ModelRefused: nobody can tell.
    """
    try:
        found = msgspec.json.decode((models_dir / CHALLENGE).read_bytes(), type=Challenge)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ModelRefused("the challenge cannot be read") from error
    if not 0.0 < found.share <= MOST_SHARE or not found.salt:
        raise ModelRefused("the challenge is damaged")
    return found
