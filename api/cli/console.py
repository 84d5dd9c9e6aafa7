"""What every command shares: its exit codes, its two outputs, and a plain sentence in place of a traceback."""
# ruff: noqa: PLC0415 - what a failure is made of is imported when there is one, so that the command starts at once

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Final, NoReturn, ParamSpec, TypeVar

import typer

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2

DATA_DIR: Final = Path(".nextbest")
"""Where an installation keeps its data unless told otherwise: a folder beside the rules, which git ignores."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RulesDir = Annotated[
    Path, typer.Option("--rules", help="Folder of rule files, or a built bundle.", exists=True, show_default=True)
]
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        help="Folder of the installation's data.",
        file_okay=False,
        callback=Path.absolute,
    ),
]
"""Absolute in every command: the processes that it starts stand in other folders."""

P = ParamSpec("P")
R = TypeVar("R")


class Usage(Exception):
    """What was asked for cannot be done as it was asked; one sentence says why."""


def say(text: str) -> None:
    """Something for the person at the terminal, beside the result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the terminal is this module's business


def put(text: str) -> None:
    """A line of the result."""
    print(text, flush=True)  # noqa: T201 - the terminal is this module's business


def put_json(result: Mapping[str, object]) -> None:
    """The result as JSON."""
    put(json.dumps(result, indent=2, ensure_ascii=False, default=str))


def leave(code: int) -> NoReturn:
    """End the command."""
    raise typer.Exit(code)


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Tell expected failures of a command in a sentence, and end with the code that they deserve."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except _usage_failures() as failure:
            _complain(failure, USAGE, as_json=bool(kwargs.get("as_json")))
        except _findings() as failure:
            _complain(failure, FINDINGS, as_json=bool(kwargs.get("as_json")))

    return run


def _usage_failures() -> tuple[type[Exception], ...]:
    """What somebody has to start or set differently."""
    from pydantic import ValidationError

    from api.access.key_file import KeysUnusable
    from api.access.opening import AccessUnusable
    from api.adapters.embedded import ServerError
    from api.adapters.server_checks import UnsuitableStore
    from api.archiving.errors import ArchiveBusy
    from api.compiled import ModulesOutOfDate
    from api.ingestion.kafka_settings import KafkaUnusable
    from api.loading.staging import StagingBusy
    from api.ports import StoreUnavailable
    from api.security import SecretsUnusable

    return (
        AccessUnusable,
        ArchiveBusy,
        KafkaUnusable,
        KeysUnusable,
        ModulesOutOfDate,
        Usage,
        ServerError,
        StagingBusy,
        StoreUnavailable,
        UnsuitableStore,
        SecretsUnusable,
        ValidationError,
    )


def _findings() -> tuple[type[Exception], ...]:
    """What is wrong with what was handed over."""
    from api.adapters.bundle_files import BundleUnreadable
    from api.archiving.errors import ArchiveDamaged
    from api.linkage.spec import LinkageError
    from api.loading.issues import SourceError
    from api.loading.mapping_file import MappingErrors
    from engine.errors import RuleErrors
    from models.errors import ModelRefused, TrainingRefused

    return (
        ArchiveDamaged,
        LinkageError,
        RuleErrors,
        BundleUnreadable,
        MappingErrors,
        SourceError,
        ModelRefused,
        TrainingRefused,
    )


def _complain(failure: Exception, code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        put_json({"error": str(failure)})
    else:
        say(f"nextbest: {failure}" if "\n" not in str(failure) else str(failure))
    leave(code)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Something to tell of what is being done and how much of it is done; shown on standard error, gone at the end."""
    if quiet or not sys.stderr.isatty():
        yield lambda _doing, _done: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def told(doing: str, done: int) -> None:
            if doing not in tasks:
                tasks[doing] = bars.add_task(doing, total=None)
            bars.update(tasks[doing], completed=done)  # type: ignore[arg-type]  # rich's TaskID is an int by another name

        yield told
