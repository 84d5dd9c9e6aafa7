"""One decision: the stages in order, readable as the specification (SEMANTICS, section 3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from engine import (
    arbitration,
    contact_policy,
    engagement,
    experiments,
    exploration,
    fill,
    guards,
    relevance,
    scoring,
    terms,
    treatments,
)
from engine.actions import Tier
from engine.budgets import NO_LIMITS, Left
from engine.decision import Candidate, Decision, Draw, Filled, Request, Snapshot
from engine.ids import PlacementId
from engine.plan import ArbitrationArm, Plan
from engine.ports import Scorer, ScoringContext
from engine.quotes import Quoted
from engine.reasons import Reason
from engine.row import assemble


def decide(
    *,
    plan: Plan,
    request: Request,
    snapshot: Snapshot,
    scorer: Scorer,
    baseline: Scorer,
    now: datetime,
    exploration_key: bytes,
    budget_left: Left = NO_LIMITS,
) -> Decision:
    """Decide what to offer. The same arguments give the same decision, bit for bit.

    `baseline` scores where `scorer` fails, which the decision then names in `degraded`, and where the customer
    objected to profiling. `now` is aware and the only clock. `budget_left` says what budgets still carry.
    """
    row = assemble(plan, request, snapshot, now)
    today, now_s = _clock(plan, row)
    codes = bytearray(len(plan.actions))

    fired = guards.stop(plan, row, codes)
    profiling = guards.allows_profiling(plan, fired)
    suppressions = relevance.suppress(plan, row, codes)
    engaged = engagement.filter_engaged(plan, request.channel.position, row, codes)
    verdict = contact_policy.apply_contact_policy(plan, request, snapshot.contacts, budget_left, now, codes)
    _apply_wishes(request, codes)
    reachable = [action for action in engaged if not codes[action]]
    arms = experiments.assign(plan, request, today, exploration_key)
    arm = experiments.arbitration_arm(plan, arms) if arms else ArbitrationArm.AS_IS
    fitting = treatments.dress(plan, request, row, arms, reachable, codes)
    shown = [action for action in reachable if not codes[action]]

    recognised = relevance.recognise(plan, row, codes, snapshot.contacts, now) if profiling else relevance.NOTHING
    weigh = relevance.weigh if arm is not ArbitrationArm.ENGAGEMENT_ONLY else relevance.weigh_without_reasons
    candidates = weigh(plan, recognised, shown, codes)
    scoring.price(plan, row, candidates)
    arbitration.pull_levers(plan, request, today, candidates)
    if arm in _WITHOUT_LEVERS:
        arbitration.release_levers(candidates)
    if len(candidates) > scoring.MOST_SCORED:
        candidates = scoring.drop_surplus(candidates, arbitration.highest(plan, row, candidates), codes)
    context = ScoringContext(
        profile=snapshot.profile if snapshot.profile is not None else plan.nobody,
        channel=request.channel.position,
        now=now,
        contacts=snapshot.contacts,
    )
    used, as_asked = scoring.score(scorer if profiling else baseline, baseline, context, candidates)
    ranking = arbitration.rank(plan, request, row, candidates, codes, arm, profiling=profiling)

    choose = _Chooser(plan, request, snapshot, used, exploration_key, today, by_chance=arm in _BY_CHANCE)
    offered, kept_back = experiments.withhold(plan, arms, fitting) if arms else (fitting, _NOBODY)
    room = fill.Room(plan, request, verdict.used, verdict.in_session, budget_left, now_s)
    filled = fill.fill(plan, request, ranking, offered, room, verdict.in_session, now_s, choose)
    ghosts: tuple[Filled, ...] = ()
    if kept_back and any(each.action in kept_back for each in ranking):
        room = fill.Room(plan, request, verdict.used, verdict.in_session, budget_left, now_s)
        ghosts = fill.fill(plan, request, ranking, fitting, room, verdict.in_session, now_s, choose)
    _settle(ranking, filled, codes, kept_back)
    return Decision(
        filled=filled,
        codes=codes,
        scored=tuple(candidates),
        ranking=tuple(ranking),
        row=row,
        guards=tuple(fired),
        suppressions=tuple(suppressions),
        promotions=tuple(recognised.promotions),
        themes=tuple(recognised.themes),
        steps=recognised.steps,
        blocked=verdict.blocked,
        session_hash=verdict.session_hash,
        new_contacts=fill.reservations(plan, request, filled, verdict.in_session, verdict.session_hash, now_s),
        degraded=_degraded(as_asked, verdict.budget_unknown),
        profiling=profiling,
        arms=arms,
        ghosts=ghosts,
        draws=fill.budget_draws(plan, filled, verdict.in_session, now_s) if plan.contact.budgets else (),
        quotes=terms.quote(plan, filled, row, snapshot.quoted, now_s) if plan.holds_terms else _NOTHING_QUOTED,
    )


def _degraded(as_asked: bool, budget_unknown: bool) -> tuple[str, ...]:
    if as_asked and not budget_unknown:
        return ()
    return (("budget",) if budget_unknown else ()) + (() if as_asked else ("score",))


class _Chooser:
    """Chooses for a slot: the best, or within the exploration bound another, or by chance; only of offers."""

    def __init__(
        self,
        plan: Plan,
        request: Request,
        snapshot: Snapshot,
        scorer: Scorer,
        key: bytes,
        today: int,
        *,
        by_chance: bool,
    ) -> None:
        self._by_chance = by_chance
        self._bound = plan.exploration_bound
        self._request = request
        self._outcome_count = snapshot.outcome_count
        self._confidence = exploration.confidence_in(scorer, request.channel.position, len(plan.channels))
        self._key = key
        self._today = today

    def __call__(self, admitted: Sequence[Candidate], place: PlacementId, slot: int) -> tuple[Candidate, Draw | None]:
        if admitted[0].tier != Tier.OFFER:
            return admitted[0], None
        if self._by_chance:
            weights = exploration.weigh_evenly(len(admitted))
        else:
            weights = exploration.weigh(admitted, self._confidence, self._bound)
        drawn = exploration.draw(
            self._key,
            customer=self._request.customer,
            place=f"{self._request.channel.id}.{place}",
            slot=slot,
            day=self._today,
            outcome_count=self._outcome_count,
            retry=self._request.retry,
        )
        return admitted[exploration.pick(weights, drawn)], exploration.explored(admitted, weights, drawn)


def _clock(plan: Plan, row: Sequence[object]) -> tuple[int, int]:
    today, now_s = row[plan.layout.today_slot], row[plan.layout.now_slot]
    assert isinstance(today, int)
    assert isinstance(now_s, int)
    return today, now_s


def _apply_wishes(request: Request, codes: bytearray) -> None:
    """Leave out what the request leaves out; after the stages, so that no journey moves because of what was asked."""
    if request.only is None and not request.exclude:
        return
    for position in range(len(codes)):
        if not codes[position] and (
            position in request.exclude or (request.only is not None and position not in request.only)
        ):
            codes[position] = Reason.EXCLUDED_BY_REQUEST


def _settle(
    ranking: Sequence[Candidate], filled: Sequence[Filled], codes: bytearray, kept_back: frozenset[int]
) -> None:
    """Give every ranked action its end: chosen, outranked, or held out."""
    for candidate in ranking:
        codes[candidate.action] = _OUTRANKED
    if kept_back:
        for candidate in ranking:
            if candidate.action in kept_back:
                codes[candidate.action] = Reason.HOLDOUT
    for each in filled:
        for option in each.options:
            codes[option.candidate.action] = _CHOSEN


_NOBODY: Final[frozenset[int]] = frozenset()
_NOTHING_QUOTED: Final[Mapping[int, Quoted]] = {}
_OUTRANKED: Final = int(Reason.OUTRANKED)
_CHOSEN: Final = int(Reason.CHOSEN)
_BY_CHANCE: Final = (ArbitrationArm.RANDOM_RELEVANT, ArbitrationArm.ENGAGEMENT_ONLY)
_WITHOUT_LEVERS: Final = (ArbitrationArm.NO_LEVERS, ArbitrationArm.ENGAGEMENT_ONLY)
