"""A thousand rules as a marketing department would keep them: half actions, half triggers, each with its test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from bench.blocks import BlockDrawer, customer_values
from bench.bundle import SEED, action_file, frame, trigger_file
from engine import compile_bundle
from engine.ruletests import run_rule_tests

RULES: Final = 1_000
_WANTED: Final = (True, False, None)
_ASK: Final = "ask: {channel: atm, placement: idle_screen, moment: arrived}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """How long it takes from files to a bundle whose tests have passed, in seconds."""

    compile_s: float
    """Reading, checking and generating."""
    test_s: float
    tests: int


def publish(files: Mapping[str, bytes]) -> Publishing:
    """Compile, check and test rule files once.

    Raises:
        AssertionError: a test failed, or there were none.
    """
    started = perf_counter()
    bundle = compile_bundle(files)
    compiled = perf_counter()
    results = run_rule_tests(bundle)
    tested = perf_counter()
    if not results or not all(each.passed for each in results):
        raise AssertionError("the tests of the drawn rules fail")
    return Publishing(compile_s=compiled - started, test_s=tested - compiled, tests=len(results))


def rule_set(count: int = RULES) -> dict[str, bytes]:
    """Rule files of so many rules; the same bytes each time."""
    drawer, actions = BlockDrawer(SEED), count // 2
    files = {**frame(), "personas.yaml": _personas()}
    for number in range(actions):
        wanted = _WANTED[number % 3]
        text = action_file(number, drawer.block(wanted=wanted))
        expected = f"{'offer' if wanted else 'not_offer'}: action_{number:04d}"
        files[f"actions/action_{number:04d}.yaml"] = text + _test(expected)
    for number in range(count - actions):
        target = f"action_{3 * number % (actions - actions % 3):04d}"
        text = trigger_file(number, drawer.block(wanted=number % 2 == 0), {target: "1.2"})
        because = f", because: trigger_{number:04d}" if number % 2 == 0 else ""
        files[f"customized/trigger_{number:04d}.yaml"] = text + _test(f"offer: {target}{because}")
    return {path: text.encode() for path, text in files.items()}


def _personas() -> str:
    values = {name: value for name, value in customer_values(SEED, 0).items() if value is not None}
    facts = ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
    return f"personas:\n  typical: {{{facts}, consent.marketing: true}}\n"


def _test(expected: str) -> str:
    return f"tests:\n  - {{name: as drawn, {_ASK}, expect: {{{expected}}}}}\n"
