"""How the last attempt to take up what lies on disk ended, for readiness."""

from dataclasses import dataclass
from typing import Literal

Result = Literal["none", "taken_up", "unchanged", "refused", "failed"]


@dataclass(slots=True)
class ReloadStatus:
    """How the last attempt to take up what lies on disk ended."""

    result: Result = "none"
    ruleset: str | None = None
    errors: int = 0
    at_s: float = 0.0

    @property
    def behind(self) -> bool:
        """Whether something lies on disk that does not serve."""
        return self.result in ("refused", "failed")
