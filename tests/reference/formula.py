"""What a bank's own ranking formula comes to, worked out over the text as Python reads it.

A formula is arithmetic, and Python's grammar is that of the rule language here; only names mean something else.
Numbers are floats, for a formula says which operation comes first, and nothing is rounded but by them.
"""

import ast
from collections.abc import Callable

LARGEST = 1e15
Known = Callable[[str], float | None]
"""What a name stands for, None where nobody knows."""


def priority(text: str, known: Known) -> float:
    """The priority in major units: nothing where it is unknown, below zero or too large."""
    found = amount(ast.parse(text, mode="eval").body, known)
    return found if found is not None and 0 < found < LARGEST else 0.0


def amount(node: ast.expr, known: Known) -> float | None:
    """What a part of a formula comes to; it is unknown where anything in it is, or where it divides by zero."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name() | ast.Attribute():
            return known(ast.unparse(node))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = amount(operand, known)
            return None if found is None else -found
        case ast.BinOp(left=left, op=operator, right=right):
            return _combined(operator, amount(left, known), amount(right, known))
        case ast.Call(func=ast.Name(id=("min" | "max") as name), args=arguments):
            numbers = [amount(each, known) for each in arguments]
            sure = [each for each in numbers if each is not None]
            if len(sure) < len(numbers):
                return None
            return min(sure) if name == "min" else max(sure)
        case _:
            raise AssertionError(f"no formula of the rule language says {ast.unparse(node)}")


def _combined(operator: ast.operator, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right if right != 0 else None
        case _:
            raise AssertionError(f"no formula of the rule language has a {operator}")
