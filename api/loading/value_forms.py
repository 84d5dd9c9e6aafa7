"""Reads from YAML how single values are made: cells with their steps, and sums over another table's rows."""

from api.loading.mapping import Aggregate, Band, Cell, DateFormat, Distance, Summary, Where
from engine.compiler.form import Form
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar
from engine.compiler.problem_list import Problems
from engine.errors import Span


def read_where(form: Form) -> Where:
    inner = form.form("where", "`where`")
    where = {key.text: frozenset(word.text for word in inner.words(key.text)) for key, _ in form.entries("where")}
    inner.finish()
    return where


def read_attribute(node: Node, problems: Problems) -> Cell | Aggregate:
    if isinstance(node, MappingNode) and any(node.get(summary) is not None for summary in Summary):
        return _aggregate(Form(node, problems, "an attribute"), problems)
    return read_value(node, problems)


def _aggregate(form: Form, problems: Problems) -> Aggregate:
    chosen = [summary for summary in Summary if form.has(summary)]
    if len(chosen) > 1:
        problems.error(form.span, f"an attribute is made by one of {', '.join(chosen)}, not by several")
    summary = chosen[0]
    needs_column = summary not in (Summary.COUNT, Summary.ANY)
    if needs_column and not form.has("column"):
        problems.error(form.key_span(summary), f"`{summary}` needs the `column` that it goes over")
    by = optional_value(form, "by", problems)
    if (by is not None) != (summary is Summary.LATEST):
        problems.error(form.key_span(summary), "`latest` needs `by`, a date or number column; nothing else takes it")
    aggregate = Aggregate(
        summary=summary,
        table=form.text(summary),
        cell=_steps(form, problems) if needs_column else None,
        by=by,
        where=read_where(form),
        span=form.span,
    )
    form.finish()
    return aggregate


def read_value(node: Node, problems: Problems) -> Cell:
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
        span_by_value=_spans(form),
    )


def _spans(form: Form) -> dict[str, Span]:
    """Where each value stands first that a step makes."""
    nodes: list[Node | None] = [node for _, node in form.entries("codes")]
    nodes += [band.node_at("value") for band in form.forms("bands", "a band")]
    nodes += [form.node_at("otherwise"), form.node_at("if_missing")]
    words = [*form.words("constant"), *(node for node in nodes if isinstance(node, Scalar))]
    return {word.text: word.span for word in reversed(words)}


def optional_value(form: Form, key: str, problems: Problems) -> Cell | None:
    node = form.node_at(key)
    return None if node is None else read_value(node, problems)


def required_value(form: Form, key: str, problems: Problems) -> Cell:
    node = form.node_at(key)
    if node is None:
        problems.error(form.span, f"{form.what} needs `{key}`")
        return Cell(span=form.span, constant=())
    return read_value(node, problems)


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
