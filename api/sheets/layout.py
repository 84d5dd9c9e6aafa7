"""Which sheets there are, which parts of which rule files their rows and columns show, and how wide they are."""

from dataclasses import dataclass, field
from typing import Final

from api.sheets.forms import Form

PLACE: Final = "place"
"""The last column of every sheet: where a row came from; empty in rows that are new."""
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """One part of a row: a header, and the keys that lead to it."""

    header: str
    path: tuple[str, ...]
    form: Form = Form.WORD
    width: int = 16
    names: str = ""
    """The column of the sheet of names that the cell chooses from."""
    quoted: bool = False
    """Whether new text stands in quotes."""
    always: bool = True
    """Whether the column stands there though nobody uses it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A condition block: a column for every fact that several rows read, and `other` for the rest of them."""

    name: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Entries of a mapping that have no column of their own."""

    header: str
    path: tuple[str, ...] = ()


Part = Column | Block | Rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A kind of rows."""

    name: str
    about: str
    parts: tuple[Part, ...]
    key: str
    """Header of the column that names a row."""
    parent: str | None = None
    """Header of the column that says which rule a row belongs to."""
    shape: str = ""
    """What the grammar calls a row; empty where a row is a single value."""
    color: str = "4F6D7A"
    hidden_keys: frozenset[str] = field(default_factory=frozenset)
    """Keys of the row that other sheets show."""
    blocks: bool = False
    """Whether new rows are written as block lines rather than in braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSheet(Sheet):
    """A row a file."""

    folder: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSheet(Sheet):
    """A row an item of a list; `files` are names or folders that end in `/`."""

    files: tuple[str, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySheet(Sheet):
    """A row an entry of a mapping, whose key is the row's own; `paths` by what the parent column says of them."""

    files: tuple[str, ...]
    paths: tuple[tuple[str, tuple[str, ...]], ...]
    may_repeat: bool = False
    """Whether an entry may hold a list, each item of which is a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSheet(Sheet):
    """A row a single value, wherever it stands."""

    files: tuple[str, ...]
    without: tuple[tuple[str, str], ...] = ()
    """Files with the keys that other sheets show."""


KEY_PATH: Final = ("<key>",)
"""The path of the column that holds an entry's key."""
_RED, _BLUE, _GREY = "8C3B3B", "2F5D8A", "6B6B6B"


def _head(kind: str) -> tuple[Column, ...]:
    return (
        Column(kind, (kind,), width=26),
        Column("title", ("title",), Form.TEXT, 38),
        Column("owner", ("owner",), width=24),
        Column("version", ("version",), Form.NUMBER, 9),
    )


_VALID: Final = (
    Column("valid from", ("valid", "from"), width=12),
    Column("valid to", ("valid", "to"), width=12),
    Column("formerly", ("formerly",), always=False),
)


def _stage(name: str) -> tuple[Part, ...]:
    return (
        Block(f"{name} when", (name, "when")),
        Column(f"{name} history", (name, "history"), Form.LINES, 34, always=False),
        Column(f"{name} unless", (name, "unless"), Form.LINES, 30),
    )


_ACTIONS: Final = FileSheet(
    name="Actions",
    shape="an action file",
    about="What the bank may do: whom it is for, what it is worth.",
    folder="actions",
    kind="action",
    key="action",
    hidden_keys=frozenset({"treatments", "tests"}),
    parts=(
        *_head("action"),
        Column("group", ("group",), names="groups", width=13),
        Column("gives", ("gives",), names="products", width=20),
        Column("tier", ("tier",), width=9),
        Column("show", ("show",), width=20),
        Column("value", ("value",), Form.NUMBER, 11),
        Column("terms", ("terms",), Form.PAIRS, 26),
        *_stage("eligible"),
        *_stage("applicable"),
        *_stage("suitable"),
        Column("contact per_customer", ("contact", "per_customer"), width=16),
        Column("contact after_decline", ("contact", "after_decline"), Form.PAIRS, 22),
        Column("contact after_accept", ("contact", "after_accept"), width=14),
        Rest("contact other", ("contact",)),
        Column("never_with", ("never_with",), Form.LIST, 24),
        *_VALID,
        Rest(OTHER),
    ),
)

