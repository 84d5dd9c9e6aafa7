"""Training rows of a bank's own table: every row is a contact, with what was known of the customer at that instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from engine.facts import HOLDS, ProfileSchema
from engine.ids import FactName
from models.arrays import Codes, Flags, Floats
from models.bank import Snapshots, held_column
from models.dataset import BankRows, Known, Pick, make_rows
from models.errors import TrainingRefused
from models.features import DescribedAction, FeatureSet
from models.impressions import Impressions
from models.interactions.outcomes import Told, read_outcomes
from models.interactions.table import KNOWN_AT, Table
from models.interactions.values import instants, place, refuse_flagged, refuse_gaps
from models.interactions.view import View, view_of
from models.rows import Outcomes, Window

ANYWHERE: Final = "anywhere"
"""The placement of contacts of which the table says none."""
_LAST_RANK: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """A table, read: contacts in the order of `models.impressions`, and the rows of the table that they are."""

    table: Table
    view: View
    impressions: Impressions
    row: Codes
    """For each contact its row of the table."""
    findings: tuple[str, ...]


def read_interactions(
    table: Table,
    schema: ProfileSchema,
    *,
    positives: Mapping[str, str],
    actions: Sequence[DescribedAction] = (),
    channels: Sequence[str] = (),
    groups: Mapping[str, str] | None = None,
) -> Interactions:
    """Read contacts of a table; without a column `outcome` nothing came of any of them.

    `actions` and `channels` are those that are known already, `groups` the group of each product; the table's own word
    comes first.

    Raises:
        TrainingRefused: with the place of what is wrong.
    """
    for name in ("time", "customer", "action", "channel"):
        refuse_gaps(table.name, table.frame[name])
    at_s = instants(table.name, table.frame["time"])
    table, kept, findings = _without_copies(table, at_s)
    at_s = at_s[kept]
    texts = {name: table.frame[name].cast(pl.String) for name in ("customer", "action", "channel")}
    told = _told(table, texts["channel"].to_list(), positives)
    answered_s = _answered_s(table, at_s, told)
    described = _described(table, texts["action"], actions, groups or {})
    places = _places(table, texts["channel"], channels)
    view = view_of(schema, described, places)
    customers = texts["customer"].unique().sort().to_list()
    placements = [f"{channel}.{name}" for channel, names in places.items() for name in names]
    customer = _codes(texts["customer"], customers)
    rank = _ranks(table)
    action = _codes(texts["action"], [each.action for each in described])
    order = np.lexsort((action, rank, at_s, customer))
    impressions = Impressions(
        code_by_customer={name: code for code, name in enumerate(customers)},
        placements=tuple(placements),
        customer=customer[order],
        at_s=at_s[order],
        action=action[order],
        channel=_codes(texts["channel"], list(places))[order],
        placement=_codes(texts["channel"] + "." + _placement(table), placements)[order],
        rank=rank[order],
        positive_at_s=np.where(told.positive, answered_s, 0)[order],
        declined_at_s=np.where(told.declined, answered_s, 0)[order],
        converted_at_s=np.where(told.converted, answered_s, 0)[order],
        uniform=np.zeros(len(order), dtype=bool),
    )
    return Interactions(
        table=table, view=view, impressions=impressions, row=order, findings=(*table.findings, *findings)
    )


def interaction_rows(read: Interactions, window: Window, *, pick: Pick, features: FeatureSet | None = None) -> BankRows:
    """Rows of the contacts that `pick` picks; facts that the table has no value of are no features.

    Raises:
        TrainingRefused: no contact is settled or picked.
    """
    schema, facts = read.view.profile_schema, read.table.facts
    frame = read.table.frame[read.row.tolist()]
    valued = {name for name in facts if frame[name].null_count() < len(frame)}
    columns = {
        spec.name: held_column(spec, frame[spec.name]) if spec.name in valued else [spec.missing] * len(frame)
        for spec in schema.columns
    }
    own_dates = {
        FactName(name.removeprefix(KNOWN_AT)): instants(read.table.name, frame[name])
        for name in frame.columns
        if name.startswith(KNOWN_AT)
    }
    snapshots = Snapshots(
        customer=read.impressions.customer,
        known_at_s=read.impressions.at_s,
        fact_known_at_s=own_dates,
        profiles=list(zip(*columns.values(), strict=True)),
        has_value={FactName(name): frame[name].is_not_null().to_numpy().astype(np.int64) for name in valued},
    )
    holds = columns[HOLDS]

    def known(positions: Codes, _: Outcomes) -> Known:
        held = [holds[position] for position in positions.tolist()]
        return Known(snapshots=snapshots, placed=positions, held=held)

    unread = frozenset(str(spec.name) for spec in schema.columns if spec.name not in valued)
    return make_rows(read.view, read.impressions, window, pick=pick, known=known, features=features, unread=unread)


def probabilities(table: Table) -> Floats | None:
    """The selection probability of each row, where the table tells it.

    Raises:
        TrainingRefused: one is no number above 0 and up to 1.
    """
    if "probability" not in table.frame.columns:
        return None
    column = table.frame["probability"]
    refuse_gaps(table.name, column)
    numbers: Floats = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    refuse_flagged(
        table.name,
        column,
        ~((numbers > 0.0) & (numbers <= 1.0)),
        lambda value: f"`{value}` is no probability in (0, 1]",
    )
    return numbers


def _without_copies(table: Table, at_s: Codes) -> tuple[Table, Flags, tuple[str, ...]]:
    """One row of each that stands there more often; copies that differ in their outcome are refused."""
    names = [name for name in ("customer", "action", "channel", "placement", "rank") if name in table.frame.columns]
    keyed = table.frame.select(names).with_columns(at_s=at_s)
    first = keyed.to_struct().is_first_distinct()
    if first.all():
        return table, np.ones(len(at_s), dtype=bool), ()
    again = (~first).arg_true()
    if "outcome" in table.frame.columns:
        told = keyed.with_columns(table.frame["outcome"]).to_struct().is_first_distinct()
        differing = (~first & told).arg_true()
        if len(differing):
            raise TrainingRefused(
                place(table.name, "outcome", differing[0], len(differing))
                + "an earlier row has the same customer, instant, action and channel, and another outcome"
            )
    finding = (
        f"{place(table.name, 'customer', again[0], len(again))}a copy of an earlier row, with the same customer, "
        "instant, action and channel; it is left out"
    )
    kept = first.to_numpy()
    whole = Table(name=table.name, frame=table.frame.filter(first), facts=table.facts, findings=table.findings)
    return whole, kept, (finding,)


def _told(table: Table, channels: Sequence[str], positives: Mapping[str, str]) -> Told:
    if "outcome" not in table.frame.columns:
        nothing = np.zeros(len(table.frame), dtype=bool)
        return Told(positive=nothing, declined=nothing, converted=nothing)
    return read_outcomes(table.name, table.frame["outcome"], channels, positives)


def _answered_s(table: Table, at_s: Codes, told: Told) -> Codes:
    """When each outcome came: that of its contact where the table does not tell."""
    if "outcome_time" not in table.frame.columns:
        return at_s
    column = table.frame["outcome_time"]
    answered_s = instants(table.name, column)
    early = (answered_s > 0) & (answered_s < at_s) & (told.positive | told.declined)
    times = table.frame["time"].to_list()
    first = int(np.argmax(early))
    refuse_flagged(
        table.name, column, early, lambda value: f"the outcome came at {value}, before the decision at {times[first]}"
    )
    return np.where(answered_s > 0, answered_s, at_s)


def _described(
    table: Table, actions: pl.Series, known: Sequence[DescribedAction], groups: Mapping[str, str]
) -> list[DescribedAction]:
    told: dict[str, str] = {}
    if "group" in table.frame.columns:
        pairs = pl.DataFrame({"action": actions, "group": table.frame["group"].cast(pl.String)}).drop_nulls().unique()
        for action, group in sorted(pairs.iter_rows()):
            if action in told:
                raise TrainingRefused(
                    f"`{table.name}`, column `group`: action `{action}` is in `{told[action]}` and in `{group}`"
                )
            told[action] = group
    listed = {each.action: each for each in known}
    for action in actions.unique().sort().to_list():
        if action not in listed:
            listed[action] = DescribedAction(action=action, group=told.get(action) or groups.get(action, "ungrouped"))
    return list(listed.values())


def _places(table: Table, channels: pl.Series, known: Sequence[str]) -> dict[str, list[str]]:
    """The channels with their placements, each channel's most frequent first; a known one may have no rows."""
    counted = pl.DataFrame({"channel": channels, "placement": _placement(table)}).group_by("channel", "placement").len()
    places: dict[str, list[str]] = {}
    for channel, name, _ in sorted(counted.iter_rows(), key=lambda each: (each[0], -each[2], each[1])):
        places.setdefault(channel, []).append(name)
    return places | {channel: [ANYWHERE] for channel in known if channel not in places}


def _placement(table: Table) -> pl.Series:
    if "placement" not in table.frame.columns:
        return pl.Series([ANYWHERE] * len(table.frame))
    return table.frame["placement"].cast(pl.String).fill_null(ANYWHERE)


def _ranks(table: Table) -> Codes:
    if "rank" not in table.frame.columns:
        return np.ones(len(table.frame), dtype=np.int64)
    column = table.frame["rank"]
    ranks = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    refuse_flagged(
        table.name,
        column,
        ~((ranks >= 1) & (ranks <= _LAST_RANK) & (ranks == np.rint(ranks))),
        lambda value: f"`{value}` is no rank from 1 to {_LAST_RANK:,}",
    )
    return ranks.astype(np.int64)


def _codes(names: pl.Series, known: Sequence[str]) -> Codes:
    codes: Codes = names.replace_strict(
        {name: code for code, name in enumerate(known)}, return_dtype=pl.Int64
    ).to_numpy()
    return codes
