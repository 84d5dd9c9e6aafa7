"""The grammar of rule files as data: every kind of mapping, its keys, their kinds of values, and what they mean.

The compiler, the JSON Schemas for editors and the reference page all read it here. Bounds, words and defaults that
stand here stand nowhere else.
"""

from collections.abc import Mapping
from typing import Final

from engine.compiler.grammar import bank, common, marketing, policy, rule_tests
from engine.compiler.grammar.kinds import Shape

SHAPES: Final[Mapping[str, Shape]] = {
    shape.name: shape for shape in (*bank.SHAPES, *marketing.SHAPES, *policy.SHAPES, *rule_tests.SHAPES, common.VALID)
}

FILES: Final[Mapping[str, str]] = {
    "bank.yaml": "bank.yaml",
    "catalogue.yaml": "catalogue.yaml",
    "channels.yaml": "channels.yaml",
    "personas.yaml": "personas.yaml",
    "actions/*.yaml": "an action file",
    "thematic/*.yaml": "a theme file",
    "customized/*.yaml": "a trigger file",
    "policy/guards.yaml": "policy/guards.yaml",
    "policy/contact.yaml": "policy/contact.yaml",
    "policy/arbitration.yaml": "policy/arbitration.yaml",
    "policy/experiments.yaml": "policy/experiments.yaml",
}
"""The shape of every kind of file, by where it stands below the rules folder."""
