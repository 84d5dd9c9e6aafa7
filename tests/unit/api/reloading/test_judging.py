"""What is asked of rules before they may serve, and what the child process answers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.reloading.bundles import Bundles
from api.reloading.child import answer
from api.reloading.judging import judge
from api.reloading.verdict import MOST_TOLD, Question, encode, told
from api.security import open_secrets
from api.settings import Settings
from engine.compiler.bundle import MODEL, hash_of
from engine.compiler.carry import unpack_plan
from engine.errors import Diagnostic, Span
from models.challenge import CHALLENGE, Challenge
from models.registry import CURRENT
from tests.builders import an_action, rule_files

NAMED = "actions/isa.yaml"
TESTS = "tests: [{name: shown, ask: {channel: web, placement: hero}, expect: {offer: isa}}]"


def written(folder: Path, files: dict[str, bytes]) -> Settings:
    for name, content in files.items():
        (folder / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "rules" / name).write_bytes(content)
    return Settings(rules=folder / "rules", data_dir=folder / "data")


def asked(settings: Settings, serving: str | None = None, model: str | None = "baseline") -> tuple[str, str]:
    """The result and the problems in one text."""
    verdict = answer(settings, Question(serving=serving, model=model))
    return verdict.result, "\n".join(verdict.problems)


def test_rules_with_failing_tests_may_not_serve() -> None:
    """They compile, and do not do what they say."""
    files = rule_files(an_action("isa", "eligible: {when: {age: '>= 99'}}\n" + TESTS))
    judged = judge(files, "rules", None)
    assert judged.bundle is None
    assert any("the test `shown` fails: " in str(each) for each in judged.diagnostics)


def test_rules_are_held_against_those_that_serve() -> None:
    """Only where some do."""
    before, after = rule_files(an_action("isa")), rule_files(an_action("isa", "eligible: {when: {age: '>= 18'}}"))
    assert judge(after, "rules", None).bundle is not None
    refused = judge(after, "rules", before)
    assert refused.bundle is None
    assert "write `version: 2`" in str(refused.diagnostics[-1])


def test_sound_rules_are_staged_for_all_processes(tmp_path: Path) -> None:
    """With their files, for those that start again."""
    settings = written(tmp_path, rule_files())
    assert asked(settings) == ("ready", "")
    bundles = Bundles(settings.data_dir, open_secrets(settings), str(settings.rules))
    ruleset = hash_of(rule_files())
    assert bundles.files(ruleset) == rule_files()
    packed = bundles.staged(ruleset)
    assert packed is not None
    assert unpack_plan(packed).hash == ruleset


def test_rules_that_serve_already_are_unchanged(tmp_path: Path) -> None:
    """Whatever was touched; without a model none is missed."""
    settings = written(tmp_path, rule_files())
    assert asked(settings, serving=hash_of(rule_files())) == ("unchanged", "")


def test_bundle_that_served_before_may_come_back(tmp_path: Path) -> None:
    """Its versions mean what they meant."""
    old, new = rule_files(an_action("isa")), rule_files(an_action("isa", "eligible: {when: {age: '>= 18'}}"))
    settings = written(tmp_path, old)
    assert asked(settings)[0] == "ready"
    written(tmp_path, new)
    result, problems = asked(settings, serving=hash_of(old))
    assert (result, "write `version: 2`" in problems) == ("refused", True)
    raised = {**new, NAMED: new[NAMED].replace(b"version: 1", b"version: 2")}
    written(tmp_path, raised)
    assert asked(settings, serving=hash_of(old))[0] == "ready"
    written(tmp_path, old)
    assert asked(settings, serving=hash_of(raised))[0] == "ready"


def test_rules_that_are_not_there_are_told(tmp_path: Path) -> None:
    """The folder may have been deleted."""
    result, problems = asked(Settings(rules=tmp_path / "gone", data_dir=tmp_path))
    assert (result, "gone is not there" in problems) == ("refused", True)


def test_bundle_whose_model_is_missing_is_refused(tmp_path: Path) -> None:
    """At the place where it is named."""
    settings = written(tmp_path, {**rule_files(), MODEL: b"3f" * 32})
    result, problems = asked(settings)
    assert result == "refused"
    assert problems.endswith("MODEL:1:1: the model 3f3f3f3f3f3f cannot serve: the model that should serve is not there")


def test_several_processes_get_the_verdict_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging takes a processor for a while."""
    settings = written(tmp_path, rule_files())
    assert asked(settings)[0] == "ready"
    monkeypatch.setattr("api.reloading.child.judge", None)
    assert asked(settings)[0] == "ready"


def test_of_very_many_problems_the_first_are_told() -> None:
    """A log has to be read by somebody."""
    sentences = told(tuple(Diagnostic(Span("rules/a.yaml", line), "no") for line in range(1, MOST_TOLD + 51)))
    assert (len(sentences), sentences[-1]) == (MOST_TOLD + 1, "... and 50 more")


def test_a_challenge_that_began_or_ended_is_taken_up(tmp_path: Path) -> None:
    """Under the same rules and the same model; rules that name their model are not challenged."""
    settings = written(tmp_path, rule_files())
    ruleset, current = hash_of(rule_files()), "a" * 64
    models = settings.data_dir / "models"
    models.mkdir(parents=True)
    (models / CURRENT).write_text(current)

    def result(challenge: str | None) -> str:
        return answer(settings, Question(serving=ruleset, model=current, challenge=challenge)).result

    assert (result(None), result("5a17")) == ("unchanged", "ready")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    challenge = Challenge(version="c" * 64, share=0.1, salt="5a17", since=at, until=at)
    (models / CHALLENGE).write_bytes(encode(challenge))
    assert (result(None), result("5a17"), result("other")) == ("ready", "unchanged", "ready")
    (models / CHALLENGE).write_bytes(b"{")
    assert result(None) == "unchanged"
