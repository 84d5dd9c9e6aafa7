"""Warnings that rule files accept: with a reason, on their line, and nothing else."""

import pytest

from engine.compiler.comments import comments
from tests.builders import a_bundle, a_theme, a_trigger, an_action, problems_of

JOURNEY = "active: {verified: true}\njourney: [isa]"


def a_home(comment: str) -> dict[str, str]:
    """A theme whose step is never done, with a comment on the line of that warning."""
    return a_theme("home", f"{JOURNEY}  {comment}")


def test_warning_is_accepted_by_a_comment_on_its_line_with_a_reason() -> None:
    """It is gone from the problems, and kept with its reason."""
    bundle = a_bundle(an_action("isa"), a_home("# accept step_never_done: advice has no end"))
    assert bundle.plan.warnings == ()
    (accepted,) = bundle.accepted
    assert (accepted.warning.code, accepted.reason) == ("step_never_done", "advice has no end")


def test_accepted_warning_stays_accepted_while_something_else_is_wrong() -> None:
    """Whoever mends an error is not told of warnings that somebody looked at."""
    wrong = a_trigger("t", "when: {agee: at least 18}\npromote: {isa: 2}")
    problems = problems_of(an_action("isa"), a_home("# accept step_never_done: advice has no end"), wrong)
    assert problems == ["rules/customized/t.yaml:3:8: unknown fact `agee`; did you mean `age`?"]
    (_, warning) = problems_of(an_action("isa"), a_home("# accept step_never_done:"), wrong)
    assert "warning [step_never_done]" in warning


def test_several_codes_share_a_reason() -> None:
    """What is not looked for while compiling is left for whoever looks for it."""
    bundle = a_bundle(an_action("isa"), a_home("# accept step_never_done, untested: advice has no end"))
    assert bundle.plan.warnings == ()


@pytest.mark.parametrize("comment", ["# accept step_never_done", "# accept step_never_done:", "# accept: because"])
def test_acceptance_without_reason_or_code_accepts_nothing(comment: str) -> None:
    """Both are reported: the warning, and the acceptance."""
    problems = problems_of(an_action("isa"), a_home(comment))
    assert len(problems) == 2
    assert "warning [step_never_done]" in problems[0]
    assert "rules/thematic/home.yaml:4:17: warning [acceptance_without_reason]: an acceptance without" in problems[1]
    assert problems[1].endswith("write `# accept <code>: <reason>` on the line of the warning")


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("# accept shadowed: it is meant", "there is no warning `shadowed` in this line to be accepted; remove it"),
        ("# accept step_never_don: it is meant", "`step_never_don` is no code of a warning; did you mean"),
    ],
)
def test_acceptance_of_nothing_is_reported(comment: str, told: str) -> None:
    """What was accepted may have been put right since, or was misspelt."""
    problems = problems_of(an_action("isa"), a_home(comment))
    assert [each for each in problems if told in each and "[acceptance_of_nothing]" in each]


def test_acceptance_on_another_line_accepts_nothing() -> None:
    """The comment stands on the warning's own line."""
    theme = a_theme("home", f"# accept step_never_done: advice has no end\n{JOURNEY}")
    problems = problems_of(an_action("isa"), theme)
    assert [each.partition("[")[2].partition("]")[0] for each in problems] == [
        "acceptance_of_nothing",
        "step_never_done",
    ]


def test_sign_inside_a_value_begins_no_comment() -> None:
    """Neither in quotes nor in a block of text."""
    text = 'a: "x # no"  # yes\nb: |\n  text # no\n# and yes\nc: x#no\nd: [1, # third\n  2]\n'
    found = comments("f.yaml", text.encode())
    assert [(each.text, each.span.line, each.span.column) for each in found] == [
        ("yes", 1, 14),
        ("and yes", 4, 1),
        ("third", 6, 8),
    ]
