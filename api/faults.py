"""How a bug is logged: where it happened and of which kind, without the values that its message may carry."""

import logging
import traceback


def log_fault(log: logging.Logger, doing: str, error: BaseException) -> None:
    """Log an error that nobody expected. Its message is left out: it may quote a customer's data."""
    frames = traceback.extract_tb(error.__traceback__)
    path = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("%s failed: %s at %s", doing, type(error).__name__, path)
