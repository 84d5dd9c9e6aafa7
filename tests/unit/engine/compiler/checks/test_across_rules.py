"""What two or more rules do to each other: they shadow, repeat, contradict, or leave nobody."""

import pytest

from engine import RuleErrors, compile_bundle
from engine.compiler.boxes import search
from engine.compiler.boxes.axes import Region, Wanted, World, region_of
from engine.errors import Code, Diagnostic
from engine.syntax import Atom
from tests.builders import CATALOGUE, a_theme, a_trigger, an_action, rule_files, the_arbitration, the_guards

ISA = an_action("isa", gives="isa")


def found(code: Code, *parts: dict[str, str]) -> list[Diagnostic]:
    """The problems of one kind in rule files."""
    try:
        diagnostics = compile_bundle(rule_files(*parts)).plan.warnings
    except RuleErrors as errors:
        diagnostics = errors.diagnostics
    return [each for each in diagnostics if each.code is code]


def triggers(first: str, second: str) -> tuple[dict[str, str], ...]:
    """Two triggers beside an action."""
    return ISA, a_trigger("first", first), a_trigger("second", second)


# --- shadowed and duplicate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("when: {age: 20..30}\npromote: {isa: 1.5}", "when: {age: at least 18}\npromote: {isa: 2}"),
        ("when: {age: 20..30}\npromote: {isa: 0.5}", "when: {age: at least 18}\npromote: {isa: 0.4}"),
        (
            "when: {age: 20}\non: {moment: [page_viewed]}\npromote: {isa: 2}",
            "when: {age: present}\non: {moment: [page_viewed, session_started]}\npromote: {isa: 2}",
        ),
        (
            "history: [{seen: quote, in: 30d}]\npromote: {isa: 2}",
            "history: [{seen: quote, in: 90d}]\npromote: {isa: 2}",
        ),
        ("history: [{last: quote, ago: 5d..9d}]\npromote: {isa: 2}", "history: [{ever: quote}]\npromote: {isa: 2}"),
        ("when: {work: student}\npromote: {isa: 2}", "when: {work: not retired}\npromote: {isa: 2}"),
        ("when: {income: '< 2 * rent', age: 5}\npromote: {isa: 2}", "when: {income: '< 2 * rent'}\npromote: {isa: 2}"),
    ],
)
def test_trigger_is_shadowed_by_one_that_always_gives_at_least_as_much(first: str, second: str) -> None:
    """Whenever the narrower matches, the wider does too and moves as far in the same direction."""
    (warning,) = found(Code.SHADOWED, *triggers(first, second))
    assert warning.span.path == "rules/customized/first.yaml"
    assert "`trigger/second` (rules/customized/second.yaml:1:1) does too" in warning.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("when: {age: 20..30}\npromote: {isa: 2}", "when: {age: at least 18}\npromote: {isa: 1.5}"),
        ("when: {age: 20..30}\npromote: {isa: 0.4}", "when: {age: at least 18}\npromote: {isa: 0.5}"),
        ("when: {age: 20..30}\npromote: {isa: 2}", "when: {age: at least 21}\npromote: {isa: 2}"),
        (
            "when: {age: 20..30}\npromote: {isa: 2}",
            "when: {age: at least 18}\npromote: {isa: 2}\nvalid: {to: 2026-12-31}",
        ),
        (
            "when: {age: 20}\npromote: {isa: 2}",
            "when: {age: present}\non: {moment: [page_viewed, session_started]}\npromote: {isa: 2}",
        ),
        (
            "history: [{seen: quote, in: 30d}]\npromote: {isa: 2}",
            "history: [{seen: quote, in: 1mo}]\npromote: {isa: 2}",
        ),
        ("when: {age: 20}\npromote: {isa: 2}", "when: {age: present, verified: true}\npromote: {isa: 2}"),
    ],
)
def test_trigger_that_gives_more_or_to_others_is_not_shadowed(first: str, second: str) -> None:
    """Never wrong: less weight, fewer customers, fewer days or moments, or an order of windows that is not certain."""
    assert found(Code.SHADOWED, *triggers(first, second)) == []


def test_two_rules_that_say_the_same_are_duplicates() -> None:
    """However they are worded, and reported once."""
    (warning,) = found(
        Code.DUPLICATE,
        *triggers("when: {age: at least 18}\npromote: {isa: 2}", "when: {age: over 17}\npromote: {isa: 2}"),
    )
    assert warning.message == "`trigger/first` says the same as `trigger/second` (rules/customized/second.yaml:1:1)"


