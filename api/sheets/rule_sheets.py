"""The sheets of actions, triggers and themes, with what stands in their files: treatments, needs and tests."""

from typing import Final

from api.sheets.forms import Form
from api.sheets.sheet_kinds import KEY_PATH, OTHER, Block, Column, EntrySheet, FileSheet, ListSheet, Part, Rest


def _head(kind: str) -> tuple[Column, ...]:
    return (
        Column(kind, (kind,), width=26),
        Column("title", ("title",), Form.TEXT, 38),
        Column("owner", ("owner",), width=34),
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


ACTIONS: Final = FileSheet(
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

TREATMENTS: Final = EntrySheet(
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

TRIGGERS: Final = FileSheet(
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

THEMES: Final = FileSheet(
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

NEEDS: Final = ListSheet(
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

TESTS: Final = ListSheet(
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
