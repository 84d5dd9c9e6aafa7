"""What the grammar of rule files says of a column: what it means, and the words that it takes."""

from api.sheets.sheet_kinds import KEY_PATH, Sheet
from api.sheets.tables import Field
from engine.compiler.grammar import SHAPES
from engine.compiler.grammar.kinds import Choice, Key, Part, Truth


def meaning_of(sheet: Sheet, field: Field) -> str:
    """A sentence about a column, empty where the grammar has none."""
    key = _key(sheet, field)
    return key.doc if key is not None else ""


def words_of(sheet: Sheet, field: Field) -> tuple[str, ...]:
    """The words of which a cell takes one, none where it takes others."""
    key = _key(sheet, field)
    match key.kind if key is not None else None:
        case Choice(values=values):
            return values
        case Truth():
            return ("true", "false")
        case _:
            return ()


def _key(sheet: Sheet, field: Field) -> Key | None:
    shape, key = SHAPES.get(sheet.shape), None
    if field.path == KEY_PATH or field.without is not None:
        return None
    for step in field.path:
        keys = (*shape.keys, *shape.usual) if shape is not None else ()
        key = next((each for each in keys if each.name == step), None)
        shape = SHAPES.get(key.kind.shape) if key is not None and isinstance(key.kind, Part) else None
    return key