def test_themes_and_guards_are_shadowed_as_well() -> None:
    """A theme by a stronger one of the same journey, a guard by one that stops as much."""
    themes = [
        a_theme(name, f"active: {{age: {age}}}\njourney: [isa]\nweight: {weight}")
        for name, age, weight in (("narrow", "20..30", 1.2), ("wide", "at least 18", 1.4))
    ]
    guards = the_guards(
        "{guard: young, stops: {all: true}, when: {age: under 18}}",
        "{guard: children, stops: {groups: [savings]}, when: {age: under 10}}",
    )
    assert [each.message.split("`")[1] for each in found(Code.SHADOWED, ISA, *themes, guards)] == [
        "guard/children",
        "theme/narrow",
    ]


def test_treatment_below_one_that_always_fits_never_shows() -> None:
    """Unless it is for another placement, or the one above needs a fact that may be missing."""
    second = "{{id: b, headline: x, when: {{age: 20}}}}"
    lines = f"treatments:\n  web.{{place}}: [{{{{id: a, headline: {{text}}}}}}, {second}]"
    (warning,) = found(Code.SHADOWED, an_action("isa", lines.format(place="hero", text="x")))
    assert "the treatment `isa/web.hero/b` never shows: those above it, from `isa/web.hero/a` on" in warning.message
    assert found(Code.SHADOWED, an_action("isa", lines.format(place="hero", text='"{tenure}"'))) == []


def test_row_of_a_value_below_a_wider_one_never_counts() -> None:
    """The first row that is true wins."""
    table = "{{table: [{{when: {{age: {first}}}, then: 5}}, {{when: {{age: {second}}}, then: 6}}, {{then: 1}}]}}"
    (warning,) = found(Code.SHADOWED, an_action("isa", value=table.format(first="over 18", second="over 60")))
    assert "this row never counts" in warning.message
    assert found(Code.SHADOWED, an_action("isa", value=table.format(first="over 60", second="over 18"))) == []


# --- contradictions --------------------------------------------------------------------------------------------------


def test_contradiction_is_told_with_a_customer_who_gets_both() -> None:
    """At the rule that suppresses, naming the one that promotes."""
    (warning,) = found(
        Code.CONTRADICTION,
        *triggers(
            "when: {age: at least 30, segments.affluent: true, holds.loan: false}\npromote: {isa: 2}",
            "history: [{seen: complaint, in: 30d}]\nwhen: {work: not student}\nsuppress: {actions: [isa], for: 30d}",
        ),
    )
    assert warning.span.path == "rules/customized/second.yaml"
    assert warning.message == (
        "this suppresses `isa`, which `trigger/first` (rules/customized/first.yaml:1:1) promotes: a customer aged 30 "
        "in segment affluent with `complaint` just now and `work` employed, without `holds.loan` gets both, and the "
        "suppression wins"
    )


@pytest.mark.parametrize(
    ("promoting", "suppressing"),
    [
        ("when: {age: under 30}", "when: {age: at least 30}"),
        ("when: {age: 20}\nvalid: {to: 2026-03-31}", "when: {age: 20}\nvalid: {from: 2026-04-01}"),
        ("when: {age: 20}\non: {moment: [page_viewed]}", "when: {age: 20}\non: {moment: [session_started]}"),
        ("history: [{not_seen: complaint, in: 60d}]", "when: {age: 20}"),
        ("when: {income: '< 2 * rent'}", "when: {income: '> 2 * rent'}"),
        ("when: {left_over: under 5}", "when: {outgoings: over 9_000}"),
    ],
)
def test_rules_that_meet_in_nobody_or_perhaps_in_nobody_do_not_contradict(promoting: str, suppressing: str) -> None:
    """A contradiction is told only of a customer who surely exists."""
    event = "" if "history" in suppressing else "\nhistory: [{seen: complaint, in: 30d}]"
    pair = triggers(
        f"{promoting}\npromote: {{isa: 2}}", f"{suppressing}{event}\nsuppress: {{actions: [isa], for: 30d}}"
    )
    assert found(Code.CONTRADICTION, *pair) == []


