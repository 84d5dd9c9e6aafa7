"""Names for the array types that the generator passes around, and its seeded random streams."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Dates = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]  # counts, codes and row numbers, as narrow as their range allows
Seconds = NDArray[np.integer[Any]]  # since the history began
Singles = NDArray[np.float32]
Table = dict[str, NDArray[Any]]  # columns of equal length by name


def stream(seed: str, purpose: str) -> np.random.Generator:
    """A random stream of its own for each purpose, so that changing one part of the world leaves the others alone.

    `seed` is text because parts of the world are drawn twice: "7" is the bank, "7/pilot" the customers it is tuned on.
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def sigmoid(logits: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-logits))
