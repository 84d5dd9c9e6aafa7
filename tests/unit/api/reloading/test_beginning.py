"""What an installation begins with: sound rules on disk, else the bundle that served last, else nothing."""

from pathlib import Path

import pytest

from api.reloading.beginning import begin_with
from api.reloading.bundles import Bundles
from engine.compiler.bundle import hash_of
from engine.errors import RuleErrors
from tests.builders import an_action, rule_files
from tests.unit.api.shells import KEYS

TESTS = "tests: [{name: shown, ask: {channel: web, placement: hero}, expect: {%s: isa}}]"
SOUND = rule_files(an_action("isa", TESTS % "not_offer"))
FAILING = rule_files(an_action("isa", TESTS % "offer"))


def written(folder: Path, files: dict[str, bytes]) -> tuple[Bundles, Path]:
    rules = folder / "rules"
    for name, content in files.items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_bytes(content)
    return Bundles(folder / "data", KEYS, str(rules)), rules


def test_sound_rules_begin_and_become_the_current_bundle(tmp_path: Path) -> None:
    bundles, rules = written(tmp_path, SOUND)
    begun = begin_with(bundles, rules)
    assert (begun.plan.hash, begun.refused, begun.rules) == (hash_of(SOUND), False, rules)
    assert bundles.current == hash_of(SOUND)
    assert begin_with(bundles, rules).plan.hash == hash_of(SOUND)


def test_first_start_with_a_failing_test_is_refused_with_the_reason(tmp_path: Path) -> None:
    bundles, rules = written(tmp_path, FAILING)
    with pytest.raises(RuleErrors, match="the test `shown` fails: "):
        begin_with(bundles, rules)
    assert bundles.current is None


@pytest.mark.parametrize("wrong", [FAILING, {"actions/isa.yaml": b"action: ["}])
def test_bundle_that_served_last_serves_again_where_something_wrong_lies_on_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: dict[str, bytes]
) -> None:
    begin_with(*written(tmp_path, SOUND))
    bundles, rules = written(tmp_path, wrong)
    begun = begin_with(bundles, rules)
    assert (begun.plan.hash, begun.refused, bundles.current) == (hash_of(SOUND), True, hash_of(SOUND))
    assert begun.rules.name.endswith(".nextbest")
    assert "actions/isa.yaml:" in caplog.text
    assert f"refused at the start, {hash_of(SOUND)} served last and serves again" in caplog.text
