"""Compiles the modules that every decision runs through, with mypyc; all else about the package is in pyproject.toml.

They are plain typed Python and run without being compiled as well, only slower (COMPILE=no).
"""

import os

from setuptools import Extension, setup

COMPILED = [
    "engine/actions.py",
    "engine/arbitration.py",
    "engine/budgets.py",
    "engine/clock.py",
    "engine/contact_policy.py",
    "engine/contact_rules.py",
    "engine/contacts.py",
    "engine/decision.py",
    "engine/engagement.py",
    "engine/experiments.py",
    "engine/exploration.py",
    "engine/fill.py",
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
    "api/adapters/commands.py",
    "api/adapters/customer_store.py",
    "api/adapters/flights.py",
    "api/adapters/keys.py",
    "api/adapters/record_reader.py",
    "api/adapters/script.py",
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


setup(ext_modules=extensions())
