"""The sheets of what holds for all rules: guards, caps, levers and experiments, and the catalogue."""

from typing import Final

from api.sheets.forms import Form
from api.sheets.sheet_kinds import BLUE, KEY_PATH, OTHER, RED, Block, Column, EntrySheet, ListSheet, Rest

GUARDS: Final = ListSheet(
    name="Guards",
    shape="a guard",
    about="What nobody may pass. Compliance owns this sheet.",
    files=("policy/guards.yaml",),
    path=("guards",),
    key="guard",
    color=RED,
    parts=(
        Column("guard", ("guard",), width=24),
        Column("title", ("title",), Form.TEXT, 44),
        Column("stops all", ("stops", "all"), width=9),
        Column("stops tiers", ("stops", "tiers"), Form.LIST, 14),
        Column("stops groups", ("stops", "groups"), Form.LIST, 28),
        Column("stops actions", ("stops", "actions"), Form.LIST, 34),
        Block("when", ("when",)),
        Column("unless", ("unless",), Form.LINES, 28, always=False),
        Column("effect", ("effect",), width=13),
        Rest(OTHER),
    ),
)

CAPS: Final = ListSheet(
    name="Caps",
    shape="a cap",
    about="How often one customer may hear from us.",
    files=("policy/contact.yaml",),
    path=("caps",),
    key="cap",
    color=RED,
    parts=(
        Column("cap", ("cap",), width=26),
        Column("per", ("per",), width=11),
        Column("groups", ("groups",), Form.LIST, 22),
        Column("themes", ("themes",), Form.LIST, 22),
        Column("channels", ("channels",), Form.LIST, 16),
        Column("tiers", ("tiers",), Form.LIST, 14),
        Column("count", ("count",), width=13),
        Column("limit", ("limit",), Form.NUMBER, 8),
        Column("in", ("in",), width=8),
        Column("each", ("each",), width=8),
        Rest(OTHER),
    ),
)

LEVERS: Final = ListSheet(
    name="Levers",
    shape="a lever",
    about="A push for a season, in percent.",
    files=("policy/arbitration.yaml",),
    path=("levers",),
    key="lever",
    color=RED,
    parts=(
        Column("lever", ("lever",), width=24),
        Column("title", ("title",), Form.TEXT, 30),
        Column("percent", ("percent",), Form.NUMBER, 9),
        Column("actions", ("actions",), Form.LIST, 34),
        Column("groups", ("groups",), Form.LIST, 22),
        Column("themes", ("themes",), Form.LIST, 22),
        Column("channels", ("channels",), Form.LIST, 16),
        Column("valid from", ("valid", "from"), width=12),
        Column("valid to", ("valid", "to"), width=12),
        Rest(OTHER),
    ),
)

EXPERIMENTS: Final = ListSheet(
    name="Experiments",
    shape="an experiment",
    about="What is compared on whom; treatments name the arm that they are for.",
    files=("policy/experiments.yaml",),
    path=("experiments",),
    key="experiment",
    color=RED,
    parts=(
        Column("experiment", ("experiment",), width=24),
        Column("title", ("title",), Form.TEXT, 34),
        Column("of", ("of",), width=30),
        Column("arms", ("arms",), Form.PAIRS, 18),
        Column("valid from", ("valid", "from"), width=12),
        Column("valid to", ("valid", "to"), width=12),
        Rest(OTHER),
    ),
)

FACTS: Final = EntrySheet(
    name="Facts",
    shape="an attribute of the catalogue",
    about="Every fact that a rule may name.",
    files=("catalogue.yaml",),
    paths=(("attributes", ("attributes",)), ("calculated", ("calculated",)), ("context", ("context",))),
    parent="section",
    key="fact",
    color=BLUE,
    parts=(
        Column("fact", KEY_PATH, width=28),
        Column("title", ("title",), Form.TEXT, 40),
        Column(
            "type",
            ("type",),
            width=10,
        ),
        Column("unit", ("unit",), width=13),
        Column("values", ("values",), Form.LIST, 40),
        Column("range", ("range",), width=18),
        Column("decimals", ("decimals",), Form.NUMBER, 9),
        Column("default", ("default",), width=10),
        Column("source", ("source",), width=14),
        Column("private", ("private",), width=9),
        Column("model", ("model",), width=8),
        Rest(OTHER),
    ),
)

PRODUCTS: Final = EntrySheet(
    name="Products",
    shape="a product",
    about="What customers may hold.",
    files=("catalogue.yaml",),
    paths=(("", ("products",)),),
    key="product",
    color=BLUE,
    parts=(
        Column("product", KEY_PATH, width=26),
        Column("title", ("title",), Form.TEXT, 34),
        Column("group", ("group",), width=16),
        Rest(OTHER),
    ),
)

EVENTS: Final = EntrySheet(
    name="Events",
    shape="an event of the catalogue",
    about="What may have happened to a customer.",
    files=("catalogue.yaml",),
    paths=(("", ("events",)),),
    key="event",
    color=BLUE,
    parts=(
        Column("event", KEY_PATH, width=28),
        Column("title", ("title",), Form.TEXT, 34),
        Column("source", ("source",), width=14),
        Column("keep", ("keep",), width=9),
        Column("private", ("private",), width=9),
        Column("fields", ("fields",), Form.PAIRS, 60),
        Rest(OTHER),
    ),
)
