"""Reads `policy/experiments.yaml`: what is compared, and on whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from engine.compiler.action_files import ReadAction, ReadTreatment
from engine.compiler.context import ReadContext, read_head
from engine.compiler.form import Form
from engine.compiler.parse import Scalar, read_number
from engine.compiler.versions import apart
from engine.experiments import HOLDOUT
from engine.ids import PlacementId
from engine.plan import ArbitrationArm, Experiment, Subject

_WHOLE: Final = 2**32
_HINT: Final = f"such as `isa@web.hero`; or `{Subject.ALL_OFFERS}`, or `{Subject.ARBITRATION}`"
_ARBITRATION_ARMS: Final = tuple(str(each) for each in ArbitrationArm)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadExperiment:
    """An experiment with the form that it was read from."""

    experiment: Experiment
    form: Form


def read_experiments(form: Form, context: ReadContext) -> tuple[ReadExperiment, ...]:
    """`policy/experiments.yaml`."""
    forms = apart(form.forms("experiments", "an experiment"), "experiment", context.problems)
    found = tuple(each for item in forms if (each := _experiment(item, context)) is not None)
    form.finish()
    return found


def _experiment(form: Form, context: ReadContext) -> ReadExperiment | None:
    name = form.name("experiment")
    head = read_head(form, "experiment", name)
    subject = Subject(form.text("of")) if form.text("of") in _EVERYWHERE else Subject.TREATMENTS
    place = _place(form, context) if subject is Subject.TREATMENTS else (None, None, ())
    arms = _arms(form)
    form.finish()
    if place is None or not arms:
        return None
    _require_meaning(subject, form, context)
    action, channel, placements = place
    experiment = Experiment(
        head=head,
        id=name,
        subject=subject,
        action=action,
        channel=channel,
        placements=placements,
        arms=tuple(arms),
    )
    return ReadExperiment(experiment=experiment, form=form)


_EVERYWHERE: Final = (Subject.ALL_OFFERS, Subject.ARBITRATION)


def _require_meaning(subject: Subject, form: Form, context: ReadContext) -> None:
    """What concerns all offers has arms of fixed meaning: those held out, or the ways to choose."""
    arms = [key for key, _ in form.entries("arms")]
    if subject is Subject.ALL_OFFERS and HOLDOUT not in [key.text for key in arms]:
        hint = f"such as `arms: {{offers: 98%, {HOLDOUT}: 2%}}`"
        context.problems.error(form.key_span("arms"), f"of all offers, one arm must be `{HOLDOUT}`", hint)
    if subject is Subject.ARBITRATION:
        for key in arms:
            if key.text not in _ARBITRATION_ARMS:
                context.problems.unknown(key.span, "arm of arbitration", key.text, _ARBITRATION_ARMS)


def _place(form: Form, context: ReadContext) -> tuple[int, int, tuple[PlacementId, ...]] | None:
    node = form.scalar("of", required=True)
    if node is None:
        return None
    action, _, where = node.text.partition("@")
    channel_id, _, placement = where.partition(".")
    channel = next((each for each in context.channels if each.id == channel_id), None)
    if action not in context.position_by_action:
        known = (*context.position_by_action, *(() if "@" in node.text else _EVERYWHERE))
        context.problems.unknown(node.span, "action", action, known)
    elif not placement:
        context.problems.error(node.span, "`of` names an action at a placement", _HINT)
    elif channel is None:
        context.problems.unknown(node.span, "channel", channel_id, [each.id for each in context.channels])
    elif placement == "*":
        return context.position_by_action[action], channel.position, tuple(channel.placements)
    elif placement not in channel.placements:
        context.problems.unknown(node.span, f"placement of `{channel_id}`", placement, channel.placements)
    else:
        return context.position_by_action[action], channel.position, (PlacementId(placement),)
    return None


def _arms(form: Form) -> Sequence[tuple[str, int]]:
    """Each arm with where its share ends; together they are everybody."""
    upper, arms = Fraction(0), []
    if not form.has("arms"):
        form.problems.error(form.span, "an experiment needs `arms`", "such as `arms: {a: 50%, b: 50%}`")
        return ()
    for key, node in form.entries("arms"):
        share = read_number(node.text.strip().removesuffix("%")) if isinstance(node, Scalar) else None
        if share is None or not isinstance(node, Scalar) or not node.text.strip().endswith("%") or share <= 0:
            form.problems.error(node.span, f"the share of the arm `{key.text}` must be such as `50%`")
            return ()
        upper += Fraction(share) / 100
        arms.append((key.text, int(upper * _WHOLE)))
    if upper != 1:
        form.problems.error(form.key_span("arms"), f"the arms are {_percent(upper)} together", "they must be 100%")
        return ()
    return arms


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):g}%"


# --- arms in treatments ----------------------------------------------------------------------------------------------


def with_arms(
    actions: Sequence[ReadAction], experiments: Sequence[ReadExperiment], context: ReadContext
) -> list[ReadAction]:
    """The actions with each arm's treatments bound to their experiment, placement by placement."""
    _refuse_rivals(experiments, context)
    bound = [
        replace(
            read,
            treatments=tuple(each for written in read.treatments for each in _bound(written, experiments, context)),
        )
        for read in actions
    ]
    for at, each in enumerate(experiments):
        if each.experiment.action is not None:
            _require_difference(at, each, bound[each.experiment.action], context)
    return bound


def _refuse_rivals(experiments: Sequence[ReadExperiment], context: ReadContext) -> None:
    """Two experiments at one place at one time could not be told apart."""
    for at, one in enumerate(experiments):
        for other in experiments[:at]:
            first, second = other.experiment, one.experiment
            same = (first.subject, first.action, first.channel) == (second.subject, second.action, second.channel)
            days, others = first.head.validity, second.head.validity
            together = days.first_day <= others.last_day and others.first_day <= days.last_day
            meet = first.action is None or not set(first.placements).isdisjoint(second.placements)
            if same and together and meet:
                context.problems.error(
                    one.form.span_of("of"),
                    f"the experiment `{first.id}` runs there at the same time",
                    "give them disjoint `valid` windows" + ("" if first.action is None else ", or other placements"),
                )


def _bound(read: ReadTreatment, experiments: Sequence[ReadExperiment], context: ReadContext) -> Iterator[ReadTreatment]:
    treatment = read.treatment
    if treatment.arm is None:
        yield read
        return
    known: set[str] = set()
    for at, each in enumerate(experiments):
        experiment = each.experiment
        shared = tuple(place for place in read.placements if place in experiment.placements)
        if (experiment.action, experiment.channel) == (treatment.action, read.channel) and shared:
            known.update(arm for arm, _ in experiment.arms if arm != HOLDOUT)
            if treatment.arm in dict(experiment.arms) and treatment.arm != HOLDOUT:
                yield replace(read, placements=shared, treatment=replace(treatment, experiment=at))
    if treatment.arm not in known:
        context.problems.unknown(read.arm_span, "arm of an experiment here", treatment.arm, known)


def _require_difference(position: int, read: ReadExperiment, action: ReadAction, context: ReadContext) -> None:
    """Arms without a treatment of their own see what everybody sees; if all do, nothing is compared."""
    compares = any(each.treatment.experiment == position for each in action.treatments)
    if not compares and HOLDOUT not in dict(read.experiment.arms):
        message = f"the experiment `{read.experiment.id}` compares nothing"
        hint = f"give a treatment of `{action.action.id}` an `arm`, or name an arm `{HOLDOUT}`"
        context.problems.error(read.form.span, message, hint)
