"""Reads `actions/*.yaml`: what the bank may do, for whom, and how it is dressed for each placement."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from engine.actions import Action, Tier, Treatment
from engine.channels import Channel
from engine.compiler.amounts import AmountTable, TermsTable, check_private_terms, read_terms, read_value
from engine.compiler.context import ReadContext, read_head, read_validity
from engine.compiler.form import Form
from engine.compiler.grammar.marketing import ACTIVITIES, TREATMENT
from engine.compiler.nodes import plain
from engine.compiler.parse import Mapping as MappingNode
from engine.compiler.parse import Node, Scalar, Sequence
from engine.compiler.treatment_texts import PLACEHOLDER, check_texts
from engine.contacts import hash32
from engine.errors import Code, Diagnostic, Span
from engine.facts import HOLDS, FactType
from engine.ids import ActionId, FactName, PlacementId, TreatmentId
from engine.plan import ActionRules, Validity
from engine.syntax import ALWAYS, Condition

_TREATMENT_KEYS: Final = frozenset(key.name for key in TREATMENT.keys)
_TIERS: Final = {"must": Tier.MUST, "service": Tier.SERVICE, "offer": Tier.OFFER}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAction:
    """Everything that one action file says."""

    action: Action
    rules: ActionRules
    values: tuple[AmountTable, ...]
    """One for each of its files."""
    terms: tuple[TermsTable, ...]
    treatments: tuple["ReadTreatment", ...]
    contact: Form
    never_with: tuple[int, ...]
    formerly: str
    """The id under which its histories and its budget stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTreatment:
    """A treatment with the places it is for; its condition gets its position later."""

    channel: int
    placements: tuple[PlacementId, ...]
    treatment: Treatment
    condition: Condition
    arm_span: Span
    """Where its arm stands."""


def read_action(form: Form, position: int, context: ReadContext) -> ReadAction:
    """One action file."""
    name = ActionId(form.name("action"))
    head = read_head(form, "action", name)
    gives = form.text("gives") or None
    if gives is not None and gives not in context.catalogue.products:
        context.problems.unknown(form.span_of("gives"), "product", gives, context.catalogue.products)
        gives = None
    formerly = form.text("formerly") or name
    value, terms = read_value(form, head.validity, context), read_terms(form, head.validity, context)
    treatments = tuple(_treatments(form, name, position, terms, context))
    if not treatments and not form.has("treatments"):
        context.problems.error(form.span, f"the action `{name}` has no treatment, so it can never be shown")
    action = Action(
        id=name,
        position=position,
        title=head.title,
        group=form.name("group"),
        gives=gives,
        product_bit=context.facts[f"{HOLDS}.{gives}"].member if gives is not None else None,
        tier=_TIERS[form.choice("tier")],
        only_when_promoted=form.choice("show") == "only_when_promoted",
        value_minor=None if value.constant is None else float(value.constant),
        hash=hash32(formerly),
        terms={key: float(table.constant) for key, table in terms.terms if table.constant is not None},
        terms_hold_s=terms.hold_s,
        terms_vary=any(table.constant is None for _, table in terms.terms) or head.validity.bounded,
        never_with=tuple(ActionId(word.text) for word in form.words("never_with")),
    )
    rules = ActionRules(
        head=head,
        eligible=_stage(form, "eligible", context),
        applicable=_stage(form, "applicable", context),
        suitable=_stage(form, "suitable", context),
    )
    public = {context.channels[each.channel].id for each in treatments if _is_public(each, context)}
    if public:
        check_private_terms(terms, sorted(public), form)
    never_with = context.known_actions(form, "never_with")
    contact = form.form("contact", "`contact`")
    context.read_tests(form, head, frozenset({position}))
    context.forms[head.span] = form
    form.finish()
    return ReadAction(
        action=action,
        rules=rules,
        values=(value,),
        terms=(terms,),
        treatments=tuple(_within(head.validity, each) for each in treatments),
        contact=contact,
        never_with=never_with,
        formerly=formerly,
    )


def _is_public(treatment: "ReadTreatment", context: ReadContext) -> bool:
    return context.channels[treatment.channel].privacy == "public"


def _within(validity: Validity, read: "ReadTreatment") -> "ReadTreatment":
    """A treatment shows only while the file that it stands in is valid."""
    if not validity.bounded:
        return read
    own = read.treatment
    first, last = max(own.first_day, validity.first_day), min(own.last_day, validity.last_day)
    return replace(read, treatment=replace(own, first_day=first, last_day=last, plain=False))


def _stage(form: Form, key: str, context: ReadContext) -> Condition:
    if not form.has(key):
        return ALWAYS
    stage = form.form(key, f"`{key}`")
    for entry in stage.node.entries:
        if entry.key.text in context.facts:
            hint = f"write it under `when`: `{key}: {{when: {{{entry.key.text}: ...}}}}`"
            refusal = Diagnostic(entry.key.span, f"`{entry.key.text}` cannot stand here by itself", hint)
            context.problems.refuse([refusal])
    condition = context.conditions.when(stage)
    stage.finish()
    return condition


# --- treatments ------------------------------------------------------------------------------------------------------


