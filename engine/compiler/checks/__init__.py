"""One check a module; each looks at all rules together and reports what no single file shows."""

from collections.abc import Callable
from typing import Final

from engine.compiler.checks.action_hashes import check_action_hashes
from engine.compiler.checks.consent_guard import check_consent_guard
from engine.compiler.checks.contradictions import check_contradictions
from engine.compiler.checks.file_names import check_file_names
from engine.compiler.checks.impossible import check_impossible
from engine.compiler.checks.journeys import check_journeys
from engine.compiler.checks.kept_events import check_kept_events
from engine.compiler.checks.must_rests import check_must_rests
from engine.compiler.checks.need_blocks import check_need_blocks
from engine.compiler.checks.never_candidate import check_never_candidate
from engine.compiler.checks.prices import check_prices
from engine.compiler.checks.private_conditions import check_private_conditions
from engine.compiler.checks.promotions import check_promotions
from engine.compiler.checks.shadowed import check_shadowed
from engine.compiler.checks.subject import Subject
from engine.compiler.checks.unreachable import check_unreachable
from engine.compiler.checks.validity import check_validity
from engine.compiler.problem_list import Problems
from engine.errors import Code

Check = Callable[[Subject, Problems], None]

_OF_OTHERS: Final = {Code.BROKEN_HISTORY, Code.EXPIRED, Code.NEVER_WINS, Code.NEW_HISTORY, Code.UNTESTED}
COMPILER_CODES: Final = frozenset(Code) - _OF_OTHERS
"""What compiling looks for; the others need a day, a population or the tests' answers."""

CHECKS: Final[tuple[Check, ...]] = (
    check_action_hashes,
    check_consent_guard,
    check_impossible,
    check_journeys,
    check_kept_events,
    check_must_rests,
    check_need_blocks,
    check_prices,
    check_private_conditions,
    check_promotions,
    check_validity,
)
"""Checks that make sense of rules even where some could not be read."""

CHECKS_OF_SOUND_RULES: Final[tuple[Check, ...]] = (
    check_contradictions,
    check_file_names,
    check_never_candidate,
    check_shadowed,
    check_unreachable,
)
"""Checks that conclude from what rules do not say, so all of them must have been read without an error."""
