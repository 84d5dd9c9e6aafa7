"""`nextbest bundle`: rules, treatments and the reference to their model as one file with one hash."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import DATA_DIR, FINDINGS, AsJson, DataDir, Usage, leave, plainly, put, put_json

if TYPE_CHECKING:
    from engine.plan import Plan, RuleHead

bundle = typer.Typer(
    name="bundle",
    help="Build, look into and compare bundles: rules, treatments and the model's name as one file with one hash.",
    no_args_is_help=True,
)
Source = Annotated[Path, typer.Argument(help="Folder of rule files, or a built bundle.", exists=True)]
Other = Annotated[Path, typer.Argument(help="What to compare it with: a folder or a built bundle.", exists=True)]


@bundle.command("build")
@plainly
def build(
    rules: Source,
    out: Annotated[Path, typer.Option("--out", help="File to write, such as rules.nextbest.", dir_okay=False)],
    model: Annotated[
        str | None, typer.Option("--model", help="Version of the model to serve with, or its beginning; or `current`.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="The bundle that serves now: versions have to rise.", exists=True)
    ] = None,
    data_dir: DataDir = DATA_DIR,
    *,
    as_json: AsJson = False,
) -> None:
    """Check and test rule files, and build a bundle of them; nothing is built where anything is wrong."""
    from api.adapters.bundle_files import build_archive, read_rules
    from api.reloading.judging import judge
    from engine.compiler.bundle import MODEL
    from engine.errors import RuleErrors

    files = read_rules(rules)
    if model is not None:
        files = {**files, MODEL: _version(model, data_dir).encode()}
    judged = judge(files, str(rules), None if against is None else read_rules(against))
    if judged.bundle is None:
        raise RuleErrors(judged.diagnostics)
    out.write_bytes(build_archive(files))
    if as_json:
        put_json({"file": str(out), "ruleset": judged.bundle.hash, "model": judged.bundle.model, "files": len(files)})
    else:
        put(f"{out}: {judged.bundle.hash}, {len(files)} files, {_of_model(judged.bundle.model)}")


def _version(model: str, data_dir: Path) -> str:
    from models.registry import open_registry

    registry = open_registry(data_dir / "models")
    version = registry.current() if model == "current" else registry.resolve(model)
    if version is None:
        message = f"no model is current in {data_dir}: name the installation's folder with --data-dir, train or promote"
        raise Usage(f"{message} a model, or build without --model")
    return version


def _of_model(version: str | None) -> str:
    return "whichever model is current" if version is None else f"model {version[:12]}"


@bundle.command("inspect")
@plainly
def inspect(rules: Source, *, as_json: AsJson = False) -> None:
    """Say what a bundle is: its hash, its model, and every rule with its version."""
    from api.adapters.bundle_files import read_rules
    from engine import compile_bundle

    found = compile_bundle(read_rules(rules), root=str(rules))
    heads = _heads(found.plan)
    if as_json:
        told = [
            {"rule": each.rule, "version": each.version, "title": each.title, "owner": each.owner} for each in heads
        ]
        put_json({"ruleset": found.hash, "model": found.model, "tests": len(found.tests), "rules": told})
        return
    put(f"{found.hash}, {_of_model(found.model)}, {len(found.tests)} files with tests")
    for each in heads:
        put(f"{each.rule:<48} version {each.version:<4} {each.title}")


@bundle.command("diff")
@plainly
def diff(rules: Source, other: Other, *, as_json: AsJson = False) -> None:
    """Say what another bundle would change, and whether it may follow; exit code 1 where it may not."""
    from api.adapters.bundle_files import read_rules
    from engine import compile_bundle
    from engine.compiler.succession import check_succession
    from engine.errors import Severity

    before, after = read_rules(rules), read_rules(other)
    old, new = compile_bundle(before, root=str(rules)), compile_bundle(after, root=str(other))
    changed = _changed(_versions(old.plan), _versions(new.plan))
    found = check_succession(before, after, str(other))
    refused = any(each.severity is Severity.ERROR for each in found)
    if as_json:
        put_json(
            {
                "from": old.hash,
                "to": new.hash,
                "model": {"from": old.model, "to": new.model},
                "files": {name: list(names) for name, names in _files(before, after).items()},
                "changes": {name: list(_keys(before[name], after[name])) for name in _files(before, after)["changed"]},
                "rules": {rule: {"from": was, "to": now} for rule, was, now in changed},
                "problems": [str(each) for each in found],
            }
        )
    else:
        put(f"from {old.hash}\nto   {new.hash}")
        if old.model != new.model:
            put(f"model: {_of_model(old.model)} -> {_of_model(new.model)}")
        for what, names in _files(before, after).items():
            for name in names:
                put(f"{what:<8} {name}{_of_rule(before, after, name)}")
        for rule, was, now in changed:
            put(f"{rule}: version {was or 'none'} -> {now or 'none'}")
        for problem in found:
            put(str(problem))
    if refused:
        leave(FINDINGS)


def _heads(plan: "Plan") -> Sequence["RuleHead"]:
    heads = [
        *(each.head for each in plan.action_rules),
        *(each.head for each in plan.themes),
        *(each.head for each in plan.triggers),
        *(each.head for each in plan.guards),
        *(each.head for each in plan.levers),
    ]
    return sorted(heads, key=lambda head: head.rule)


def _versions(plan: "Plan") -> dict[str, int]:
    return {str(head.rule): head.version for head in _heads(plan)}


def _files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, Sequence[str]]:
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    }


def _of_rule(before: Mapping[str, bytes], after: Mapping[str, bytes], name: str) -> str:
    """Which rule a file holds, and which of its keys say something else."""
    entries = _entries(after.get(name, before.get(name, b"")))
    rule = next((f" ({kind}/{entries[kind]})" for kind in ("action", "theme", "trigger") if kind in entries), "")
    if name not in before or name not in after:
        return rule
    return f"{rule}: {', '.join(_keys(before[name], after[name])) or 'comments or order alone'}"


def _keys(before: bytes, after: bytes) -> Sequence[str]:
    """The keys of a file that say something else than before."""
    was, now = _entries(before), _entries(after)
    return [key for key in dict.fromkeys((*was, *now)) if was.get(key) != now.get(key)]


def _entries(content: bytes) -> Mapping[str, object]:
    """A rule file's keys with what they say; of a file that is none, such as `MODEL`, nothing."""
    from engine.compiler.nodes import plain
    from engine.compiler.parse import ParseError, parse

    try:
        node = parse("", content)
    except ParseError:
        return {}
    return {entry.key.text: plain(entry.value) for entry in node.entries}


def _changed(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[str, int | None, int | None]]:
    """The rules whose version is another, with both."""
    rules = sorted(before.keys() | after.keys())
    return [(rule, before.get(rule), after.get(rule)) for rule in rules if before.get(rule) != after.get(rule)]