def _treatments(
    form: Form, action: ActionId, position: int, terms: TermsTable, context: ReadContext
) -> Iterator[ReadTreatment]:
    for key, node in form.entries("treatments"):
        place = _place(key, context)
        if place is None:
            continue
        channel, placements = place
        nodes = node.items if isinstance(node, Sequence) else (node,)
        seen: set[str] = set()
        for number, each in enumerate(nodes, start=1):
            form_of_one = Form(each, context.problems, "a treatment")
            own = form_of_one.text("id") or str(number)
            if own in seen:
                context.problems.error(form_of_one.span_of("id"), f"the treatment `{own}` stands here twice")
            seen.add(own)
            name = f"{action}/{key.text}" + (f"/{own}" if len(nodes) > 1 else "")
            check_texts(each, channel, placements, terms, context.problems)
            yield _treatment(form_of_one, name, position, channel, placements, context)


def _place(key: Scalar, context: ReadContext) -> tuple[Channel, tuple[PlacementId, ...]] | None:
    channel_id, _, placement = key.text.partition(".")
    channel = next((each for each in context.channels if each.id == channel_id), None)
    if channel is None:
        if context.channels:
            context.problems.unknown(key.span, "channel", channel_id, [each.id for each in context.channels])
        return None
    if placement == "*":
        return channel, tuple(channel.placements)
    if not placement:
        hint = f"write `{channel_id}.{next(iter(channel.placements), '*')}`, or `{channel_id}.*` for every placement"
        context.problems.error(key.span, f"`{key.text}` names no placement", hint)
        return None
    if placement not in channel.placements:
        context.problems.unknown(key.span, f"placement of `{channel_id}`", placement, channel.placements)
        return None
    return channel, (PlacementId(placement),)


def _treatment(
    form: Form, name: str, action: int, channel: Channel, placements: tuple[PlacementId, ...], context: ReadContext
) -> ReadTreatment:
    conditions = context.conditions.of_placements(channel.placements)
    condition = conditions.block(block) if (block := form.node_at("when")) is not None else ALWAYS
    validity = read_validity(form)
    if form.choice("privacy") in ("personal", "staff") and channel.privacy == "public":
        message = f"this is for fewer eyes than `{channel.id}` has, which is a public screen"
        context.problems.error(form.span_of("privacy"), message, code=Code.PRIVATE_ON_PUBLIC)
    content = {
        entry.key.text: plain(entry.value) for entry in form.node.entries if entry.key.text not in _TREATMENT_KEYS
    }
    if not content:
        context.problems.error(form.span, f"the treatment `{name}` has no content")
    placeholders = tuple(dict.fromkeys(_placeholders(form, channel, context)))
    locale, arm = form.text("locale") or None, form.text("arm") or None
    treatment = Treatment(
        id=TreatmentId(name),
        action=action,
        condition=None,
        locale=locale,
        first_day=validity.first_day,
        last_day=validity.last_day,
        content=content,
        placeholders=placeholders,
        leads_to=_leads_to(form, context),
        arm=arm,
        experiment=None,
        plain=condition == ALWAYS and not (locale or arm or validity.bounded or placeholders),
        span=form.span,
    )
    return ReadTreatment(
        channel=channel.position,
        placements=placements,
        treatment=treatment,
        condition=condition,
        arm_span=form.span_of("arm"),
    )


def _leads_to(form: Form, context: ReadContext) -> Mapping[str, str] | None:
    """What accepting creates instead of an order: an activity on a channel."""
    channels = [str(channel.id) for channel in context.channels]
    found = {}
    for key, node in form.entries("leads_to"):
        if key.text not in channels:
            context.problems.unknown(key.span, "channel", key.text, channels)
        if not isinstance(node, Scalar) or node.text not in ACTIVITIES:
            context.problems.error(node.span, f"`leads_to` must name one of {', '.join(ACTIVITIES)}")
        else:
            found[key.text] = node.text
    return found or None


def _placeholders(form: Form, channel: Channel, context: ReadContext) -> Iterator[FactName]:
    for text in _texts(form.node):
        _refuse_lone_brace(text, context)
        for match in PLACEHOLDER.finditer(text.text):
            fact = context.facts.get(match[1])
            span = text.at(match.start(1))
            if not match[1].strip():
                context.problems.error(span, "a placeholder names a fact", "such as `{nickname}`")
            elif fact is None:
                context.problems.unknown(span, "fact", match[1], context.facts)
            elif fact.member is not None or fact.spec.type is FactType.SET:
                context.problems.error(span, f"`{match[1]}` is membership of a set, which cannot be put into words")
            elif fact.spec.private and channel.privacy == "public":
                message = f"the private fact `{fact.name}` must not appear on `{channel.id}`, which is a public screen"
                context.problems.error(span, message, code=Code.PRIVATE_ON_PUBLIC)
            else:
                yield fact.name


def _refuse_lone_brace(text: Scalar, context: ReadContext) -> None:
    """A brace without its partner would be shown to the customer as it is."""
    rest = PLACEHOLDER.sub(lambda match: " " * len(match[0]), text.text)
    lone = re.search(r"[{}]", rest)
    if lone is not None:
        message = f"this `{lone[0]}` stands alone; a placeholder is such as `{{age}}`"
        context.problems.error(text.at(lone.start()), message, "close it, or leave it out")


def _texts(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Sequence(items=items):
            for item in items:
                yield from _texts(item)
        case MappingNode(entries=entries):
            for entry in entries:
                if entry.key.text not in _TREATMENT_KEYS:
                    yield from _texts(entry.value)
