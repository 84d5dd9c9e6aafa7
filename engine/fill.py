"""Fills placements from the ranking, deducting caps as it goes; no action appears twice."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.actions import Treatment
from engine.budgets import BudgetDraw, Left, held_until, is_covered
from engine.contacts import Contact, ContactState, validity_code, validity_minutes
from engine.decision import Candidate, Draw, Filled, Option, PlacementRequest, Request
from engine.ids import PlacementId
from engine.plan import Plan

Chooser = Callable[[Sequence[Candidate], PlacementId, int], tuple[Candidate, Draw | None]]
"""Picks one of the candidates (best first, at least one) for a slot of a placement."""


class Room:
    """What is still free while placements fill up.

    INVARIANT: contact policy has rejected every action whose caps or budgets are full, so both bind here only by
    what is taken.
    """

    def __init__(
        self,
        plan: Plan,
        request: Request,
        used: Mapping[int, int],
        in_session: Mapping[int, Contact],
        budget_left: Left,
        now_s: int,
    ) -> None:
        self._plan = plan
        self._channel = request.channel.position
        self._used = dict(used)
        self._in_session = in_session
        self._budget_left = dict(budget_left) if budget_left else None
        self._now_s = now_s
        self._most_per_group = request.channel.max_per_group
        self._taken_by_group: dict[str, int] = {}
        self.closed: set[int] = set()
        """Actions that no further slot may take."""

    def take(self, action: int) -> None:
        """Use an action, and one contact of each of its caps unless this session has it already."""
        plan, closed = self._plan, self.closed
        closed.add(action)
        closed |= plan.never_with.get(action, _NOBODY)
        if self._budget_left is not None:
            self._draw(action, self._budget_left)
        if self._most_per_group is not None:
            self._fill_group(plan.actions[action].group, self._most_per_group)
        if action in self._in_session:
            return
        for at in plan.contact.caps_by_action[action]:
            cap = plan.contact.caps[at]
            if cap.accepts or (cap.channels is not None and self._channel not in cap.channels):
                continue
            used = self._used[at] = self._used.get(at, 0) + 1
            if used >= cap.limit:
                closed.update(other for other in cap.actions if other not in self._in_session)

    def _fill_group(self, group: str, most: int) -> None:
        """Count one more of a group in this answer, and close the group when it has its share."""
        taken = self._taken_by_group[group] = self._taken_by_group.get(group, 0) + 1
        if taken >= most:
            self.closed.update([each.position for each in self._plan.actions if each.group == group])

    def _draw(self, action: int, left: dict[int, int]) -> None:
        in_session, now_s = self._in_session, self._now_s
        for at in self._plan.contact.budgets_by_action[action]:
            budget = self._plan.contact.budgets[at]
            if at not in left or is_covered(budget, in_session.get(action), now_s):
                continue
            left[at] -= 1
            if left[at] <= 0:
                self.closed.update(
                    other for other in budget.actions if not is_covered(budget, in_session.get(other), now_s)
                )


_NOBODY: Final[frozenset[int]] = frozenset()


def fill(
    plan: Plan,
    request: Request,
    ranking: Sequence[Candidate],
    fitting: Mapping[PlacementId, Mapping[int, Treatment]],
    room: Room,
    in_session: Mapping[int, Contact],
    now_s: int,
    choose: Chooser,
) -> tuple[Filled, ...]:
    """Every requested placement, in the order asked for, with its options; the best admitted action takes each slot."""
    filled = []
    for asked in request.placements:
        options = _fill_placement(
            plan, request, asked, ranking, fitting[asked.placement.id], room, in_session, now_s, choose
        )
        filled.append(Filled(placement=asked.placement, options=tuple(options)))
    return tuple(filled)


def _fill_placement(
    plan: Plan,
    request: Request,
    asked: PlacementRequest,
    ranking: Sequence[Candidate],
    fitting: Mapping[int, Treatment],
    room: Room,
    in_session: Mapping[int, Contact],
    now_s: int,
    choose: Chooser,
) -> list[Option]:
    placement = asked.placement
    minutes = placement.prefetch_valid_minutes if request.prefetch else placement.valid_minutes
    valid_until = now_s + 60 * validity_minutes(validity_code(minutes))
    options: list[Option] = []
    count_by_group: dict[str, int] = {}
    for slot in range(asked.count):
        admitted = _admitted(plan, asked, ranking, fitting, room, count_by_group)
        if not admitted:
            break
        candidate, draw = choose(admitted, placement.id, slot)
        room.take(candidate.action)
        group = plan.actions[candidate.action].group
        count_by_group[group] = count_by_group.get(group, 0) + 1
        before = in_session.get(candidate.action)
        options.append(
            Option(
                rank=slot + 1,
                candidate=candidate,
                treatment=fitting[candidate.action],
                valid_until=before.valid_until if _still_reserved(before) and before is not None else valid_until,
                draw=draw,
            )
        )
    return options


def _still_reserved(contact: Contact | None) -> bool:
    return contact is not None and contact.state == ContactState.PENDING


def _admitted(
    plan: Plan,
    asked: PlacementRequest,
    ranking: Sequence[Candidate],
    fitting: Mapping[int, Treatment],
    room: Room,
    count_by_group: Mapping[str, int],
) -> list[Candidate]:
    """Candidates for one slot, all in the best tier that is left, best first."""
    closed = room.closed
    admitted = [each for each in ranking if each.action in fitting and each.action not in closed]
    most = asked.placement.max_per_group
    if most is not None and count_by_group:
        full = {group for group, count in count_by_group.items() if count >= most}
        admitted = [each for each in admitted if plan.actions[each.action].group not in full]
    if admitted and admitted[-1].tier != admitted[0].tier:
        admitted = [each for each in admitted if each.tier == admitted[0].tier]
    return admitted


def reservations(
    plan: Plan,
    request: Request,
    filled: Sequence[Filled],
    in_session: Mapping[int, Contact],
    session_hash: int,
    now_s: int,
) -> tuple[Contact, ...]:
    """The contacts that these options reserve; an action that this session has already costs nothing more."""
    minutes = [
        (each.placement.prefetch_valid_minutes if request.prefetch else each.placement.valid_minutes) for each in filled
    ]
    return tuple(
        Contact(
            at=now_s,
            action_hash=plan.actions[option.candidate.action].hash,
            session_hash=session_hash,
            channel=request.channel.position,
            state=ContactState.PENDING,
            reason=0,
            validity=validity_code(valid),
        )
        for each, valid in zip(filled, minutes, strict=True)
        for option in each.options
        if option.candidate.action not in in_session
    )


def budget_draws(
    plan: Plan, filled: Sequence[Filled], in_session: Mapping[int, Contact], now_s: int
) -> tuple[BudgetDraw, ...]:
    """What these options take of budgets; an action that this session has already may be covered by what it holds."""
    found: list[BudgetDraw] = []
    for each in filled:
        for option in each.options:
            action = option.candidate.action
            for at in plan.contact.budgets_by_action[action]:
                budget, before = plan.contact.budgets[at], in_session.get(action)
                if is_covered(budget, before, now_s):
                    continue
                contact_at = now_s if before is None else before.at
                until_s = held_until(budget, now_s, option.valid_until)
                found.append(BudgetDraw(at, budget.each, contact_at, plan.actions[action].hash, until_s))
    return tuple(found)
