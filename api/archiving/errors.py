"""What keeps an archive from being written."""


class ArchiveBusy(Exception):
    """It is written by another process, or is not that of this store; one sentence says which."""


class ArchiveDamaged(Exception):
    """It cannot be gone on with; one sentence says why."""
