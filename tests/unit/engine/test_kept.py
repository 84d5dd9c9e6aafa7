"""What rules keep of a customer: told by rule and kind, bounded, and never more in a record than was told."""

import random

import msgspec
import pytest

from api.adapters.records import encode_events
from api.cli.kept_report import kept_as_json, kept_as_text
from engine.compiler.bundle import MOST_BYTES
from engine.events import Event
from engine.facts import FactType, Held
from engine.kept import most_bytes
from engine.plan import Plan
from engine.running import blocks_of
from tests.builders import CATALOGUE, a_bundle, a_plan, a_trigger, problems_of
from tests.unit.api.shells import starter_plan

NOW_S = 1_766_664_000
DAY_S = 86_400
FACTS = """\
  salary.total_90d: {title: Salary, type: money, total: salary, of: amount, in: 90d}
  salary.count_7d: {title: Salaries, type: integer, count: salary, in: 7d}
  salary.trend_30d: {title: Trend, type: decimal, decimals: 4, trend: salary, of: amount, in: 30d}
  salary.year: {title: Salary of a year, type: money, total: salary, of: amount, in: 360d}
  salary.latest: {title: Latest, type: money, last: salary, of: amount}
"""
WITH_FACTS = {"catalogue.yaml": CATALOGUE.replace("calculated:\n", f"calculated:\n{FACTS}")}
HISTORY = "history: [{seen: salary, in: 300d, at_least: 12}, {not_seen: quote, in: 30d}]\npromote: {isa: 2}"


def a_field(rng: random.Random, kind: FactType, values: int) -> Held:
    """Any value of a field; amounts are large."""
    return rng.randrange(values) if kind is FactType.CATEGORY else rng.randrange(-(2**52), 2**52)


def grown(plan: Plan, count: int, within_days: int) -> list[int]:
    """The state of a customer to whom so many things happened."""
    rng, state = random.Random(7), plan.event_layout.empty(NOW_S - 400 * DAY_S)
    names = [kept.event for kept in plan.event_layout.filters] + [fact.event for fact in plan.event_layout.running]
    specs = [plan.catalogue.events[name] for name in names]
    for _ in range(count):
        spec = rng.choice(specs)
        fields = [a_field(rng, field.type, len(field.values)) for field in spec.fields]
        at = NOW_S - rng.randrange(within_days * DAY_S)
        state = plan.event_layout.fold(state, Event(name=spec.name, at=at, fields=fields))
    return state


@pytest.mark.parametrize("within_days", [1, 60, 400])
@pytest.mark.parametrize("plan", [starter_plan(), a_plan(WITH_FACTS, a_trigger("paid", HISTORY))])
def test_a_thousand_events_stay_within_what_the_check_tells(plan: Plan, within_days: int) -> None:
    """Each kind, and the record's field as a whole."""
    layout, state = plan.event_layout, grown(plan, 1_000, within_days)
    bound, taken = most_bytes(layout), dict.fromkeys(most_bytes(layout), 0)
    taken["instants"] = len(msgspec.msgpack.encode(state[: layout.width]))
    for fact, block in zip(layout.running, blocks_of(state, layout.width), strict=True):
        taken[fact.operation] += len(msgspec.msgpack.encode(block))
    whole = len(encode_events((layout, state)))
    sizes = ", ".join(f"{kind} {taken[kind]:,} of {bound[kind]:,}" for kind in bound)
    print(f"1,000 events in {within_days} days: {whole:,} of {sum(bound.values()):,} bytes ({sizes})")  # noqa: T201 - the figures are wanted
    assert all(size <= bound[kind] for kind, size in taken.items())
    assert whole <= sum(bound.values())


def test_each_rule_is_told_with_what_it_reads() -> None:
    """Directly, through calculated facts, and with the event since which something is counted."""
    facts = FACTS + "  doubled: {title: Doubled, type: money, sum: [salary.latest, salary.total_90d]}\n"
    bundle = a_bundle(
        {"catalogue.yaml": CATALOGUE.replace("calculated:\n", f"calculated:\n{facts}")},
        a_trigger("paid", HISTORY),
        a_trigger("rich", "when: {doubled: at least 100, salary.latest: present}\npromote: {isa: 2}"),
        a_trigger("gone", "history: [{not_seen: policy, since: quote}]\npromote: {isa: 2}"),
        a_trigger("old", "when: {age: over 60}\npromote: {isa: 2}"),
    )
    told = {each.rule: dict(each.bytes_by_kind) for each in bundle.kept}
    assert told == {
        "trigger/rich": {"last": 22, "total": 3_102},
        "trigger/paid": {"instants": 75},
        "trigger/gone": {"instants": 20},
    }
    sizes = kept_as_json(bundle)
    assert sizes["bytes"] == sum(most_bytes(bundle.plan.event_layout).values())
    assert [each["rule"] for each in sizes["rules"]] == ["trigger/rich", "trigger/paid", "trigger/gone"]
    assert next(iter(kept_as_text(sizes))).startswith("kept of a customer's events: ")


def test_a_rule_that_keeps_too_much_is_refused() -> None:
    """With its place, what it would take, and what helps."""
    names = [f"salary.year_{at}" for at in range(4)]
    facts = "".join(
        f"  {name}: {{title: Year, type: money, total: salary, of: amount, in: {350 + at}d}}\n"
        for at, name in enumerate(names)
    )
    when = ", ".join(f"{name}: at least 100" for name in names)
    found = problems_of(
        {"catalogue.yaml": CATALOGUE.replace("calculated:\n", f"calculated:\n{facts}")},
        a_trigger("paid", f"when: {{{when}}}\npromote: {{isa: 2}}"),
    )
    assert len(found) == 1
    assert "customized/paid.yaml" in found[0]
    assert f"`trigger/paid` would keep up to 19,884 bytes of a customer, {MOST_BYTES:,} at most" in found[0]
