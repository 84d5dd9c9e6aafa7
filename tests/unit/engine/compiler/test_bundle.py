"""Compiling a whole bundle: every problem at once, a hash over all files, and checks across rules."""

import pytest

from engine import RuleErrors, compile_bundle
from engine.compiler.bundle import hash_of
from tests.builders import a_bundle, a_theme, a_trigger, an_action, problems_of, rule_files


def test_every_problem_is_reported_at_once() -> None:
    """A file that cannot be read keeps no other from being checked, and its names are known; in file order."""
    problems = problems_of(
        an_action("isa", "eligible: {when: {agee: 18, wrok: student}}"),
        an_action("loan", "eligible: {when: {age: >= 18, rents: 5}}"),
        {"actions/card.yaml": "action: card\ngroup: [\n"},
        a_trigger("t", "when: {verified: true}\npromote: {is: 2, card: 2}"),
    )
    assert [problem.partition(": ")[0] for problem in problems] == [
        "rules/actions/card.yaml:2:8",
        "rules/actions/isa.yaml:5:19",
        "rules/actions/isa.yaml:5:29",
        "rules/actions/loan.yaml:5:24",
        "rules/actions/loan.yaml:5:31",
        "rules/customized/t.yaml:4:11",
    ]


def test_errors_keep_a_bundle_from_being_made_and_warnings_do_not() -> None:
    """A warning travels with the plan."""
    theme = a_theme("home", "active: {verified: true}\njourney: [isa]")
    (warning,) = a_bundle(an_action("isa"), theme).plan.warnings
    assert str(warning).startswith(
        "rules/thematic/home.yaml:4:11: warning [step_never_done]: the step `isa` gives no product"
    )
    with pytest.raises(RuleErrors) as refused:
        compile_bundle(rule_files(an_action("isa", "eligible: {when: {agee: 1}}"), theme))
    assert len(refused.value.diagnostics) == 2


def test_diagnostics_call_the_folder_as_they_are_told() -> None:
    """The root is the caller's; without one, paths begin below it."""
    files = rule_files({"actions/isa.yaml": "action: isa\n"})
    for root, start in (("bank/rules", "bank/rules/actions/isa.yaml:"), ("", "actions/isa.yaml:")):
        with pytest.raises(RuleErrors) as refused:
            compile_bundle(files, root=root)
        assert str(refused.value).startswith(start)


def test_hash_covers_names_and_bytes_and_not_the_order() -> None:
    """One byte more, another name, another hash."""
    files = rule_files()
    assert hash_of(dict(reversed(files.items()))) == hash_of(files) == compile_bundle(files).hash
    renamed = {name.replace("isa", "isas"): content for name, content in files.items()}
    longer = {**files, "bank.yaml": files["bank.yaml"] + b"\n"}
    assert len({hash_of(files), hash_of(renamed), hash_of(longer)}) == 3
    assert hash_of(files).startswith("sha256:")


def test_missing_files_are_named() -> None:
    """A bundle needs a bank, a catalogue and channels."""
    with pytest.raises(RuleErrors) as refused:
        compile_bundle({})
    assert [str(each) for each in refused.value.diagnostics] == [
        f"rules/{name}.yaml:1:1: the file is missing" for name in ("bank", "catalogue", "channels")
    ]


@pytest.mark.parametrize("name", ["notes.yaml", "actions/isa.yml", "policy/guard.yaml", "themes/home.yaml"])
def test_file_in_no_place_for_rules_is_refused(name: str) -> None:
    """It would be forgotten in silence."""
    assert any("no kind of rule file stands here" in each for each in problems_of({name: "a: b\n"}))


def test_folders_may_hold_folders() -> None:
    """Marketing may sort its files as it likes."""
    files = {"actions/cards/gold.yaml": an_action("gold")["actions/gold.yaml"]}
    assert [action.id for action in a_bundle(files).plan.actions] == ["gold"]


# --- checks across rules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "fact"),
    [
        ("eligible: {when: {age: at least 18}}\nsuitable: {when: {age: under 18}}", "age"),
        ("eligible: {when: {age: '> 17'}}\napplicable: {when: {age: '< 17'}}", "age"),
        ("eligible: {when: {age: {all: [over 20, at most 20]}}}", "age"),
        ("eligible: {when: {work: student}}\nsuitable: {when: {work: [retired, employed]}}", "work"),
        ("eligible: {when: {holds.isa: true}}\napplicable: {when: {holds.isa: false}}", "holds.isa"),
        ("eligible: {when: {verified: true, all: [{verified: false}]}}", "verified"),
    ],
)
def test_condition_that_nobody_can_meet_is_refused(stages: str, fact: str) -> None:
    """Across the stages of an action."""
    (problem,) = problems_of(an_action("isa", stages))
    assert "no customer can match: line " in problem
    assert problem.count(f"asks `{fact}: ") + problem.count(f"asks `not ({fact}: ") == 2


