"""One check a module; each looks at all rules together and reports what no single file shows."""

from collections.abc import Callable
from typing import Final

from engine.compiler.checks.action_hashes import check_action_hashes
from engine.compiler.checks.impossible import check_impossible
from engine.compiler.checks.journeys import check_journeys
from engine.compiler.checks.promotions import check_promotions
from engine.compiler.checks.subject import Subject
from engine.compiler.form import Problems
from engine.errors import Code

COMPILER_CODES: Final = frozenset(Code) - {Code.BROKEN_HISTORY, Code.EXPIRED, Code.NEVER_WINS, Code.UNTESTED}
"""What compiling looks for; the others need a day, a population or the tests' answers."""
CHECKS: Final[tuple[Callable[[Subject, Problems], None], ...]] = (
    check_action_hashes,
    check_impossible,
    check_journeys,
    check_promotions,
)
