"""Reads a mapping from YAML, with every mistake named by line and column."""

import codecs
from collections.abc import Mapping as Map
from typing import Final
from zoneinfo import ZoneInfo

from api.loading.mapping import (
    Aggregate,
    Band,
    Cell,
    Consent,
    Contacts,
    Customers,
    DateFormat,
    Distance,
    Events,
    Identities,
    Join,
    Mapping,
    Products,
    Summary,
    Table,
    Where,
)
from engine.compiler.form import Form, Problems
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, ParseError, Scalar, parse
from engine.errors import Diagnostic, Span

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
        raise MappingErrors((error.diagnostic,)) from error
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
        where=_where(form),
        span=form.span,
    )
    form.finish()
    return join


def _where(form: Form) -> Where:
    inner = form.form("where", "`where`")
    where = {key.text: frozenset(word.text for word in inner.words(key.text)) for key, _ in form.entries("where")}
    inner.finish()
    return where


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
        attributes={key.text: _attribute(node, problems) for key, node in form.entries("attributes")},
        segments=_optional(form, "segments", problems),
        groups=_optional(form, "groups", problems),
        span=form.span,
    )
    form.finish()
    return customers


def _attribute(node: Node, problems: Problems) -> Cell | Aggregate:
    if isinstance(node, MappingNode) and any(node.get(summary) is not None for summary in Summary):
        return _aggregate(Form(node, problems, "an attribute"), problems)
    return _cell(node, problems)


def _aggregate(form: Form, problems: Problems) -> Aggregate:
    chosen = [summary for summary in Summary if form.has(summary)]
    if len(chosen) > 1:
        problems.error(form.span, f"an attribute is made by one of {', '.join(chosen)}, not by several")
    summary = chosen[0]
    needs_column = summary not in (Summary.COUNT, Summary.ANY)
    if needs_column and not form.has("column"):
        problems.error(form.key_span(summary), f"`{summary}` needs the `column` that it goes over")
    by = _optional(form, "by", problems)
    if (by is not None) != (summary is Summary.LATEST):
        problems.error(form.key_span(summary), "`latest` needs `by`, a date or number column; nothing else takes it")
    aggregate = Aggregate(
        summary=summary,
        table=form.text(summary),
        cell=_steps(form, problems) if needs_column else None,
        by=by,
        where=_where(form),
        span=form.span,
    )
    form.finish()
    return aggregate


def _cell(node: Node, problems: Problems) -> Cell:
    if isinstance(node, Scalar):
        return Cell(span=node.span, column=node.text)
    form = Form(node, problems, "a value")
    if form.has("column") == form.has("constant"):
        problems.error(form.span, "a value comes from a `column` or is a `constant`")
    cell = _steps(form, problems)
    form.finish()
    return cell


def _steps(form: Form, problems: Problems) -> Cell:
    constant = tuple(word.text for word in form.words("constant")) if form.has("constant") else None
    if form.has("constant") and not constant:
        constant = ()
    codes = {key.text: node for key, node in form.entries("codes")}
    return Cell(
        span=form.span_of("column") if form.has("column") else form.span,
        column=form.text("column") or None,
        constant=constant,
        split=form.text("split") or None,
        characters=_characters(form, problems),
        codes={code: node.text for code, node in codes.items() if isinstance(node, Scalar)},
        otherwise=form.text("otherwise") if form.has("otherwise") else None,
        date=_date_format(form, problems),
        until_as_of=_distance(form),
        times=form.number("times"),
        bands=tuple(_band(item) for item in form.forms("bands", "a band")),
        prefix=form.text("prefix"),
        if_missing=form.text("if_missing") if form.has("if_missing") else None,
        keep_bad=form.choice("if_bad", ("refuse", "missing"), "refuse") == "missing",
    )


def _optional(form: Form, key: str, problems: Problems) -> Cell | None:
    node = form.node_at(key)
    return None if node is None else _cell(node, problems)


def _required(form: Form, key: str, problems: Problems) -> Cell:
    node = form.node_at(key)
    if node is None:
        problems.error(form.span, f"{form.what} needs `{key}`")
        return Cell(span=form.span, constant=())
    return _cell(node, problems)


def _characters(form: Form, problems: Problems) -> tuple[int, int] | None:
    node = form.scalar("characters")
    if node is None:
        return None
    first, dots, last = node.text.partition("..")
    if dots and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    problems.error(node.span, "`characters` must be the first and last one, such as 3..4")
    return None


def _distance(form: Form) -> Distance | None:
    text = form.choice("until_as_of", tuple(Distance), "")
    return Distance(text) if text else None


def _band(form: Form) -> Band:
    band = Band(below=form.number("below"), value=form.text("value", required=True))
    form.finish()
    return band


def _date_format(form: Form, problems: Problems) -> DateFormat | None:
    node = form.node_at("date")
    if node is None:
        return None
    if isinstance(node, Scalar):
        return _checked_format(DateFormat(text=node.text), node.span, problems)
    inner = Form(node, problems, "`date`")
    chosen = DateFormat(
        text=inner.text("format", required=True),
        century=inner.integer("century", 0, high=9900) or 0,
        month_offset=inner.integer("month_offset", 0, high=80) or 0,
    )
    inner.finish()
    return _checked_format(chosen, inner.span, problems)


def _checked_format(chosen: DateFormat, span: Span, problems: Problems) -> DateFormat:
    text = chosen.text
    if not all(token in text for token in ("YY", "MM", "DD")):
        problems.error(span, "a date format needs YYYY or YY, MM and DD", "such as DD.MM.YYYY or YYMMDD")
    elif "YYYY" not in text and not chosen.century:
        problems.error(span, "two-digit years need their `century`", f"{{format: {text}, century: 1900}}")
    return chosen


def _products(form: Form, problems: Problems) -> Products:
    products = Products(
        table=form.text("table", required=True),
        where=_where(form),
        product=_required(form, "product", problems),
        opened_on=_optional(form, "opened_on", problems),
        closed_on=_optional(form, "closed_on", problems),
        span=form.span,
    )
    form.finish()
    return products


def _identities(form: Form, problems: Problems) -> Identities:
    identities = Identities(
        table=form.text("table", required=True),
        where=_where(form),
        scheme=form.name("scheme"),
        value=_required(form, "value", problems),
        span=form.span,
    )
    form.finish()
    return identities


def _events(form: Form, problems: Problems) -> Events:
    events = Events(
        table=form.text("table", required=True),
        where=_where(form),
        event=_required(form, "event", problems),
        at=_required(form, "at", problems),
        id=_optional(form, "id", problems),
        fields={key.text: _cell(node, problems) for key, node in form.entries("fields")},
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
        cell_by_purpose={key.text: _cell(node, problems) for key, node in form.entries("purposes")},
        objection=_optional(form, "profiling_objection", problems),
        span=form.span,
    )
    form.finish()
    return (consent,)


def _contacts(form: Form, problems: Problems) -> Contacts:
    cells = {name: cell for name in CONTACT_COLUMNS if (cell := _optional(form, name, problems)) is not None}
    for name in _NEEDED_OF_A_CONTACT:
        if name not in cells:
            problems.error(form.span, f"a contact line needs `{name}`")
    contacts = Contacts(table=form.text("table", required=True), where=_where(form), cells=cells, span=form.span)
    form.finish()
    return contacts
