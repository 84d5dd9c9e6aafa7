"""Makes training rows of a bank's files: one row per confirmed impression, with what was known at that instant.

An impression enters only when its answer is settled: contact time plus window lies before the cutoff. Values come from
the same functions as a served row's, given the profile and the contact history that stood at that instant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from engine.facts import HOLDS, NAN, Held
from models.arrays import Codes, Flags, Floats
from models.bank import Snapshots, read_holdings, read_snapshots
from models.errors import TrainingRefused
from models.features import ACTION, MOMENT, FeatureSet, PlanView, describe_actions, features_of
from models.history import DAY_S, NEVER, count_history
from models.impressions import Impressions, journals, read_impressions
from models.leaks import Lateness, judge_lateness
from models.reading import CustomerReader, season
from models.rows import Outcomes, TrainingRows, Window

FILES: Final = ("contacts.parquet", "customers.parquet", "products.parquet")
Pick = Callable[[Outcomes], Floats]
"""For each impression how many it stands for; 0 leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankRows:
    """What a bank's files say: every settled impression, and rows for those that were picked."""

    outcomes: Outcomes
    rows: TrainingRows
    refused: tuple[str, ...]
    """A sentence for each fact that no model may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was known of the customer at each of some contacts."""

    snapshots: Snapshots
    placed: Codes
    """The snapshot that stood at each contact; -1: none."""
    held: Sequence[int]
    """The mask of the set fact `holds` at each contact."""


def read_rows(
    plan: PlanView, bank_dir: Path, window: Window, *, pick: Pick, features: FeatureSet | None = None
) -> BankRows:
    """Read impressions, and make rows of those that `pick` picks; `features` makes them for a given model.

    Raises:
        TrainingRefused: a file is missing or unreadable, or no impression is settled or picked.
    """
    _see_that_all_are_there(bank_dir)
    impressions = read_impressions(plan, bank_dir / "contacts.parquet")

    def known(_: Codes, chosen: Outcomes) -> Known:
        snapshots = read_snapshots(bank_dir / "customers.parquet", plan.profile_schema, impressions.code_by_customer)
        holdings = read_holdings(bank_dir / "products.parquet", plan.profile_schema, impressions.code_by_customer)
        instants = zip(chosen.customer.tolist(), chosen.at_s.tolist(), strict=True)
        return Known(
            snapshots=snapshots,
            placed=snapshots.place(chosen.customer, chosen.at_s),
            held=[holdings.mask(customer, now_s) for customer, now_s in instants],
        )

    return make_rows(plan, impressions, window, pick=pick, known=known, features=features)


def make_rows(
    plan: PlanView,
    impressions: Impressions,
    window: Window,
    *,
    pick: Pick,
    known: Callable[[Codes, Outcomes], Known],
    features: FeatureSet | None = None,
    unread: frozenset[str] = frozenset(),
) -> BankRows:
    """Make rows of the settled impressions that `pick` picks; `known` says what was known at those positions.

    Facts among `unread` are no features, beside those that came late.

    Raises:
        TrainingRefused: no impression is settled or picked.
    """
    positions, outcomes = settled(impressions, window)
    weight = pick(outcomes)
    picked = np.flatnonzero(weight)
    if not len(picked):
        raise TrainingRefused("no impression is left to make rows of")
    positions, chosen = positions[picked], outcomes.take(picked)
    told = known(positions, chosen)
    lateness = judge_lateness(told.snapshots, chosen.customer, chosen.at_s, told.placed)
    features = features or features_of(plan, unread | frozenset(lateness.refused))
    matrix = np.empty((len(chosen), len(features.names)))
    matrix[:, : len(features.customer)] = _customer_block(features, plan, told, lateness)
    matrix[:, features.start(MOMENT) : features.start(ACTION)] = _moment_and_past(
        features, plan, impressions, positions
    )
    matrix[:, features.start(ACTION) :] = np.array(describe_actions(features, plan))[chosen.action]
    return BankRows(
        outcomes=outcomes,
        rows=TrainingRows(outcomes=chosen, features=features, matrix=matrix, weight=weight[picked]),
        refused=tuple(lateness.refused.values()),
    )


