"""`nextbest schema`: what editors need in order to complete, explain and check rule files while they are written."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from api.cli.console import AsJson, plainly, put, put_json, say
from api.cli.rules import RulesArgument

OUT: Final = Path(".nextbest/schema")


@plainly
def schema(
    rules: RulesArgument = Path("rules"),
    out: Annotated[Path, typer.Option("--out", help="Folder for the schemas.", file_okay=False)] = OUT,
    *,
    as_json: AsJson = False,
) -> None:
    """Write JSON Schemas of all rule files, with this bank's own facts, events, actions and places.

    Any editor with a YAML language server then completes, explains on hover and underlines. The settings that connect
    them are printed, never written. Rules with errors still give schemas; `nextbest check` tells the errors.
    """
    from api.adapters.bundle_files import read_rules
    from api.authoring.editors import modeline, settings
    from api.authoring.json_schema import schemas
    from api.authoring.names import names_of

    names, errors = names_of(read_rules(rules), str(rules))
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in schemas(names).items():
        (out / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(str(out / name))
    if as_json:
        put_json({"schemas": written, "settings": settings(rules, out), "errors": len(errors)})
        return
    for each in written:
        put(each)
    put("\nVisual Studio Code with the YAML extension: add to .vscode/settings.json")
    put(json.dumps(settings(rules, out), indent=2))
    put(
        f"\nAny other editor with a YAML language server: begin a file, such as an action, with\n{modeline(rules, out)}"
    )
    if errors:
        counted = f"{len(errors)} error{'' if len(errors) == 1 else 's'}"
        say(f"nextbest: the rules have {counted}; run nextbest check {rules}")
