"""The reference page is what the grammar says today, and tells everything in it."""

from api.authoring.constructs import GROUPS
from api.authoring.reference import reference_page
from engine.compiler.grammar import FILES, SHAPES
from tests.unit.api.authoring.books import REFERENCE_BANK

PAGE = REFERENCE_BANK.parent / "rules.md"


def test_the_page_is_up_to_date() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == reference_page(REFERENCE_BANK), "run `make docs`"


def test_every_file_shape_key_and_construct_is_told() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{where}`" in page for where in FILES)
    for shape in SHAPES.values():
        assert shape.doc in page
        assert all(f"| `{key.name}`" in page and key.doc in page for key in shape.keys)
    for group in GROUPS:
        assert all(f"| `{construct.written}` |" in page for construct in group.constructs)


def test_every_shape_that_the_bank_uses_has_an_example() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("```yaml\n# ") > len(SHAPES) * 0.8
    assert "```yaml\n# policy/contact.yaml" in page
