"""Compiles the modules that every decision runs through, with mypyc; all else about the package is in pyproject.toml.

They are plain typed Python and run without being compiled as well, only slower (COMPILE=no).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

COMPILED = [
    "engine/actions.py",
    "engine/arbitration.py",
    "engine/budgets.py",
    "engine/channels.py",
    "engine/clock.py",
    "engine/contact_policy.py",
    "engine/contact_rules.py",
    "engine/contacts.py",
    "engine/decision.py",
    "engine/engagement.py",
    "engine/experiments.py",
    "engine/exploration.py",
    "engine/fill.py",
    "engine/generated.py",
    "engine/guards.py",
    "engine/pipeline.py",
    "engine/plan.py",
    "engine/ports.py",
    "engine/quotes.py",
    "engine/reasons.py",
    "engine/relevance.py",
    "engine/row.py",
    "engine/running.py",
    "engine/scoring.py",
    "engine/terms.py",
    "engine/treatments.py",
    "models/history.py",
    "models/leaves.py",
    "models/propensity.py",
    "models/reading.py",
    "models/uplift/serving.py",
    "api/access/callers.py",
    "api/access/keyring.py",
    "api/access/limits.py",
    "api/adapters/bulk.py",
    "api/adapters/commands.py",
    "api/adapters/customer_store.py",
    "api/adapters/event_store.py",
    "api/adapters/flights.py",
    "api/adapters/keys.py",
    "api/adapters/record_reader.py",
    "api/adapters/script.py",
    "api/adapters/stream_reader.py",
    "api/adapters/wire.py",
    "api/asgi.py",
    "api/decision_log.py",
    "api/gathering.py",
    "api/judged.py",
    "api/judging.py",
    "api/ports/customers.py",
    "api/ports/units.py",
    "api/questions.py",
    "api/rendering.py",
    "api/retelling.py",
    "api/routes/decisions.py",
    "api/service.py",
    "api/serving.py",
    "api/tokens.py",
    "api/vocabulary.py",
]


def extensions() -> list[Extension]:
    """One extension for each compiled module; they call each other without going through the interpreter."""
    if os.environ.get("COMPILE") == "no":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 - not needed, and perhaps not there, where nothing is compiled

    found: list[Extension] = mypycify(
        ["--no-error-summary", "--ignore-missing-imports", *COMPILED], opt_level="3", group_name="engine.native"
    )
    return found


class BuildSideBySide(build_ext):
    """Gives every processor a source to compile; the C code of all modules makes one library, by itself one by one."""

    def build_extensions(self) -> None:
        """Build all; the compiler's own `compile` takes the sources one each."""
        one_by_one: Callable[..., list[str]] = self.compiler.compile

        def side_by_side(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                made = pool.map(lambda source: one_by_one([source], **options), sources)
                return [name for names in made for name in names]

        self.compiler.compile = side_by_side
        super().build_extensions()


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildSideBySide})