# --- never a candidate -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "others", "told"),
    [
        (
            an_action("isa", "eligible: {when: {age: under 18}}"),
            [the_guards("{guard: minors, stops: {all: true}, when: {age: under 18}}")],
            "line 5 asks `age: under 18`, rules/policy/guards.yaml:4 (the guard `minors`) passes `not (age: under 18)`",
        ),
        (
            an_action("isa", "eligible: {history: [{seen: quote, in: 30d}]}"),
            [a_trigger("quoted", "history: [{seen: quote, in: 60d}]\nsuppress: {actions: [isa], for: 60d}")],
            "(the suppression `quoted`) passes",
        ),
        (
            an_action("isa", "eligible: {when: {age: under 30}}", show="only_when_promoted"),
            [a_trigger("older", "when: {age: over 40}\npromote: {isa: 2}")],
            "line 6 asks `age: under 30`, no trigger or theme promotes it for anybody whom it may be shown to",
        ),
        (
            an_action("isa", show="only_when_promoted", places=["atm.idle"]),
            [a_trigger("viewed", "when: {age: over 40}\non: {moment: [page_viewed]}\npromote: {isa: 2}")],
            "none of its treatments fits, no trigger or theme promotes it for anybody whom it may be shown to",
        ),
        (
            an_action("isa", show="only_when_promoted", valid="{to: 2026-03-31}"),
            [a_trigger("spring", "when: {age: over 40}\nvalid: {from: 2026-04-01}\npromote: {isa: 2}")],
            "no trigger or theme promotes it for anybody",
        ),
    ],
)
def test_action_that_nobody_can_be_offered_is_refused(
    action: dict[str, str], others: list[dict[str, str]], told: str
) -> None:
    """With the least that stands in the way: guards, suppressions, reasons, places and days among it."""
    (error,) = found(Code.NEVER_CANDIDATE, action, *others)
    assert error.message.startswith("`isa` can never be a candidate: ")
    assert told in error.message


# --- single findings -------------------------------------------------------------------------------------------------


def test_rule_that_is_valid_only_while_its_actions_are_not_is_told() -> None:
    """Triggers, themes and levers."""
    isa = an_action("isa", valid="{to: 2026-03-31}")
    late = a_trigger("late", "when: {age: over 40}\npromote: {isa: 2}", valid="{from: 2026-04-01}")
    lever = the_arbitration("levers:\n  - {lever: push, percent: 5, actions: [isa], valid: {from: 2026-04-01}}\n")
    assert [each.message for each in found(Code.NEVER_IN_FORCE, isa, late, lever)] == [
        "this is valid only while `isa` is not"
    ] * 2


def test_suppression_must_not_outlast_what_is_kept_of_its_event() -> None:
    """It would end when its event is forgotten."""
    trigger = a_trigger("t", "history: [{seen: quote, in: 30d}]\nsuppress: {actions: [isa], for: 2y}")
    (error,) = found(Code.WINDOW_TOO_LONG, ISA, trigger)
    assert error.message == "the suppression lasts 2y, longer than `quote` is kept (400 days)"


@pytest.mark.parametrize(
    ("web", "branch", "count"),
    [
        ("From £9.99 a month", "Only 12.50 pounds a month", 1),
        ("Save 4.5 % a year", "Save 4.5% a year and pay £0", 0),
        ("From £9.99 a month", "Ask us for a quote", 0),
        ("Open 24 hours", "Two minutes", 0),
    ],
)
def test_channels_that_quote_different_amounts_are_told(web: str, branch: str, count: int) -> None:
    """Sums and percentages alone; other numbers may differ."""
    lines = f'treatments:\n  web.*: {{headline: "{web}"}}\n  branch.*: {{inquire: ["{branch}"]}}'
    assert len(found(Code.PRICE_CONFLICT, an_action("isa", lines))) == count


def test_text_on_a_public_screen_must_not_differ_by_something_private() -> None:
    """Elsewhere it may."""
    lines = "treatments:\n  {place}: [{{id: a, headline: x, when: {{income: over 5_000}}}}, {{id: b, headline: y}}]"
    (warning,) = found(Code.PRIVATE_ON_PUBLIC, an_action("isa", lines.format(place="atm.idle")))
    assert "whoever sees `atm` can tell `income`, which is private" in warning.message
    assert found(Code.PRIVATE_ON_PUBLIC, an_action("isa", lines.format(place="web.hero"))) == []


def test_treatment_for_fewer_eyes_does_not_belong_on_a_public_screen() -> None:
    """Whatever its words are."""
    lines = "treatments:\n  {place}: {{headline: x, privacy: personal}}"
    (error,) = found(Code.PRIVATE_ON_PUBLIC, an_action("isa", lines.format(place="atm.idle")))
    assert error.message == "this is for fewer eyes than `atm` has, which is a public screen"
    assert found(Code.PRIVATE_ON_PUBLIC, an_action("isa", lines.format(place="web.hero"))) == []