@pytest.mark.parametrize(
    "stages",
    [
        "eligible: {when: {age: at least 18}}\nsuitable: {when: {age: at most 18}}",
        "eligible: {when: {age: at least 18}}\nsuitable: {unless: [{age: at least 65}]}",
        "eligible: {when: {any: [{age: under 18}, {age: over 64}]}}",
        "eligible: {when: {age: over 20, income: '< 0.5 * rent'}}",
        "eligible: {when: {work: [student, retired]}}\nsuitable: {when: {work: [retired, employed]}}",
        "eligible: {when: {holds: isa}}\nsuitable: {when: {holds: 'not [loan]'}}",
    ],
)
def test_condition_that_somebody_can_meet_passes(stages: str) -> None:
    """The check may stay silent, but it is never wrong."""
    assert problems_of(an_action("isa", stages)) == []


def test_action_that_nobody_promotes_cannot_wait_for_a_promotion() -> None:
    """It would never be a candidate."""
    (problem,) = problems_of(an_action("isa", show="only_when_promoted"))
    assert "`isa` shows only when promoted, and no theme or trigger promotes it" in problem


def test_action_may_stand_in_a_journey_once() -> None:
    """Twice would make its position a guess."""
    theme = a_theme("home", "active: {verified: true}\njourney: [isa, isa]")
    assert any(
        "`isa` stands in the journey twice" in each for each in problems_of(an_action("isa", gives="isa"), theme)
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (an_action("isa"), {"actions/again.yaml": an_action("isa")["actions/isa.yaml"]}),
        (
            a_theme("home", "active: {verified: true}\njourney: [isa]"),
            {"thematic/again.yaml": a_theme("home", "active: {verified: true}\njourney: [isa]")["thematic/home.yaml"]},
        ),
        (
            a_trigger("t", "when: {verified: true}\npromote: {isa: 2}"),
            {"customized/again.yaml": a_trigger("t", "when: {verified: true}\npromote: {isa: 2}")["customized/t.yaml"]},
        ),
    ],
)
def test_two_files_with_one_id_are_refused(first: dict[str, str], second: dict[str, str]) -> None:
    """Which of them counts would be a guess."""
    problems = problems_of(an_action("isa", gives="isa"), first, second)
    assert any("is declared twice" in each for each in problems)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("when: {verified: true}", "neither promotes nor suppresses anything"),
        ("when: {verified: true}\npromote: {isa: 0.1}", "the weight of `isa` must be a number in 0.2..5"),
        ("when: {verified: true}\npromote: {isa: 6}", "the weight of `isa` must be a number in 0.2..5"),
        ("when: {verified: true}\npromote: {is: 2}", "unknown action `is`"),
        ("when: {verified: true}\npromote: {isa: 2}\non: {moment: [page]}", "unknown moment `page`"),
        ("history: [{ever: quote}]\nsuppress: {actions: [isa]}", "a suppression without an end; add `for: 30d`"),
        ("when: {verified: true}\nsuppress: {actions: [isa], for: 30d}", "`for` counts from an event"),
        ("history: [{not_seen: quote, in: 3d}]\nsuppress: {actions: [isa], for: 30d}", "`for` counts from an event"),
        ("history: [{ever: quote}]\nsuppress: {for: 30d}", "`suppress` names no action"),
        ("history: [{ever: quote}]\nsuppress: {groups: [saving], for: 30d}", "unknown group `saving`"),
    ],
)
def test_trigger_that_cannot_be_meant_is_refused(lines: str, problem: str) -> None:
    """It would do nothing, too much, or for ever."""
    assert any(problem in each for each in problems_of(a_trigger("t", lines)))


def test_bundle_may_name_its_model() -> None:
    """By its version; anything else is refused."""
    version = "3f" * 32
    assert compile_bundle({**rule_files(), "MODEL": f"{version}\n".encode()}).model == version
    assert compile_bundle(rule_files()).model is None
    with pytest.raises(RuleErrors, match="rules/MODEL:1:1: this is no version of a model; 64 hexadecimal digits"):
        compile_bundle({**rule_files(), "MODEL": b"the best one"})
