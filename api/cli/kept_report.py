"""What rules make the store keep of each customer's events, as `nextbest check` tells it."""

from collections.abc import Iterator, Mapping
from typing import TypedDict

from engine.compiler.bundle import Bundle
from engine.kept import most_bytes


class RuleSizes(TypedDict):
    """What one rule alone keeps at most, by kind."""

    rule: str
    bytes: int
    by_kind: Mapping[str, int]


class Sizes(TypedDict):
    """What all rules together keep at most; what several read is kept once."""

    bytes: int
    by_kind: Mapping[str, int]
    rules: list[RuleSizes]


def kept_as_json(bundle: Bundle) -> Sizes:
    """Bytes of one customer, at most."""
    by_kind = most_bytes(bundle.plan.event_layout)
    rules = [RuleSizes(rule=each.rule, bytes=each.bytes, by_kind=dict(each.bytes_by_kind)) for each in bundle.kept]
    return Sizes(bytes=sum(by_kind.values()), by_kind=dict(by_kind), rules=rules)


def kept_as_text(sizes: Sizes) -> Iterator[str]:
    """A line for all, then one for each rule."""
    yield f"kept of a customer's events: {sizes['bytes']:,} bytes at most ({_kinds(sizes['by_kind'])})"
    for each in sizes["rules"]:
        yield f"  {each['bytes']:>6,}  {each['rule']} ({_kinds(each['by_kind'])})"


def _kinds(by_kind: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {size:,}" for kind, size in by_kind.items())
