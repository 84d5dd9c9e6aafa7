"""Places of entries in a partition's stream."""

from api.ports import FIRST


def place_of(entry_id: str) -> tuple[int, int]:
    """An entry's place in its stream, for comparing."""
    milliseconds, _, sequence = (entry_id or FIRST).partition("-")
    return int(milliseconds), int(sequence)
