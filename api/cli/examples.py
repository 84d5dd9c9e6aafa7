"""Finds customers of the demonstration bank who show what it does: three doors, three people, three different offers.

Nothing here knows the bank: a sample of its customers is put to the running API.
"""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from api.access.roles import Role
from api.cli.asking import asked, post

SAMPLE: Final = 60
ATTEMPTS: Final = 5
SPEAKING: Final = ("trigger/", "theme/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A way in which a customer meets the bank."""

    channel: str
    moment: str
    placement: str
    scheme: str
    scene: str
    asks_as: Role = Role.TOUCHPOINT


DOORS: Final = (
    Door(
        channel="atm",
        moment="card_inserted",
        placement="idle_screen",
        scheme="card_token",
        scene="A card goes into a cash machine",
    ),
    Door(
        channel="web",
        moment="session_started",
        placement="hero",
        scheme="account_number",
        scene="A customer opens the web site",
    ),
    Door(
        channel="branch",
        moment="customer_at_counter",
        placement="card",
        scheme="customer_id",
        scene="A customer stands at a branch counter",
        asks_as=Role.TELLER,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question that really gets this answer."""

    door: Door
    question: Mapping[str, object]
    answer: Mapping[str, Any]
    because: str
    """The rule that speaks for the offer, in its own words; empty where it simply ranked highest."""

    @property
    def action(self) -> str:
        """The best offer of the answer."""
        return _action(self.answer)

    @property
    def line(self) -> str:
        """The answer in one line."""
        treatment = _best(self.answer)["treatment"]
        words = treatment.get("headline") or treatment.get("inquire") or ""
        return f"{self.action}: {words}" + (f" (because: {self.because})" if self.because else "")

    def commands(self, url: str, keys: Mapping[str, str]) -> tuple[str, str]:
        """The question and its explanation, to paste into a shell; `keys` by role."""
        explained = {**self.question, "detail": "all"}
        return (
            _curl(url, "/v1/decisions", self.question, keys[self.door.asks_as]),
            _curl(url, "/v1/explanations", explained, keys[Role.ANALYST]),
        )


def find_examples(url: str, bank: Path, offers: Set[str], keys: Mapping[str, str]) -> tuple[Example, ...]:
    """One example a door, for different customers with different offers; fewer where the sample holds no more.

    Args:
        url: where the API answers.
        bank: folder of the bank's files.
        offers: the actions that are offers rather than services; those that a rule speaks for come first.
        keys: of every role.
    """
    sample = _sampled(bank)
    found: list[Example] = []
    used: set[str] = set()
    for door in DOORS:
        wanted = offers - {each.action for each in found}
        explained = [
            (names["customer_id"], question, answer)
            for names in sample
            if names["customer_id"] not in used
            for question, answer in [_explained(url, door, names, keys)]
            if answer["propositions"][0]["options"] and _action(answer) in wanted
        ]
        explained.sort(key=lambda each: not _because(each[2]))
        for customer, question, answer in explained:
            decided = _decided(url, question, keys[door.asks_as])
            if decided is not None and _action(decided) == _action(answer):
                used.add(customer)
                found.append(Example(door=door, question=question, answer=decided, because=_because(answer)))
                break
    return tuple(found)


def _sampled(bank: Path) -> Sequence[Mapping[str, str]]:
    """Customers spread over the bank, with one name of theirs in each scheme."""
    columns = ["customer_id", "account_number", "card_token"]
    accounts = pl.read_parquet(bank / "accounts.parquet", columns=columns).drop_nulls()
    alone = accounts.filter(~pl.col("account_number").is_duplicated()).unique("customer_id", maintain_order=True)
    return alone.gather_every(max(1, len(alone) // SAMPLE)).head(SAMPLE).to_dicts()


def _explained(
    url: str, door: Door, names: Mapping[str, str], keys: Mapping[str, str]
) -> tuple[dict[str, object], Mapping[str, Any]]:
    question = asked(f"{door.scheme}:{names[door.scheme]}", door.channel, [door.placement], door.moment)
    return question, post(url, "/v1/explanations", question, key=keys[Role.ANALYST])


def _decided(url: str, question: Mapping[str, object], key: str) -> Mapping[str, Any] | None:
    """The real answer, once it carries an offer; a process that has just started may miss its first deadlines."""
    for _ in range(ATTEMPTS):
        answer = post(url, "/v1/decisions", question, key=key)
        if answer["propositions"][0]["options"]:
            return answer
    return None


def _best(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    best: Mapping[str, Any] = answer["propositions"][0]["options"][0]
    return best


def _action(answer: Mapping[str, Any]) -> str:
    return str(_best(answer)["action"])


def _because(answer: Mapping[str, Any]) -> str:
    rules = [reason for reason in _best(answer).get("reasons", ()) if reason.get("rule", "").startswith(SPEAKING)]
    return str(rules[0].get("title") or rules[0]["rule"]) if rules else ""


def _curl(url: str, path: str, body: Mapping[str, object], key: str) -> str:
    headers = f"-H 'authorization: Bearer {key}' -H 'content-type: application/json'"
    sent = f"curl -s {url}{path} {headers} -d '{json.dumps(body)}'"
    return f"{sent} | python3 -m json.tool"
