"""Reads a bank's past contacts, and replays them as the contact history that stood at any past instant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from engine.contacts import Contact, ContactState
from models.arrays import Codes, Flags
from models.bank import read_file, seconds
from models.errors import TrainingRefused
from models.features import PlanView

_REQUIRED: Final = (
    "customer_id", "at", "channel", "placement", "rank", "action", "impression",
    "positive", "positive_at", "declined", "declined_at", "converted", "converted_at",
)  # fmt: skip
_OPTIONAL: Final = ("assignment",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """Confirmed impressions, sorted by customer, instant and rank; instants in seconds, 0 where there is none."""

    code_by_customer: Mapping[str, int]
    placements: tuple[str, ...]
    """`channel.placement`."""
    customer: Codes
    at_s: Codes
    action: Codes
    """Position in the plan's actions."""
    channel: Codes
    """Position in the plan's channels."""
    placement: Codes
    rank: Codes
    positive_at_s: Codes
    declined_at_s: Codes
    converted_at_s: Codes
    uniform: Flags
    """Whether the action was drawn at random among those possible."""

    def __len__(self) -> int:
        return len(self.at_s)


def read_impressions(plan: PlanView, file: Path) -> Impressions:
    """Read the impressions of the plan's actions on its channels; an answer without an instant counts at the contact.

    Raises:
        TrainingRefused: the file cannot be read or holds no such impression.
    """
    frame = read_file(file, _REQUIRED, _OPTIONAL).filter(pl.col("impression"))
    action = _codes(frame["action"], [action.id for action in plan.actions])
    channel = _codes(frame["channel"], [channel.id for channel in plan.channels])
    ours = (action >= 0) & (channel >= 0)
    if not ours.any():
        raise TrainingRefused(f"`{file.name}` has no impression of an action and channel of these rules")
    frame, action, channel = frame.filter(pl.Series(ours)), action[ours], channel[ours]
    customers = frame["customer_id"].unique().sort().to_list()
    places = frame.select(pl.concat_str("channel", pl.lit("."), "placement")).to_series()
    placements = places.unique().sort().to_list()
    customer, at_s = _codes(frame["customer_id"], customers), seconds(frame["at"])
    rank = frame["rank"].cast(pl.Int64).to_numpy()
    order = np.lexsort((action, rank, at_s, customer))
    return Impressions(
        code_by_customer={name: code for code, name in enumerate(customers)},
        placements=tuple(placements),
        customer=customer[order],
        at_s=at_s[order],
        action=action[order],
        channel=channel[order],
        placement=_codes(places, placements)[order],
        rank=rank[order],
        positive_at_s=_answered_at(frame, "positive")[order],
        declined_at_s=_answered_at(frame, "declined")[order],
        converted_at_s=_answered_at(frame, "converted")[order],
        uniform=_uniform(frame)[order],
    )


def _codes(names: pl.Series, known: Sequence[str]) -> Codes:
    """Where each name stands among the known ones; -1 where it is none of them."""
    codes = names.cast(pl.Enum(known), strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    return codes.to_numpy()


def _answered_at(frame: pl.DataFrame, answer: str) -> Codes:
    """INVARIANT: no answer comes before its contact."""
    instants = seconds(frame.select(pl.max_horizontal(pl.coalesce(f"{answer}_at", "at"), "at")).to_series())
    return np.where(frame[answer].fill_null(value=False).to_numpy(), instants, 0)


def _uniform(frame: pl.DataFrame) -> Flags:
    if "assignment" not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return (frame["assignment"].fill_null("") == "uniform").to_numpy()


_SHOWN: Final = int(ContactState.SHOWN)


class Journal:
    """One customer's contacts, replayed: what the contact history held at one instant after another."""

    def __init__(self, contacts: Sequence[Contact], answers: Sequence[tuple[int, int, int]]) -> None:
        """`contacts` stand oldest first; an answer is its instant, its contact's position and the state it leads to."""
        self._contacts = contacts
        self._answers = list(answers)
        heapify(self._answers)
        self._told: list[Contact] = []

    def until(self, now_s: int) -> list[Contact]:
        """The contacts before an instant, as they stood then; instants must not go back."""
        while len(self._told) < len(self._contacts) and self._contacts[len(self._told)].at < now_s:
            self._told.append(self._contacts[len(self._told)])
        while self._answers and self._answers[0][0] <= now_s and self._answers[0][1] < len(self._told):
            _, position, state = heappop(self._answers)
            contact = self._told[position]
            self._told[position] = contact._replace(state=max(contact.state, state))
        return self._told


def journals(plan: PlanView, impressions: Impressions, wanted: Codes) -> Iterator[tuple[slice, Journal]]:
    """Each customer with an impression among the ascending positions `wanted`: which of these, and the journal."""
    hashes = np.array([action.hash for action in plan.actions])
    answered = (
        (impressions.positive_at_s, int(ContactState.CLICKED)),
        (impressions.declined_at_s, int(ContactState.DECLINED)),
        (impressions.converted_at_s, int(ContactState.CONVERTED)),
    )
    firsts = np.flatnonzero(np.diff(impressions.customer[wanted], prepend=-1))
    lasts = np.append(firsts[1:], len(wanted)) - 1
    starts = np.searchsorted(impressions.customer, impressions.customer[wanted[firsts]])
    for first, last, start in zip(firsts.tolist(), lasts.tolist(), starts.tolist(), strict=True):
        span = slice(start, int(wanted[last]) + 1)
        at_s, action, channel = impressions.at_s[span], impressions.action[span], impressions.channel[span]
        contacts = [
            Contact(moment, action_hash, 0, code, _SHOWN, 0, 0)
            for moment, action_hash, code in zip(at_s.tolist(), hashes[action].tolist(), channel.tolist(), strict=True)
        ]
        answers = [
            (int(instants[span][place]), place, state)
            for instants, state in answered
            for place in np.flatnonzero(instants[span]).tolist()
        ]
        yield slice(first, last + 1), Journal(contacts, answers)
