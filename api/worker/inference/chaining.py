"""Forward chaining with durable-rules, within what it was seen to do safely.

One message and one session a rule set; a fact is asserted, what it fires is read, and it is retracted before the next
one. The engine is used without its host, so there are no timers, threads, or errors that quote a customer's facts.
"""

import json
from typing import Any, Final

import durable_rules_engine as engine

from api.worker.inference.messages import Chain, Facts

_NOTHING_FIRED: Final = 1
_SESSION: Final = {"id": "facts", "sid": "0"}
"""INVARIANT: one session and one fact a rule set, whoever is asked about: hashes of sessions collide."""


class Chainer:
    """The rule sets of one chain; needs that no rule concluded are false."""

    def __init__(self, chain: Chain) -> None:
        self._field_by_rule = chain.field_by_rule
        self._unheld = dict.fromkeys(chain.field_by_rule.values(), 0)
        self._strata = [
            [
                (engine.create_ruleset(f"s{stratum}_{at}", json.dumps(rules)), tuple(reads))
                for at, (rules, reads) in enumerate(sets)
            ]
            for stratum, sets in enumerate(chain.strata)
        ]

    def infer(self, facts: Facts) -> list[str]:
        """The rules that hold of some facts: first of needs, then of what they lead to.

        Raises:
            TypeError: something told is not a whole number, which durable-rules would compare all the same.
        """
        if any(type(number) is not int for number in facts.values()):
            raise TypeError("facts are whole numbers")
        known, held = self._unheld | facts, list[str]()
        for sets in self._strata:
            fired = [
                rule
                for rules, reads in sets
                for rule in _fired(rules, {name: known[name] for name in reads if name in known})
            ]
            held += fired
            for rule in fired:
                if (field := self._field_by_rule.get(rule)) is not None:
                    known[field] = 1
        return held


def _fired(rules: Any, facts: Facts) -> list[str]:
    """The rules of a set that hold; each once, in however many ways it does."""
    message = json.dumps(facts | _SESSION)
    status, session = engine.assert_fact(rules, message)
    fired: dict[str, None] = {}
    if status != _NOTHING_FIRED and (started := engine.start_action_for_state(rules, session)):
        action = started[1]
        while action:
            fired[_rule_of(action)] = None
            action = engine.complete_and_start_action(rules, session)
    engine.retract_fact(rules, message)
    return list(fired)


def _rule_of(action: str) -> str:
    """The name in `{"name":{"m":{...}}}`, without reading the facts again."""
    return action[2 : action.index('"', 2)]
