"""Which sheets there are, in the order in which they stand."""

from typing import Final

from api.sheets.forms import Form
from api.sheets.policy_sheets import CAPS, EVENTS, EXPERIMENTS, FACTS, GUARDS, LEVERS, PRODUCTS
from api.sheets.rule_sheets import ACTIONS, NEEDS, TESTS, THEMES, TREATMENTS, TRIGGERS
from api.sheets.sheet_kinds import BLUE, GREY, KEY_PATH, Column, LeafSheet, Sheet


def _leaves(
    name: str, about: str, files: tuple[str, ...], without: tuple[tuple[str, str], ...], color: str
) -> LeafSheet:
    return LeafSheet(
        name=name,
        about=about,
        files=files,
        without=without,
        key="setting",
        parent="file",
        color=color,
        parts=(Column("setting", KEY_PATH, width=58), Column("value", (), Form.CELL, 70)),
    )


SHEETS: Final[tuple[Sheet, ...]] = (
    ACTIONS,
    TREATMENTS,
    TRIGGERS,
    THEMES,
    NEEDS,
    TESTS,
    GUARDS,
    CAPS,
    LEVERS,
    EXPERIMENTS,
    FACTS,
    PRODUCTS,
    EVENTS,
    _leaves("Personas", "The customers that tests start from.", ("personas.yaml",), (), BLUE),
    _leaves("Channels", "Where the bank meets its customers.", ("channels.yaml",), (), GREY),
    _leaves(
        "Settings",
        "Everything else, a line each.",
        (
            "bank.yaml",
            "catalogue.yaml",
            "policy/guards.yaml",
            "policy/contact.yaml",
            "policy/arbitration.yaml",
            "policy/experiments.yaml",
        ),
        (
            ("policy/guards.yaml", "guards"),
            ("policy/contact.yaml", "caps"),
            ("policy/arbitration.yaml", "levers"),
            ("policy/experiments.yaml", "experiments"),
            *(("catalogue.yaml", key) for key in ("attributes", "calculated", "context", "products", "events")),
        ),
        GREY,
    ),
)
SHEET_BY_NAME: Final = {sheet.name: sheet for sheet in SHEETS}