_CONTENT: Final = ("headline", "body", "call_to_action", "url", "image")
_STAFF: Final = ("inquire", "communicate", "affirm", "recommend", "express")

_TREATMENTS: Final = EntrySheet(
    name="Treatments",
    shape="a treatment",
    about="An action's words for each placement; of several for one placement the first that fits is shown.",
    files=("actions/",),
    paths=(("", ("treatments",)),),
    may_repeat=True,
    parent="action",
    key="placement",
    blocks=True,
    parts=(
        Column("placement", KEY_PATH, names="placements", width=22),
        Column("id", ("id",), width=14, always=False),
        Column("when", ("when",), Form.PAIRS, 26),
        *(Column(name, (name,), Form.TEXT, 60 if name == "body" else 34, quoted=True) for name in _CONTENT[:3]),
        *(Column(name, (name,), Form.TEXT, 26) for name in _CONTENT[3:]),
        Column("leads_to", ("leads_to",), Form.PAIRS, 20),
        *(Column(name, (name,), Form.TEXT, 44, quoted=True) for name in _STAFF),
        Column("objections", ("objections",), Form.LINES, 70),
        Column("locale", ("locale",), width=9),
        Column("arm", ("arm",), width=12, always=False),
        Column("privacy", ("privacy",), width=10),
        Column("valid from", ("valid", "from"), width=12),
        Column("valid to", ("valid", "to"), width=12),
        Rest(OTHER),
    ),
)

_TRIGGERS: Final = FileSheet(
    name="Triggers",
    shape="a trigger file",
    about="What one customer did or is, and what follows from it.",
    folder="customized",
    kind="trigger",
    key="trigger",
    hidden_keys=frozenset({"tests"}),
    parts=(
        *_head("trigger"),
        Column("on moment", ("on", "moment"), Form.LIST, 28),
        Column("history", ("history",), Form.LINES, 46),
        Block("when", ("when",)),
        Column("unless", ("unless",), Form.LINES, 28),
        Column("promote", ("promote",), Form.PAIRS, 30),
        Column("suppress actions", ("suppress", "actions"), Form.LIST, 26),
        Column("suppress groups", ("suppress", "groups"), Form.LIST, 26),
        Column("suppress for", ("suppress", "for"), width=11),
        *_VALID,
        Rest(OTHER),
    ),
)

_THEMES: Final = FileSheet(
    name="Themes",
    shape="a theme file",
    about="A need behind several facts, and the journey of offers that meets it.",
    folder="thematic",
    kind="theme",
    key="theme",
    hidden_keys=frozenset({"needs", "tests"}),
    parts=(
        *_head("theme"),
        Block("active", ("active",)),
        Column("journey", ("journey",), Form.LIST, 40),
        Column("weight", ("weight",), Form.NUMBER, 9),
        Column("strict", ("strict",), width=8),
        Column("if_capped", ("if_capped",), width=10),
        Column("accept_counts", ("accept_counts",), width=14),
        *_VALID,
        Rest(OTHER),
    ),
)

_NEEDS: Final = ListSheet(
    name="Needs",
    shape="a need",
    about="What themes infer; a need that stands here twice holds if either does.",
    files=("thematic/",),
    path=("needs",),
    parent="theme",
    key="need",
    parts=(
        Column("need", ("need",), width=24),
        Column("title", ("title",), Form.TEXT, 30),
        Block("when", ("when",)),
        Column("history", ("history",), Form.LINES, 40, always=False),
        Column("unless", ("unless",), Form.LINES, 28),
        Column("lasts", ("lasts",), width=9),
        Rest(OTHER),
    ),
)

