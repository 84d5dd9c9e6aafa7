"""Chooses the rows whose scores prove that a model is whole: together they reach every leaf that any row reaches."""

from typing import Final

import numpy as np

from models.arrays import Codes

FEWEST: Final = 48
MOST: Final = 400
MOST_CANDIDATES: Final = 8_000


def choose(leaves: Codes) -> list[int]:
    """Rows of `leaves`, one column a tree, in which each leaf occurs that occurs at all; rows evenly spread besides.

    Each next row is one that reaches most of what none has reached yet, the earliest where several do.
    """
    rows, trees = leaves.shape
    cells = leaves + np.arange(trees) * (int(leaves.max(initial=0)) + 1)
    missing = np.zeros(int(cells.max(initial=0)) + 1, dtype=bool)
    missing[cells.ravel()] = True
    chosen = list(range(0, rows, max(1, rows // FEWEST)))[:FEWEST]
    missing[cells[chosen]] = False
    while missing.any() and len(chosen) < MOST:
        best = int(np.argmax(missing[cells].sum(axis=1)))
        chosen.append(best)
        missing[cells[best]] = False
    return chosen
