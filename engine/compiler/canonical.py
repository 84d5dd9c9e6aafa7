"""Conditions in words that tell whether two of them are written equally."""

from engine.syntax import All, AnyOf, Compare, Condition, Not, OneOf


def canonical(condition: Condition) -> str:
    """A condition in words that are equal exactly where the condition was written equally, places apart."""
    match condition:
        case Not(item):
            return f"not({canonical(item)})"
        case All(items):
            return f"all({'; '.join(map(canonical, items))})"
        case AnyOf(items):
            return f"any({'; '.join(map(canonical, items))})"
        case Compare(fact=fact, operator=operator, right=right):
            beside = f"{right.factor}*{right.fact.name}+" if right.fact is not None else ""
            return f"{fact.name} {operator} {beside}{right.constant}"
        case OneOf(fact=fact, values=values):
            return f"{fact.name} in {sorted(values, key=repr)}"
        case _:
            return condition.text
