"""Drawn banks in several processes: each takes some at a time, and what is found comes back in order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final, TypeVar

BANKS_AT_ONCE: Final = 25
Found = TypeVar("Found")


def in_chunks(
    look: Callable[[int, Sequence[int]], Found], seed: int, banks: Sequence[int], workers: int
) -> Iterator[Found]:
    """What `look` finds of a seed's banks, a chunk at a time; one worker looks in this process."""
    chunks = [banks[at : at + BANKS_AT_ONCE] for at in range(0, len(banks), BANKS_AT_ONCE)]
    if workers == 1:
        yield from (look(seed, chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(look, [seed] * len(chunks), chunks)