@pytest.mark.parametrize(
    ("guard", "guarded"),
    [
        ("when: {consent.marketing: not true}", True),
        ("when: {consent.marketing: false}", True),
        ("when: {any: [{consent.marketing: not true}, {age: under 18}]}", True),
        ("when: {consent.marketing: true}", False),
        ("when: {consent.marketing: not true, age: under 18}", False),
        ("when: {age: under 18}", False),
        ("when: {consent.marketing: not true}, valid: {to: 2026-12-31}", False),
    ],
)
def test_consent_guard_must_stop_whoever_has_not_consented(guard: str, guarded: bool) -> None:
    """Reading consent is not enough: it must stop in every case and at all times."""
    guards = {"policy/guards.yaml": f"guards:\n  - {{guard: consent, stops: {{tiers: [offer]}}, {guard}}}\n"}
    assert bool(found(Code.MISSING_CONSENT_GUARD, ISA, guards)) is not guarded


def test_default_of_consent_is_for_compliance_to_decide() -> None:
    """Where guards take a missing answer for a yes, it is one."""
    guard = "{guard: c, stops: {all: true}, when: {consent.marketing: not true}}"
    text = f"defaults: {{consent.marketing: true}}\nguards:\n  - {guard}\n"
    assert found(Code.MISSING_CONSENT_GUARD, ISA, {"policy/guards.yaml": text}) == []


# --- many rules on one action ----------------------------------------------------------------------------------------


def test_cells_are_worked_out_once_however_many_rules_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing grows with the pairs of rules, but what each cell leaves of its axis is known from the first time."""
    cells = 0

    def counted(world: World, atom: Atom, wanted: Wanted, *, guarded: bool, sure: bool) -> Region | None:
        nonlocal cells
        cells += 1
        return region_of(world, atom, wanted, guarded=guarded, sure=sure)

    monkeypatch.setattr(search, "region_of", counted)
    history = "history: [{seen: quote, in: 9d}]"
    when = "when: {{any: [{{age: at least {}}}, {{rent: '< {}'}}], tenure: at least {}}}"
    many = [
        a_trigger(f"t{at}", f"{when.format(20 + at, 900 - at, at)}\n{history}\n{gives}")
        for at in range(20)
        for gives in ["suppress: {actions: [isa], for: 9d}" if at % 2 else "promote: {isa: 1.5}"]
    ]
    assert len(found(Code.CONTRADICTION, ISA, *many)) == 10
    kinds_of_question = len(Wanted) * 2
    assert cells <= (4 * 20 + 10) * kinds_of_question


# --- names -----------------------------------------------------------------------------------------------------------


def test_file_is_called_like_its_rule() -> None:
    """Of several files with one id each begins with it."""
    moved = {"customized/first_one.yaml": a_trigger("second", "when: {verified: true}\npromote: {isa: 2}").popitem()[1]}
    (warning,) = found(Code.MISNAMED_FILE, ISA, moved)
    assert str(warning) == (
        "rules/customized/first_one.yaml:1:1: warning [misnamed_file]: the file `first_one.yaml` holds "
        "`trigger/second`; call it `second.yaml`"
    )
    first = an_action("isa", "valid: {to: 2026-01-31}")
    for name, warnings in (("isa_february", 0), ("february", 1)):
        second = an_action("isa", "valid: {from: 2026-02-01, to: 2026-02-28}")["actions/isa.yaml"]
        assert len(found(Code.MISNAMED_FILE, first, {f"actions/{name}.yaml": second})) == warnings


def test_event_that_lists_most_products_lists_all() -> None:
    """Whoever adds a product is told where else it has to stand."""
    event = "  opened: {{title: Opened, keep: 1y, fields: {{product: {{type: category, values: [{}]}}}}}}\nevents:\n"
    listed = {"all": "current_account, isa, loan, cover", "most": "current_account, isa, loan", "some": "isa"}
    for which, warnings in (("all", 0), ("most", 1), ("some", 0)):
        catalogue = CATALOGUE.replace("events:\n", "events:\n" + event.format(listed[which]).removesuffix("events:\n"))
        told = found(Code.INCOMPLETE_VALUES, ISA, {"catalogue.yaml": catalogue})
        assert len(told) == warnings, told
        assert all("`product` lists most products, and not `cover`" in each.message for each in told)
