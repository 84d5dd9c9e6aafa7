"""`nextbest table`: a folder of rules as a workbook, and an edited workbook back into the folder."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from api.cli.console import FINDINGS, AsJson, Usage, leave, plainly, put, put_json, say

if TYPE_CHECKING:
    from api.sheets.importing import Import
    from api.sheets.problems import Problem, WorkbookRefused

tables = typer.Typer(help="Rules as a workbook that marketers edit in Excel or LibreOffice.", no_args_is_help=True)

_Workbook = Annotated[Path, typer.Argument(help="The workbook, an .xlsx file.", dir_okay=False, show_default=False)]
_Rules = Annotated[Path, typer.Argument(help="Folder of rule files.", exists=True, file_okay=False, show_default=False)]


@tables.command("export")
@plainly
def export(
    rules: _Rules,
    workbook: _Workbook,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a workbook that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a folder of rules as a workbook: a sheet a kind, a row a rule, a column a fact."""
    from api.sheets.folder import replace_file, rule_files
    from api.sheets.problems import WorkbookRefused, unreadable
    from api.sheets.workbook_out import export_workbook
    from engine.compiler.parse import ParseError

    if workbook.suffix.lower() != ".xlsx":
        raise Usage(f"{workbook} must end in .xlsx")
    if workbook.exists() and not force:
        raise Usage(f"{workbook} is there already: add --force to replace it, edits in it included")
    files = rule_files(rules)
    if not files:
        raise Usage(f"{rules} holds no rule files")
    try:
        content = export_workbook(files)
    except ParseError as error:
        _complain(WorkbookRefused(*unreadable(error)), as_json=as_json)
    except WorkbookRefused as refusal:
        _complain(refusal, as_json=as_json)
    replace_file(workbook, content)
    if as_json:
        put_json({"workbook": str(workbook), "files": len(files), "bytes": len(content)})
    else:
        put(f"{workbook}: {len(files)} files, {len(content):,} bytes")


@tables.command("import")
@plainly
def take_over(
    workbook: _Workbook,
    rules: Annotated[Path, typer.Argument(help="Folder of rule files.", file_okay=False, show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take an edited workbook back into its folder: all of it or nothing, told before it is written."""
    from api.sheets.folder import FolderChanged, rule_files, write_files
    from api.sheets.importing import judge
    from api.sheets.problems import WorkbookRefused

    seen = rule_files(rules)
    try:
        found = judge(workbook.name, _content(workbook), seen)
    except WorkbookRefused as refusal:
        _complain(refusal, as_json=as_json)
    written = False
    if not as_json:
        _tell(found)
    if found.merged.files and not dry_run and (yes or _confirmed(as_json=as_json)):
        try:
            write_files(rules, found.merged.files, seen)
        except FolderChanged as changed:
            raise Usage(str(changed)) from changed
        written = True
    if as_json:
        put_json(_told(found, written=written))
    elif written:
        put(f"written to {rules}; ruleset {found.ruleset}")
    elif found.merged.files:
        put("nothing was written")
    if found.merged.files and not (written or dry_run):
        leave(FINDINGS)


def _content(workbook: Path) -> bytes:
    from api.sheets.archive import MOST_BYTES

    if not workbook.is_file():
        raise Usage(f"there is no workbook {workbook}")
    with workbook.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _confirmed(*, as_json: bool) -> bool:
    """Whether the person at the terminal agrees; where there is none, nobody does."""
    import sys

    if as_json or not sys.stdin.isatty():
        say("nextbest: add --yes to write this, or --dry-run to only look")
        return False
    return typer.confirm("Write this?", default=False, err=True)


def _complain(refusal: "WorkbookRefused", *, as_json: bool) -> NoReturn:
    """Tell everything that is wrong, and end."""
    problems = refusal.problems
    if as_json:
        put_json({"written": False, "problems": [_problem(each) for each in problems]})
    else:
        for each in problems:
            say(str(each))
        errors = sum(not each.is_warning for each in problems)
        say(f"nothing was written: {errors} {'error' if errors == 1 else 'errors'}")
    leave(FINDINGS)


def _problem(each: "Problem") -> dict[str, object]:
    return {
        "place": str(each.spot),
        "file": each.in_file,
        "severity": "warning" if each.is_warning else "error",
        "message": each.message,
        "hint": each.hint,
    }


def _tell(found: "Import") -> None:
    """The plan, as a person reads it."""
    from api.sheets.changes import short

    merged = found.merged
    for note in merged.notes:
        put(f"note: {note}")
    for each in found.warnings:
        put(str(each))
    for change in merged.changes:
        put(f"{change.kind:<8} {change.what}  ({change.file}{_at(str(change.spot))})")
        for cell in change.cells:
            old, new = (short(text) or "(empty)" for text in (cell.old, cell.new))
            put(f"           {cell.spot}  {cell.header}: {old} -> {new}")
    counts = ", ".join(f"{merged.count(kind)} {kind}" for kind in ("changed", "added", "removed"))
    files = len(merged.files)
    put(f"{counts}; {files or 'no'} {'file' if files == 1 else 'files'} to write")


def _at(spot: str) -> str:
    return f", {spot}" if "!" in spot else ""


def _told(found: "Import", *, written: bool) -> dict[str, object]:
    merged = found.merged
    return {
        "written": written,
        "ruleset": found.ruleset,
        "changed": merged.count("changed"),
        "added": merged.count("added"),
        "removed": merged.count("removed"),
        "files": sorted(merged.files),
        "notes": list(merged.notes),
        "warnings": [_problem(each) for each in found.warnings],
        "changes": [
            {
                "kind": change.kind,
                "what": change.what,
                "file": change.file,
                "place": str(change.spot),
                "cells": [
                    {"cell": str(cell.spot), "column": cell.header, "from": cell.old, "to": cell.new}
                    for cell in change.cells
                ],
            }
            for change in merged.changes
        ],
    }