_TESTS: Final = ListSheet(
    name="Tests",
    shape="a test",
    about="Customers who must, and who must not, be shown something; `nextbest test` runs them.",
    files=("actions/", "thematic/", "customized/"),
    path=("tests",),
    parent="rule",
    key="name",
    blocks=True,
    parts=(
        Column("name", ("name",), Form.TEXT, 38),
        Column("like", ("like",), Form.TEXT, 30),
        Column("given", ("given",), Form.PAIRS, 34),
        Column("events", ("events",), Form.LINES, 46),
        Column("contacts", ("contacts",), Form.LINES, 40),
        Column("ask channel", ("ask", "channel"), names="channels", width=10),
        Column("ask placement", ("ask", "placement"), width=15),
        Column("ask moment", ("ask", "moment"), names="moments", width=20),
        Column("ask placements", ("ask", "placements"), Form.LIST, 20, always=False),
        Column("ask locale", ("ask", "locale"), width=9, always=False),
        Column("expect offer", ("expect", "offer"), Form.WORDS, 22),
        Column("expect not_offer", ("expect", "not_offer"), Form.WORDS, 22),
        Column("expect because", ("expect", "because"), Form.WORDS, 24),
        Rest(OTHER),
    ),
)

_GUARDS: Final = ListSheet(
    name="Guards",
    shape="a guard",
    about="What nobody may pass. Compliance owns this sheet.",
    files=("policy/guards.yaml",),
    path=("guards",),
    key="guard",
    color=_RED,
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

_CAPS: Final = ListSheet(
    name="Caps",
    shape="a cap",
    about="How often one customer may hear from us.",
    files=("policy/contact.yaml",),
    path=("caps",),
    key="cap",
    color=_RED,
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

_LEVERS: Final = ListSheet(
    name="Levers",
    shape="a lever",
    about="A push for a season, in percent.",
    files=("policy/arbitration.yaml",),
    path=("levers",),
    key="lever",
    color=_RED,
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

_EXPERIMENTS: Final = ListSheet(
    name="Experiments",
    shape="an experiment",
    about="What is compared on whom; treatments name the arm that they are for.",
    files=("policy/experiments.yaml",),
    path=("experiments",),
    key="experiment",
    color=_RED,
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

_FACTS: Final = EntrySheet(
    name="Facts",
    shape="an attribute of the catalogue",
    about="Every fact that a rule may name.",
    files=("catalogue.yaml",),
    paths=(("attributes", ("attributes",)), ("calculated", ("calculated",)), ("context", ("context",))),
    parent="section",
    key="fact",
    color=_BLUE,
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

_PRODUCTS: Final = EntrySheet(
    name="Products",
    shape="a product",
    about="What customers may hold.",
    files=("catalogue.yaml",),
    paths=(("", ("products",)),),
    key="product",
    color=_BLUE,
    parts=(
        Column("product", KEY_PATH, width=26),
        Column("title", ("title",), Form.TEXT, 34),
        Column("group", ("group",), width=16),
        Rest(OTHER),
    ),
)

_EVENTS: Final = EntrySheet(
    name="Events",
    shape="an event of the catalogue",
    about="What may have happened to a customer.",
    files=("catalogue.yaml",),
    paths=(("", ("events",)),),
    key="event",
    color=_BLUE,
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
    _ACTIONS,
    _TREATMENTS,
    _TRIGGERS,
    _THEMES,
    _NEEDS,
    _TESTS,
    _GUARDS,
    _CAPS,
    _LEVERS,
    _EXPERIMENTS,
    _FACTS,
    _PRODUCTS,
    _EVENTS,
    _leaves("Personas", "The customers that tests start from.", ("personas.yaml",), (), _BLUE),
    _leaves("Channels", "Where the bank meets its customers.", ("channels.yaml",), (), _GREY),
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
        _GREY,
    ),
)
SHEET_BY_NAME: Final = {sheet.name: sheet for sheet in SHEETS}
