"""Kinds of values in words, for the reference page."""

from typing import assert_never

from engine.compiler.grammar.kinds import (
    Block,
    Blocks,
    ByName,
    Choice,
    Day,
    Either,
    FieldBlock,
    Free,
    Given,
    Histories,
    Kind,
    Known,
    Length,
    Listed,
    Name,
    Number,
    Part,
    Parts,
    Rows,
    Text,
    Truth,
    Whole,
)


def words_of(kind: Kind) -> str:
    """What may stand under a key, in a few words of Markdown."""
    match kind:
        case Text(example=example):
            return f"text such as `{example}`" if example else "text"
        case Name():
            return "a name"
        case Choice(values=values, default=default):
            shown = ", ".join(f"`{value}`" for value in values)
            return f"{shown}; `{default}` unless it says otherwise" if default else shown
        case Truth(default=default):
            return f"`true` or `false`; `{str(default).lower()}` unless it says otherwise"
        case Number(low=low, high=high, default=default):
            return _bounded("a number", low, high, default)
        case Whole(low=low, high=high, default=default):
            top = str(high) if high < 10**9 else ""
            return _bounded(
                "a whole number", str(low) if low or top else "", top, "" if default is None else str(default)
            )
        case Length():
            return "a duration such as `30d`, `6mo`, `2y`, `12h`, `10min`"
        case Day():
            return "a day such as `2026-01-31`"
        case Known(kind=what):
            return {"place": "`channel.placement` or `channel.*`"}.get(
                what, f"{'an' if what[0] in 'ae' else 'a'} {what}"
            )
        case Listed(of):
            return f"{words_of(of)}, or a list"
        case Part(shape):
            return f"a mapping: {shape}"
        case Parts(shape):
            return f"a list: {shape} each"
        case Rows(keys):
            return f"a list of {', '.join(f'`{key}`' for key in keys)}"
        case ByName(name, value):
            return f"by {name.kind if isinstance(name, Known) else 'name'}: {words_of(value)}"
        case Either(kinds):
            return "; or ".join(dict.fromkeys(words_of(each) for each in kinds))
        case Block():
            return "a block"
        case Blocks():
            return "a list of blocks"
        case Histories():
            return "a list of history conditions"
        case FieldBlock():
            return "a block over the event's fields"
        case Given():
            return "facts with their values"
        case Free():
            return "content"
    assert_never(kind)


def _bounded(what: str, low: str, high: str, default: str) -> str:
    bounds = f" in {low}..{high}" if low and high else f" from {low}" if low else f" up to {high}" if high else ""
    return f"{what}{bounds}; {default} unless it says otherwise" if default else f"{what}{bounds}"
