"""Reads a mapping from YAML, with every mistake named by line and column."""

import codecs
from collections.abc import Mapping as Map
from typing import Final
from zoneinfo import ZoneInfo

from api.loading.mapping import Consent, Contacts, Customers, Events, Identities, Join, Mapping, Products, Table
from api.loading.value_forms import optional_value, read_attribute, read_value, read_where, required_value
from engine.compiler.form import Form
from engine.compiler.parse import Node, ParseError, Scalar, parse
from engine.compiler.problem_list import Problems
from engine.errors import Diagnostic

CONTACT_COLUMNS: Final = ("at", "channel", "action", "session", "positive", "declined", "decline_reason", "converted")
_NEEDED_OF_A_CONTACT: Final = ("at", "channel", "action")
_LAYOUT_DEFAULTS: Final = ("delimiter", "encoding", "empty", "zone")


class MappingErrors(Exception):
    """A mapping cannot be used; every problem found, in file order."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))


def read_mapping(path: str, content: bytes) -> Mapping:
    """Read a mapping file.

    Raises:
        MappingErrors: it is not YAML, or says something that no mapping can say.
    """
    problems = Problems()
    try:
        root = Form(parse(path, content), problems, "a mapping")
    except ParseError as error:
        raise MappingErrors(error.diagnostics) from error
    mapping = _mapping(path, root, problems)
    root.finish()
    found = problems.sorted()
    if found or mapping is None:
        raise MappingErrors(found)
    return mapping


def _mapping(path: str, root: Form, problems: Problems) -> Mapping | None:
    tables = _tables(root, problems)
    customers = _customers(root, problems)
    mapping = None
    if customers is not None:
        mapping = Mapping(
            path=path,
            tables=tables,
            customers=customers,
            products=tuple(_products(form, problems) for form in root.forms("products", "a product line")),
            identities=tuple(_identities(form, problems) for form in root.forms("identities", "an identity line")),
            events=tuple(_events(form, problems) for form in root.forms("events", "an event line")),
            consents=_consents(root, problems),
            contacts=tuple(_contacts(form, problems) for form in root.forms("contacts", "a contact line")),
            as_of=root.day("as_of"),
            source=root.text("source"),
            history_since=root.day("history_since"),
        )
    return mapping


def _tables(root: Form, problems: Problems) -> Map[str, Table]:
    defaults = root.form("files", "`files`")
    tables = {key.text: _table(key, node, defaults, problems) for key, node in root.entries("tables")}
    if not tables:
        problems.error(root.key_span("tables"), "a mapping needs `tables`")
    for key in _LAYOUT_DEFAULTS:
        defaults.has(key)
    defaults.finish()
    return tables


def _table(key: Scalar, node: Node, defaults: Form, problems: Problems) -> Table:
    form = Form(node, problems, f"the table `{key.text}`")

    def layout(name: str, default: str) -> str:
        return form.text(name, defaults.text(name, default))

    delimiter = layout("delimiter", ",")
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1:
        problems.error(form.span_of("delimiter"), "`delimiter` must be one character, or `tab`")
    encoding = layout("encoding", "utf-8")
    if not _is_encoding(encoding):
        problems.error(form.span_of("encoding"), f"unknown encoding `{encoding}`", "such as utf-8 or windows-1250")
    zone = layout("zone", "")
    if zone and not _is_zone(zone):
        problems.error(form.span_of("zone"), f"unknown time zone `{zone}`", "such as Europe/London or UTC")
    empty = form if form.has("empty") else defaults
    table = Table(
        name=key.text,
        file=form.text("file", required=True),
        span=key.span,
        delimiter=delimiter,
        encoding=encoding,
        empty=frozenset({"", *(word.text.strip() for word in empty.words("empty"))}),
        zone=zone or None,
        customer=form.text("customer") or None,
        joins=tuple(_join(item) for item in form.forms("joins", "a join")),
    )
    form.finish()
    return table


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _join(form: Form) -> Join:
    on = form.text("on", required=True)
    join = Join(
        table=form.text("table", required=True),
        on=on,
        key=form.text("key", on),
        where=read_where(form),
        span=form.span,
    )
    form.finish()
    return join


def _customers(root: Form, problems: Problems) -> Customers | None:
    if not root.has("customers"):
        problems.error(root.span, "a mapping needs `customers`")
        return None
    form = root.form("customers", "`customers`")
    customers = Customers(
        table=form.text("table", required=True),
        id=form.text("id", required=True),
        id_prefix=form.text("id_prefix"),
        same_names=form.truth("same_names"),
        attributes={key.text: read_attribute(node, problems) for key, node in form.entries("attributes")},
        segments=optional_value(form, "segments", problems),
        groups=optional_value(form, "groups", problems),
        span=form.span,
    )
    form.finish()
    return customers


def _products(form: Form, problems: Problems) -> Products:
    products = Products(
        table=form.text("table", required=True),
        where=read_where(form),
        product=required_value(form, "product", problems),
        opened_on=optional_value(form, "opened_on", problems),
        closed_on=optional_value(form, "closed_on", problems),
        span=form.span,
    )
    form.finish()
    return products


def _identities(form: Form, problems: Problems) -> Identities:
    identities = Identities(
        table=form.text("table", required=True),
        where=read_where(form),
        scheme=form.name("scheme"),
        value=required_value(form, "value", problems),
        span=form.span,
    )
    form.finish()
    return identities


def _events(form: Form, problems: Problems) -> Events:
    events = Events(
        table=form.text("table", required=True),
        where=read_where(form),
        event=required_value(form, "event", problems),
        at=required_value(form, "at", problems),
        id=optional_value(form, "id", problems),
        fields={key.text: read_value(node, problems) for key, node in form.entries("fields")},
        json=form.text("json") or None,
        span=form.span,
    )
    if events.fields and events.json:
        problems.error(
            form.key_span("json"), "an event's fields come from `fields` or from one `json` column, not both"
        )
    form.finish()
    return events


def _consents(root: Form, problems: Problems) -> tuple[Consent, ...]:
    if not root.has("consent"):
        return ()
    form = root.form("consent", "`consent`")
    consent = Consent(
        table=form.text("table", required=True),
        cell_by_purpose={key.text: read_value(node, problems) for key, node in form.entries("purposes")},
        objection=optional_value(form, "profiling_objection", problems),
        span=form.span,
    )
    form.finish()
    return (consent,)


def _contacts(form: Form, problems: Problems) -> Contacts:
    cells = {name: cell for name in CONTACT_COLUMNS if (cell := optional_value(form, name, problems)) is not None}
    for name in _NEEDED_OF_A_CONTACT:
        if name not in cells:
            problems.error(form.span, f"a contact line needs `{name}`")
    contacts = Contacts(table=form.text("table", required=True), where=read_where(form), cells=cells, span=form.span)
    form.finish()
    return contacts
