"""One run of the demonstration: makes or reuses the bank, loads it, trains, serves, and shows what to ask."""

import json
import os
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Final
from urllib.error import URLError
from urllib.request import urlopen

from api.access.demo_keys import DEMO_KEYS, demo_keys
from api.access.roles import Role
from api.bootstrap import bundles_of
from api.cli.console import FINDINGS, Usage, put, put_json, say
from api.cli.demo_state import (
    DemoState,
    fingerprint_of_bank,
    fingerprint_of_records,
    forget_bank,
    read_state,
    refuse_foreign,
    reusable_day,
    today,
    write_state,
)
from api.cli.examples import Example, find_examples
from api.cli.people import find_people, write_people
from api.cli.supervisor import Job, JobFailed, Supervisor, address, free_port
from api.reloading.beginning import Beginning, begin_with
from api.security import open_secrets
from api.settings import Settings
from api.web.files import PEOPLE
from engine.actions import Tier

LOG: Final = "demo.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """What was asked for, and how long each phase took."""

    rules: Path
    data_dir: Path
    customers: int
    as_of: date | None
    port: int
    browser: bool
    as_json: bool
    seconds: dict[str, float] = field(default_factory=dict)

    def serve(self) -> None:
        """Serve until a signal says stop.

        Raises:
            Usage: the folder is not ours to use, the port is taken, or a phase failed.
            RuleErrors: the rule files do not make a bundle.
            ServerError: the store cannot be started.
            Stopped: a signal asked for the end before everything ran.
        """
        started = time.perf_counter()
        refuse_foreign(self.data_dir)
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = Settings(
            rules=self.rules,
            data_dir=self.data_dir,
            host="127.0.0.1",
            port=free_port("127.0.0.1", self.port),
            access="keys",
            keys=None,
            demonstration=True,
            workers=1,
        )
        keys = demo_keys(settings)
        with Supervisor(settings) as installation, (self.data_dir / LOG).open("wb") as log:
            begun = begin_with(bundles_of(settings, open_secrets(settings)), self.rules)
            self._prepare(installation, log, begun)
            with self._phase("start"):
                installation.go_on()
                installation.start("API", "api.server")
                installation.start("event worker", "api.worker")
                installation.wait_until_ready()
                installation.start("archiver", "api.archiving", gives_way=True)
            with self._phase("examples"):
                offers = {str(action.id) for action in begun.plan.actions if action.tier is Tier.OFFER}
                examples = find_examples(address(settings), self.data_dir / "bank", offers, keys)
                people = find_people(address(settings), self.data_dir / "bank", keys[Role.ANALYST])
                write_people(self.data_dir / PEOPLE, people)
            self.seconds["ready"] = time.perf_counter() - started
            installation.go_on()
            self._show(settings, examples, keys)
            if self.browser:
                _open_pages(address(settings))
            installation.watch()
            say("nextbest: stopping")

    def _prepare(self, installation: Supervisor, log: IO[bytes], begun: Beginning) -> None:
        """Bring the bank into the store and a model beside it, doing again only what has changed."""
        records = fingerprint_of_records(begun.plan)
        if not begun.refused:
            with self._phase("bank"):
                self._make_bank(installation, log)
        state = read_state(self.data_dir)
        bank = fingerprint_of_bank(self.data_dir)
        if state.bank != bank:
            if state.bank:
                say("the bank was made anew: its catalogue, size or last day is another, and the old records go")
            forget_bank(self.data_dir)
            state = DemoState(bank=bank)
        write_state(self.data_dir, state)
        with self._phase("store"):
            installation.start_store()
        jobs: dict[str, Job] = {}
        if state.loaded_for != records:
            jobs["load"] = self._job(installation, log, begun.rules, "load", "--source", str(self.data_dir / "bank"))
        if state.trained_for != records:
            jobs["train"] = self._job(installation, log, begun.rules, "train")
        with self._phase("load and train"):
            for name, job in jobs.items():
                self._finish(name, job)
                state = state.loaded(records) if name == "load" else state.trained(records)
                write_state(self.data_dir, state)

    def _make_bank(self, installation: Supervisor, log: IO[bytes]) -> None:
        day = self.as_of or reusable_day(self.data_dir, self.customers, today()) or today()
        command = [sys.executable, "-m", "demobank", "--rules", str(self.rules), "--data-dir", str(self.data_dir)]
        command += ["--customers", str(self.customers), "--as-of", day.isoformat(), "--json"]
        self._finish("making the bank", installation.run(command, log=log))

    def _job(self, installation: Supervisor, log: IO[bytes], rules: Path, *words: str) -> Job:
        command = [
            sys.executable,
            "-m",
            "api.cli",
            *words,
            "--rules",
            str(rules),
            "--data-dir",
            str(self.data_dir),
        ]
        return installation.run([*command, "--json"], log=log)

    def _finish(self, name: str, job: Job) -> None:
        """Wait for a phase. Findings are no failure: bad rows are left out, and without a model the baseline scores."""
        try:
            job.result()
        except JobFailed as failure:
            error, why = _error(failure), _why(failure, self.data_dir / LOG)
            if failure.code != FINDINGS or (error and name != "train"):
                raise Usage(f"{name} failed: {why}") from failure
            say(f"no model: {error}" if error else f"{name}: some rows were left out, see {_report(failure)}")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started
        if not self.as_json:
            say(f"{name:<16}{self.seconds[name]:6.1f} s")

    def _show(self, settings: Settings, examples: tuple[Example, ...], keys: Mapping[str, str]) -> None:
        url = address(settings)
        if self.as_json:
            shown = [
                {
                    "channel": each.door.channel,
                    "action": each.action,
                    "answer": each.line,
                    "decision": each.commands(url, keys)[0],
                    "explanation": each.commands(url, keys)[1],
                }
                for each in examples
            ]
            seconds = {name: round(spent, 2) for name, spent in self.seconds.items()}
            kept = str(self.data_dir / DEMO_KEYS)
            put_json({"url": url, "pid": os.getpid(), "keys": kept, "seconds": seconds, "examples": shown})
            return
        put(f"\n{self.customers:,} customers at {url}, ready after {self.seconds['ready']:.1f} s. Ask, and ask why:\n")
        for each in examples:
            decision, explanation = each.commands(url, keys)
            put(f"# {each.door.scene}: it was offered {each.line}\n{decision}\n{explanation}\n")
        put(f"The bank's home page, with banners: {url}/shop")
        put(f"Every screen side by side, a day to play, plugs to pull: {url}/cockpit (as the operator)")
        put(f"The cash machine alone: {url}/atm; the counter: {url}/teller; calls to make: {url}/agent\n")
        put(f"A key for each role: {self.data_dir / DEMO_KEYS}\n")
        put("Ctrl-C ends it; the data stay in " + str(self.data_dir))


def _error(failure: JobFailed) -> str:
    """The sentence with which a job ended; empty where it did its work."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(failure.printed)["error"])
    return ""


def _report(failure: JobFailed) -> str:
    """Where a job says that its report is."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(failure.printed)["report"])
    return "the report"


def _why(failure: JobFailed, log: Path) -> str:
    """What a job said last: its own sentence, or the end of the log."""
    if error := _error(failure):
        return error
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    return last[0] if last else f"it ended with code {failure.code}"


def _open_pages(url: str) -> None:
    """Show the pages, where the API has any."""
    with suppress(URLError, OSError), urlopen(url, timeout=1.0) as answer:  # noqa: S310 - our own address
        if answer.headers.get_content_type() == "text/html":
            webbrowser.open(url)
