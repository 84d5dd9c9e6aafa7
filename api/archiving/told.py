"""What a process that reads the archive tells the one that asked."""

from typing import Final

import msgspec


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The explanation of a decision, or why there is none; neither where the archive has no such decision."""

    explanation: msgspec.Raw = msgspec.Raw()
    refused: str | None = None


NO_SUCH: Final = Told()
