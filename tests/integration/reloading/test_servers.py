"""Rules that change while a server serves: what is sound is taken up, what is not leaves everything as it was."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import httpx

from api.adapters.bundle_files import build_archive, read_rules
from tests.integration.api.installations import PATIENCE_S
from tests.integration.reloading.servers import Server, asking_all_the_time, headline, serving, welcome
from tests.unit.api.shells import ROOT

Serve = Callable[..., AbstractContextManager[Server]]


def test_changed_rules_serve_within_seconds_and_no_request_notices(serve: Serve, rules: Path) -> None:
    """Under load: every answer is whole, and shows what its own bundle says."""
    with serve() as server:
        reloads = server.reloads("taken_up")
        words_by_ruleset = {server.ask()["ruleset"]: headline(server.ask())}
        with asking_all_the_time(server) as answers:
            for words in ("Good morning", "Good afternoon", "Good evening"):
                began, before = time.monotonic(), server.ask()["ruleset"]
                welcome(rules, words)
                while server.ask()["ruleset"] == before:
                    assert time.monotonic() - began < PATIENCE_S
                    time.sleep(0.05)
                words_by_ruleset[server.ask()["ruleset"]] = words
        assert len(words_by_ruleset) == 4
        assert {answer["status"] for answer in answers} == {200}
        assert {(answer["ruleset"], headline(answer)) for answer in answers} <= words_by_ruleset.items()
        assert {answer["ruleset"] for answer in answers} == set(words_by_ruleset)
        assert server.reloads("taken_up") == reloads + 3


def test_rules_that_are_wrong_leave_the_others_serving_and_say_why(serve: Serve, rules: Path) -> None:
    """Every problem with its place in the log, a metric, and readiness; until somebody mends them."""
    action = rules / "actions" / "isa.yaml"
    sound = action.read_text()
    with serve() as server:
        ruleset = server.ask()["ruleset"]
        action.write_text(sound.replace("gives: isa", "gives: issa").replace("balance.savings", "balance.saving"))
        refused = server.until("refused")
        assert refused["errors"] == 2
        assert refused["ruleset"] != ruleset
        assert server.metric("nextbest_reload_failed") == 1
        for line in (6, 13):
            server.until_said(f"{action}:{line}:")
        server.until_said(f"{ruleset} goes on serving")
        assert server.ask()["ruleset"] == server.ready()["ruleset"] == ruleset
        action.write_text(sound)
        server.until("unchanged")
        assert server.metric("nextbest_reload_failed") == 0


def test_rule_whose_test_fails_is_refused(serve: Serve, rules: Path) -> None:
    """Compiling is not enough."""
    expected = "expect: {offer: home_insurance}"
    trigger = next(path for path in (rules / "customized").iterdir() if expected in path.read_text())
    with serve() as server:
        trigger.write_text(trigger.read_text().replace(expected, "expect: {not_offer: home_insurance}"))
        server.until("refused")
        server.until_said(f"{trigger}:")
        server.until_said("fails: ")


def test_changed_rule_without_a_higher_version_is_refused(serve: Serve, rules: Path) -> None:
    """And taken up once it has one."""
    action = rules / "actions" / "isa.yaml"
    with serve() as server:
        action.write_text(action.read_text().replace("value: 45.00", "value: 46.00"))
        server.until("refused")
        server.until_said(f"{action}:4:10: version 2 of the action `isa` serves with other content; write `version: 3`")
        action.write_text(action.read_text().replace("version: 2", "version: 3"))
        server.until("taken_up")
        # Going back to what served before is no new content under an old version.
        action.write_text((ROOT / "rules" / "actions" / "isa.yaml").read_text())
        server.until("taken_up", server.ready()["ruleset"])


def test_hangup_takes_rules_up_where_nobody_watches(serve: Serve, rules: Path) -> None:
    """SIGHUP; nothing else does."""
    with serve(watch_rules=False) as server:
        server.until("unchanged")
        welcome(rules, "Good morning")
        time.sleep(1.5)
        assert headline(server.ask()) != "Good morning"
        server.hang_up()
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning"


def test_several_processes_come_to_serve_the_same(serve: Serve, rules: Path) -> None:
    """One of them judges; all take up what it found, on a signal to their parent too."""
    with serve(workers=2, watch_rules=False) as server:
        server.until("unchanged")
        (before,), reloads = server.rulesets(), server.reloads("taken_up")
        welcome(rules, "Good morning")
        server.hang_up()
        give_up_at = time.monotonic() + PATIENCE_S
        while before in server.rulesets() or len(server.rulesets()) != 1:
            assert time.monotonic() < give_up_at, server.said
            time.sleep(0.1)
        assert {headline(answer) for answer in _by_new_connections(server)} == {"Good morning"}
        assert server.reloads("taken_up") == reloads + 2


def test_several_processes_swap_at_one_instant(serve: Serve, rules: Path) -> None:
    """Whoever asks two of them within a second is answered by one version of the rules, save around that instant."""
    with serve(workers=2) as server:
        server.until("unchanged")
        before = server.ask()["ruleset"]
        with asking_all_the_time(server, connections=12) as answers:
            welcome(rules, "Good morning")
            give_up_at = time.monotonic() + PATIENCE_S
            while before in server.rulesets() or len(server.rulesets()) != 1:
                assert time.monotonic() < give_up_at, server.said
                time.sleep(0.1)
    last_of_old = max(datetime.fromisoformat(each["decided_at"]) for each in answers if each["ruleset"] == before)
    first_of_new = min(datetime.fromisoformat(each["decided_at"]) for each in answers if each["ruleset"] != before)
    assert (last_of_old - first_of_new).total_seconds() < 0.25


def test_judge_that_is_killed_is_asked_again(serve: Serve, rules: Path) -> None:
    """Nothing may be wrong with the rules."""
    with serve() as server:
        welcome(rules, "Good morning")
        os.kill(_judge_of(server.running.pid), signal.SIGKILL)
        server.until_said("died of SIGKILL")
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning"


def test_file_that_is_written_slowly_is_taken_up_whole(serve: Serve, rules: Path) -> None:
    """Whatever is seen in between."""
    channels = rules / "channels.yaml"
    text = channels.read_text().replace("Welcome to Harbour", "Good morning from Harbour")
    with serve() as server:
        with channels.open("w") as file:
            for start in range(0, len(text), len(text) // 8):
                file.write(text[start : start + len(text) // 8])
                file.flush()
                time.sleep(0.1)
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning from Harbour & Vale"


def test_folder_that_is_deleted_and_comes_back_is_watched_again(serve: Serve, rules: Path) -> None:
    """A deployment may replace it as a whole."""
    with serve() as server:
        away = rules.rename(rules.with_name("away"))
        server.until("refused")
        server.until_said("is not there")
        welcome(away, "Good morning")
        away.rename(rules)
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning"
        welcome(rules, "Good evening")
        server.until("taken_up", server.ready()["ruleset"])


def test_link_that_leads_elsewhere_is_followed(serve: Serve, rules: Path) -> None:
    """As Kubernetes replaces a mounted config map: a link is renamed over the one before."""
    mount = rules.with_name("mount")
    mount.mkdir()
    second = rules.with_name("..second")
    rules.rename(mount / "..first")
    (mount / "..data").symlink_to("..first")
    for each in sorted((mount / "..first").iterdir()):
        (mount / each.name).symlink_to(Path("..data") / each.name)
    with serve(rules=mount) as server:
        shutil.copytree(mount / "..first", second)
        welcome(second, "Good morning")
        second.rename(mount / "..second")
        (mount / "..data_tmp").symlink_to("..second")
        (mount / "..data_tmp").rename(mount / "..data")
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning"


def test_built_bundle_is_served_and_replaced(store_dir: Path, rules: Path, tmp_path: Path) -> None:
    """A file by another name."""
    bundle = tmp_path / "rules.nextbest"
    bundle.write_bytes(build_archive(read_rules(rules)))
    with serving(store_dir, rules=bundle) as server:
        welcome(rules, "Good morning")
        draft = tmp_path / "draft"
        draft.write_bytes(build_archive(read_rules(rules)))
        draft.replace(bundle)
        server.until("taken_up")
        assert headline(server.ask()) == "Good morning"


def test_server_that_starts_again_goes_on_with_what_served_last(serve: Serve, rules: Path) -> None:
    """Though what lies on disk by then is wrong: it says so, and takes it up when it is mended."""
    with serve() as server:
        welcome(rules, "Good morning")
        server.until("taken_up")
    (rules / "actions" / "isa.yaml").write_text("action: [")
    with serve(resume=True) as server:
        assert headline(server.ask()) == "Good morning"
        server.until("refused")
        (rules / "actions" / "isa.yaml").write_text((ROOT / "rules" / "actions" / "isa.yaml").read_text())
        server.until("unchanged")


def test_repeated_request_gets_the_same_answer_from_the_bundle_before(serve: Serve, rules: Path) -> None:
    """And a past decision is replayed under it."""
    with serve() as server:
        question = {
            "identity": {"scheme": "customer_id", "value": "nobody"},
            "channel": "atm",
            "placements": [{"id": "idle_screen"}],
            "request_id": f"reload-{time.time_ns()}",
        }
        first = server.client.post("/v1/decisions", json=question).json()
        welcome(rules, "Good morning")
        server.until("taken_up")
        again = server.client.post("/v1/decisions", json=question).json()
        replayed = server.client.post("/v1/explanations", json={"decision_id": first["decision_id"]}).json()
    assert again["degraded"] == []
    assert [each["ruleset"] for each in (again, replayed)] == [first["ruleset"]] * 2
    assert again["propositions"] == first["propositions"]


def _judge_of(server: int) -> int:
    """The child process that judges, once it is there."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _is_judge(entry, server):
                return int(entry.name)
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def _is_judge(entry: Path, parent: int) -> bool:
    try:
        command = (entry / "cmdline").read_bytes()
        status = (entry / "stat").read_text()
    except OSError:
        return False
    return b"api.reloading" in command and int(status.rpartition(")")[2].split()[1]) == parent


def _by_new_connections(server: Server) -> list[dict[str, object]]:
    answers = []
    for _ in range(20):
        with httpx.Client(base_url=server.client.base_url, timeout=PATIENCE_S) as client:
            answers.append(Server(running=server.running, client=client).ask())
    return answers
