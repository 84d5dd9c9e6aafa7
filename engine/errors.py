"""Problems as values: where a rule file is wrong, and what a caller handed over that the engine cannot take."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a rule file; line and column count from 1."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Severity(StrEnum):
    """An error keeps a bundle from serving; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What kind of problem a diagnostic tells of; stable, so that files and programs may name it."""

    INVALID = "invalid"
    """Something written that cannot be what it says."""
    UNREADABLE = "unreadable"
    """A file that is not YAML, or uses what rule files may not."""
    MISPLACED_FILE = "misplaced_file"
    MISNAMED_FILE = "misnamed_file"
    """A file that is not called like the rule in it."""
    TEXT_TOO_LONG = "text_too_long"
    """More than the screen shows."""
    FIGURE_WITHOUT_TERMS = "figure_without_terms"
    """A sum or a percentage in a text that the action's terms do not state."""
    INCOMPLETE_VALUES = "incomplete_values"
    """A list of nearly all products from which some are missing."""
    MISSING_FILE = "missing_file"
    MISSING_KEY = "missing_key"
    UNKNOWN_NAME = "unknown_name"
    """A fact, event, action, channel or key that nobody declares."""
    DUPLICATE = "duplicate"
    """Two of one name, or two rules that say the same."""
    IMPOSSIBLE_CONDITION = "impossible_condition"
    """No customer can match."""
    NEVER_CANDIDATE = "never_candidate"
    """An action that no customer can ever be offered."""
    NEVER_WINS = "never_wins"
    """An action that was always outranked on the reference population."""
    SHADOWED = "shadowed"
    """Another rule gives at least as much whenever this one matches."""
    CONTRADICTION = "contradiction"
    """One rule promotes what another suppresses, for the same customer."""
    SUPPRESSION_WITHOUT_END = "suppression_without_end"
    RANKING_FALLS = "ranking_falls"
    """A ranking formula that puts an offer lower although one of its factors is higher."""
    PRICE_CONFLICT = "price_conflict"
    """What differs between channels although it should not."""
    EXPIRED = "expired"
    """A rule whose last day is past."""
    NEVER_IN_FORCE = "never_in_force"
    """Windows of validity that do not meet."""
    OVERLAPPING_VALIDITY = "overlapping_validity"
    """Two files of one id that count on the same day."""
    WINDOW_TOO_LONG = "window_too_long"
    """A window longer than its event is kept."""
    KEEPS_TOO_MUCH = "keeps_too_much"
    """A rule or fact for which more would be kept of each customer than a record can hold."""
    PRIVATE_ON_PUBLIC = "private_on_public"
    """Something private on a screen that others can see."""
    MISSING_CONSENT_GUARD = "missing_consent_guard"
    STEP_NEVER_DONE = "step_never_done"
    """A step of a journey that nobody can ever be past."""
    WITHOUT_EFFECT = "without_effect"
    """Something written that changes nothing."""
    UNTESTED = "untested"
    """A rule whose tests never see it match, or never see it not match."""
    NOT_CHECKED = "not_checked"
    """A rule with too many cases to be checked."""
    STALE_VERSION = "stale_version"
    """A rule that changed, and whose version did not rise."""
    BROKEN_HISTORY = "broken_history"
    """A name or a place in a list that no longer leads to what is stored under it."""
    NEW_HISTORY = "new_history"
    """Something that is looked back on, and that nobody kept until now."""
    FAILED_TEST = "failed_test"
    ACCEPTANCE_WITHOUT_REASON = "acceptance_without_reason"
    ACCEPTANCE_OF_NOTHING = "acceptance_of_nothing"


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One problem in a rule file, in words for the person who wrote it."""

    span: Span
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    code: Code = Code.INVALID

    def __str__(self) -> str:
        mark = "" if self.severity is Severity.ERROR else f"warning [{self.code}]: "
        return f"{self.span}: {mark}{self.message}" + (f"; {self.hint}" if self.hint else "")


class RuleErrors(Exception):
    """The rule files do not make a bundle; every problem found, in file order."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))


class FactError(ValueError):
    """A value does not fit its fact's declared type, unit or range; says which and why, without the value's owner."""

    def __init__(self, fact: str, problem: str) -> None:
        self.fact = fact
        self.problem = problem
        super().__init__(f"`{fact}` {problem}")