def _see_that_all_are_there(bank_dir: Path) -> None:
    absent = [name for name in FILES if not (bank_dir / name).is_file()]
    if absent:
        raise TrainingRefused(
            f"{', '.join(f'`{name}`' for name in absent)} {'is' if len(absent) == 1 else 'are'} not in {bank_dir}: "
            f"training reads {', '.join(FILES)} there, written by nextbest's own names; another folder is "
            "named with --bank, and docs/guides/loading.md says what stands in them"
        )


def settled(impressions: Impressions, window: Window) -> tuple[Codes, Outcomes]:
    """The impressions whose answers are known by the cutoff, in order of time, and where they stand."""
    cutoff_s = int(impressions.at_s.max()) + 1 if window.cutoff_s is None else window.cutoff_s
    known = np.flatnonzero(impressions.at_s + round(window.positive_days * DAY_S) <= cutoff_s)
    if not len(known):
        raise TrainingRefused("no impression is old enough for its answer to be known")
    positions: Codes = known[np.argsort(impressions.at_s[known], kind="stable")]
    at_s = impressions.at_s[positions]
    outcomes = Outcomes(
        placements=impressions.placements,
        placement=impressions.placement[positions],
        at_s=at_s,
        customer=impressions.customer[positions],
        action=impressions.action[positions],
        channel=impressions.channel[positions],
        rank=impressions.rank[positions],
        positive=_answered(impressions.positive_at_s[positions], at_s, window.positive_days),
        converted=_answered(impressions.converted_at_s[positions], at_s, window.conversion_days),
        settled=at_s + round(window.conversion_days * DAY_S) <= cutoff_s,
        uniform=impressions.uniform[positions],
    )
    return positions, outcomes


def _answered(answer_at_s: Codes, at_s: Codes, days: float) -> Flags:
    answered: Flags = (answer_at_s > 0) & (answer_at_s <= at_s + round(days * DAY_S))
    return answered


def _customer_block(
    features: FeatureSet,
    plan: PlanView,
    known: Known,
    lateness: Lateness,
) -> Floats:
    """The customer's values of each row; a profile that occurs often is read once."""
    reader = CustomerReader(features.customer, plan.profile_schema)
    holds = plan.profile_schema.position_by_name[HOLDS]
    nobody = tuple(plan.profile_schema.empty())
    place_by_profile: dict[tuple[int, int], int] = {}
    values: list[list[float]] = []
    places: list[int] = []
    for key in zip(known.placed.tolist(), known.held, strict=True):
        place = place_by_profile.get(key)
        if place is None:
            snapshot, mask = key
            profile: list[Held] = [*(nobody if snapshot < 0 else known.snapshots.profiles[snapshot])]
            profile[holds] = mask
            place = place_by_profile[key] = len(values)
            values.append(reader.read(profile))
        places.append(place)
    block: Floats = np.array(values, dtype=np.float64)[places]
    for column, feature in enumerate(features.customer):
        if feature.fact in lateness.rows_by_fact:
            block[lateness.rows_by_fact[feature.fact], column] = NAN
    return block


def _moment_and_past(features: FeatureSet, plan: PlanView, impressions: Impressions, positions: Codes) -> Floats:
    """The blocks MOMENT, PAST, GROUP_PAST and ACTION_PAST of the impressions at `positions`, in that order."""
    block = np.empty((len(positions), features.start(ACTION) - features.start(MOMENT)))
    hash_by_action = [action.hash for action in plan.actions]
    groups = sorted({action.group for action in plan.actions})
    group_by_hash = {action.hash: groups.index(action.group) for action in plan.actions}
    channel_codes = features.channel_codes(plan)
    by_customer = np.argsort(positions, kind="stable")
    wanted = positions[by_customer]
    rows = list(
        zip(
            by_customer.tolist(),
            impressions.at_s[wanted].tolist(),
            impressions.channel[wanted].tolist(),
            impressions.action[wanted].tolist(),
            strict=True,
        )
    )
    for places, journal in journals(plan, impressions, wanted):
        for row, now_s, channel, action in rows[places]:
            history = count_history(journal.until(now_s), group_by_hash, now_s)
            own = hash_by_action[action]
            block[row] = (
                channel_codes[channel],
                *season(now_s),
                *history.overall,
                *history.by_group.get(group_by_hash[own], NEVER),
                *history.by_action.get(own, NEVER),
            )
    return block
