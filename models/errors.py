"""What can go wrong with a model, as exceptions that carry one sentence for a person."""


class ModelRefused(Exception):
    """A stored model is absent, damaged or does not fit; it never serves. `reason` says why, without any path."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TrainingRefused(Exception):
    """The data on hand do not make a model; says what is missing."""
