"""The benchmark's blocks and customers."""

import pytest

from bench.blocks import ATTRIBUTES, CELLS, MISSING, Attribute, Block, BlockDrawer, Cell, blocks_true, customer_values

AGE = next(each for each in ATTRIBUTES if each.name == "age")
HOUSING = next(each for each in ATTRIBUTES if each.name == "housing")


def test_there_are_forty_attributes_of_every_common_type() -> None:
    """Names never repeat, and some of them nobody knows."""
    assert len({each.name for each in ATTRIBUTES}) == 40
    assert {each.type for each in ATTRIBUTES} == {"integer", "money", "decimal", "category", "boolean"}
    assert {each.name for each in ATTRIBUTES} >= MISSING


@pytest.mark.parametrize(
    ("cell", "value", "truth"),
    [
        (Cell(attribute=AGE, low=20), 20, True),
        (Cell(attribute=AGE, low=20), 19, False),
        (Cell(attribute=AGE, high=20), 20, True),
        (Cell(attribute=AGE, low=20, high=30), 31, False),
        (Cell(attribute=AGE, low=20), None, None),
        (Cell(attribute=HOUSING, one_of=("owned", "renting")), "owned", True),
        (Cell(attribute=HOUSING, one_of=("owned",)), "renting", False),
        (Cell(attribute=HOUSING, one_of=("owned",)), None, None),
    ],
)
def test_cell_means_what_it_says(cell: Cell, value: int | str | None, truth: bool | None) -> None:
    """Both bounds are inclusive, and a missing value is neither true nor false."""
    assert cell.truth(value) is truth


def test_false_wins_over_unknown_in_a_block() -> None:
    """As in the engine: one false cell settles it, one unknown cell keeps it from being true."""
    block = Block((Cell(attribute=AGE, low=20), Cell(attribute=HOUSING, one_of=("owned",))))
    assert block.truth({"age": 10, "housing": None}) is False
    assert block.truth({"age": 30, "housing": None}) is None
    assert block.truth({"age": 30, "housing": "owned"}) is True


@pytest.mark.parametrize("wanted", [True, False, None])
def test_drawn_block_is_what_was_wanted_for_every_customer(wanted: bool | None) -> None:
    """Customers differ in their numbers and agree in every verdict."""
    drawer = BlockDrawer(7)
    blocks = [drawer.block(wanted=wanted, never=["age"]) for _ in range(20)]
    for number in range(10):
        values = customer_values(7, number)
        assert [block.truth(values) for block in blocks] == [wanted] * 20
        assert list(blocks_true(blocks, values)) == (list(range(20)) if wanted else [])
    for block in blocks:
        names = {cell.attribute.name for cell in block.cells}
        assert len(names) == CELLS
        assert "age" not in names


def test_customers_differ_in_their_numbers_inside_one_band() -> None:
    """No two of the first hundred have the same numbers, and all of them have the same bands."""

    def numbers(number: int) -> dict[Attribute, float]:
        values = customer_values(7, number)
        return {each: float(values[each.name] or 0) for each in ATTRIBUTES if each.is_number}

    hundred = [numbers(number) for number in range(100)]
    assert len({tuple(each.values()) for each in hundred}) == 100
    assert len({tuple(value // each.band_width for each, value in found.items()) for found in hundred}) == 1
