"""Every construct of the reference page is compiled and judged for the customers that it names."""

import re
from dataclasses import replace
from functools import lru_cache

import pytest

from api.adapters.bundle_files import read_rules
from api.authoring.constructs import GROUPS, Construct
from api.authoring.json_schema import schemas
from engine import Plan, RuleErrors, Snapshot, compile_bundle
from engine.compiler.given import read_given
from engine.compiler.happened import read_events
from engine.compiler.parse import Mapping, Sequence, parse
from engine.compiler.problem_list import Problems
from engine.row import assemble
from tests.builders import NOW, a_question
from tests.json_schema import as_an_editor_reads, failures
from tests.unit.api.authoring.books import REFERENCE_BANK, names

CONSTRUCTS = [construct for group in GROUPS for construct in group.constructs]
_EVENT = re.compile(r"(\w+)(?:\((.+)\))? (-\w+)")


@lru_cache(maxsize=1)
def _plan() -> Plan:
    """The reference bank with a trigger for every construct, whose condition it is."""
    triggers = {f"customized/example_{at}.yaml": _trigger(each.written) for at, each in enumerate(CONSTRUCTS)}
    return compile_bundle(read_rules(REFERENCE_BANK) | triggers).plan


def _trigger(block: str) -> bytes:
    return f"trigger: {_name(block)}\nwhen:\n  {block}\npromote: {{mortgage: 2}}\n".encode()


def _name(block: str) -> str:
    return f"example_{int.from_bytes(block.encode(), 'big') % 10**9}"


def _truth(construct: Construct, customer: str) -> bool | None:
    plan, problems = _plan(), Problems()
    given = parse("given", f"given: {customer if customer.startswith('{') else '{}'}".encode()).get("given")
    happened = [] if customer.startswith("{") else [_EVENT.fullmatch(each) for each in customer.split(", ")]
    fields = [(each[1], each[3], f", amount: {each[2]}" if each[2] else "") for each in happened if each is not None]
    assert len(fields) == len(happened)
    events = [f"{{t: {t}, event: {name}{amount}}}" for name, t, amount in fields]
    nodes = parse("events", f"events: [{', '.join(events)}]".encode()).get("events")
    assert isinstance(given, Mapping)
    assert isinstance(nodes, Sequence)
    read = read_given(plan, given.entries, NOW, problems)
    snapshot = Snapshot(
        known=True,
        profile=read.profile,
        events=read_events(plan, nodes.items, NOW, problems),
        needs=read.needs,
        consent=read.consent,
    )
    assert problems.sorted() == ()
    question = a_question(plan, "atm.idle_screen", moment="card_inserted")
    row = assemble(plan, replace(question, context=read.context), snapshot, NOW)
    trigger = next(each for each in plan.triggers if each.head.rule == f"trigger/{_name(construct.written)}")
    return plan.tracer.truth(trigger.condition, row)


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.written)
def test_a_construct_is_what_its_examples_say(construct: Construct) -> None:
    found = {
        verdict: _truth(construct, customer)
        for verdict, customer in ((True, construct.true), (False, construct.false), (None, construct.unknown))
        if customer != "-"
    }
    assert found == {verdict: verdict for verdict in found}


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.written)
def test_a_construct_fits_the_schema(construct: Construct) -> None:
    document = as_an_editor_reads(parse("t.yaml", _trigger(construct.written)))
    assert failures(document, schemas(names(REFERENCE_BANK))["trigger.schema.json"]) == []


@pytest.mark.parametrize(
    "block",
    [
        "age: at lest 18",
        "age: 18...",
        "age: within 30d",
        "housing: rented",
        "housing: at least 3",
        "paperless: maybe",
        "renews_on: within 30",
        "renews_on: within 30 days",
        "holds.home_insurance: owned",
        "hobbies: fishing",
        "agee: 18",
        "request.channel: television",
        "history: [{seen: quote_requested}]",
        "history: [{seen: quotes, in: 30d}]",
        "history: [{ever: quote_requested, in: 30d}]",
        "history: [{seen: quote_requested, in: 30m}]",
        "history: [{seen: quote_requested, ever: quote_requested}]",
        "any: {age: 18}",
    ],
)
def test_what_the_compiler_refuses_the_schema_underlines(block: str) -> None:
    document = as_an_editor_reads(parse("t.yaml", _trigger(block)))
    assert failures(document, schemas(names(REFERENCE_BANK))["trigger.schema.json"]) != []
    with pytest.raises(RuleErrors):
        compile_bundle(read_rules(REFERENCE_BANK) | {"customized/example.yaml": _trigger(block)})
