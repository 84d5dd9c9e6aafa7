"""What a request may name under one bundle: channels, placements, moments, context facts, actions and groups."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import msgspec

from api.problems import Problem, ProblemType, escaped, field_name
from api.schemas import PlacementBody
from engine.channels import Channel
from engine.errors import FactError
from engine.facts import FactSpec, Natural, hold

if TYPE_CHECKING:
    from api.schemas import DecisionRequest, ExplanationRequest
    from engine.plan import Plan

_CONTEXT: Final = "context."


class Vocabulary:
    """The names of one bundle, laid out for checking a request in a few look-ups."""

    __slots__ = ("_actions", "_channels", "_context", "_groups")

    def __init__(
        self,
        *,
        channels: Iterable[Channel],
        context: Iterable[FactSpec],
        actions: Collection[str] = (),
        groups: Collection[str] = (),
    ) -> None:
        self._channels: Mapping[str, Channel] = {channel.id: channel for channel in channels}
        self._context: Mapping[str, FactSpec] = {spec.name.removeprefix(_CONTEXT): spec for spec in context}
        self._actions = frozenset(actions)
        self._groups = frozenset(groups)

    @classmethod
    def of(cls, plan: "Plan") -> "Vocabulary":
        """The vocabulary of a plan."""
        return cls(
            channels=plan.channels,
            context=plan.catalogue.context.values(),
            actions=[action.id for action in plan.actions],
            groups={action.group for action in plan.actions},
        )

    def check(self, request: "DecisionRequest") -> None:
        """See that everything structural which a request names exists.

        Actions and groups in `only` and `exclude` may be unknown: they come and go with rule files, and a screen must
        not go dark over one that has gone.

        Raises:
            Problem: for the first name or value that does not fit.
        """
        channel = self._channels.get(request.channel)
        if channel is None:
            raise _unknown(ProblemType.UNKNOWN_CHANNEL, "/channel", self._channels)
        placements: Mapping[Any, object] = channel.placements
        asked = set()
        for at, placement in enumerate(request.placements):
            if placement.id not in placements:
                raise _unknown(ProblemType.UNKNOWN_PLACEMENT, f"/placements/{at}/id", placements)
            asked.add(placement.id)
        if len(asked) != len(request.placements):
            raise Problem(
                ProblemType.DUPLICATE_PLACEMENT, "`placements` names a placement twice", pointer="/placements"
            )
        if request.moment is not None and request.moment not in channel.initiated_by_bank:
            raise _unknown(ProblemType.UNKNOWN_MOMENT, "/moment", channel.initiated_by_bank)
        for name, value in request.context.items():
            self._check_fact(name, value)

    def completed(self, request: "ExplanationRequest") -> "ExplanationRequest":
        """A checked request with all placements of its channel where it names none."""
        if request.placements:
            return request
        placements = tuple(PlacementBody(str(each)) for each in self._channels[request.channel].placements)
        return msgspec.structs.replace(request, placements=placements)

    def check_choices(self, request: "DecisionRequest") -> None:
        """See that `only` and `exclude` name actions and groups that exist; for people who look into rules.

        Raises:
            Problem: for the first name that does not.
        """
        for part, choice in (("only", request.only), ("exclude", request.exclude)):
            if choice is None:
                continue
            for at, group in enumerate(choice.groups):
                if group not in self._groups:
                    raise _unknown(ProblemType.UNKNOWN_GROUP, f"/{part}/groups/{at}", self._groups)
            for at, action in enumerate(choice.actions):
                if action not in self._actions:
                    raise _unlike(ProblemType.UNKNOWN_ACTION, f"/{part}/actions/{at}", action, self._actions)

    def _check_fact(self, name: str, value: object) -> None:
        pointer = f"/context/{escaped(name)}"
        spec = self._context.get(name)
        if spec is None:
            raise _unlike(ProblemType.UNKNOWN_CONTEXT_FACT, pointer, name, self._context)
        try:
            hold(spec, _natural(spec, value))
        except FactError as error:
            detail = f"`context.{name}` {error.problem}"
            raise Problem(ProblemType.INVALID_CONTEXT_FACT, detail, pointer=pointer) from error


def _natural(spec: FactSpec, value: object) -> Natural:
    """A value from JSON, if it is one that a fact can have."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return value
    raise FactError(spec.name, "must be a plain value or a list of texts")


def _unknown(kind: ProblemType, pointer: str, known: Iterable[str]) -> Problem:
    return Problem(
        kind, f"`{pointer[1:].replace('/', '.')}` must be one of {', '.join(sorted(known))}", pointer=pointer
    )


def _unlike(kind: ProblemType, pointer: str, name: str, known: Collection[str]) -> Problem:
    close = get_close_matches(name[:64], known, n=1)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    return Problem(kind, f"{field_name(pointer)} is not known{hint}", pointer=pointer)
