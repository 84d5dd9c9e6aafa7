"""What only the checks may read: needs, receptiveness, coefficients and true probabilities."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from demobank.arrays import Floats, Table, sigmoid
from demobank.attributes import DRIVERS
from demobank.calendar import DAY_SECONDS
from demobank.needs import THEMES, Traces
from demobank.rulebook import CHANNELS
from demobank.simulation import Bank
from demobank.stage import CAUSED, ORGANIC, SURE
from demobank.tables import contact_ids, customer_ids, instants, names
from demobank.world import RECEPTIVENESS_SIGMA, World

CAUSES = {ORGANIC: "organic", CAUSED: "offer", SURE: "sure_thing"}


def world_text(bank: Bank) -> str:
    """The coefficients, by action, group and channel, as JSON."""
    world = bank.world
    content = {
        "actions": {offer.action: _action(world, column) for column, offer in enumerate(world.offers)},
        "channel_group": {
            channel: dict(zip(world.groups, world.channel_group[row].round(6).tolist(), strict=True))
            for row, channel in enumerate(CHANNELS)
        },
        "season_phase": dict(zip(world.groups, world.phase.round(6).tolist(), strict=True)),
        "examination": {
            f"{placement.channel}.{placement.name}": world.examination[row].round(6).tolist()
            for row, placement in enumerate(world.placements)
        },
        "segment_with_negative_uplift": bank.rulebook.segments[-1],
    }
    return json.dumps(content, indent=2) + "\n"


def _action(world: World, column: int) -> dict[str, object]:
    theme = int(world.theme[column])
    return {
        "group": world.offers[column].group,
        "value": float(world.value[column]),
        "rate": float(world.rate[column]),
        "bias": float(world.bias[column]),
        "need": THEMES[theme] if theme >= 0 else None,
        "conversion": float(world.conversion[column]),
        "sure_thing": bool(world.sure_thing[column]),
        "drivers": [DRIVERS[driver] for driver in world.fit_drivers[column]],
        "signs": world.fit_signs[column].tolist(),
        "threshold": float(world.fit_thresholds[column]),
        "term_means": world.fit_means[column].tolist(),
        "scale": float(world.fit_scale[column]),
    }


def customers_truth(bank: Bank) -> pl.DataFrame:
    people = bank.town.people
    scores = {f"score.{name}": people.scores[:, column] for column, name in enumerate(DRIVERS)}
    return pl.DataFrame(
        {
            "customer_id": customer_ids(np.arange(people.count)),
            "receptiveness": people.receptiveness * np.float32(RECEPTIVENESS_SIGMA),
            "digital_only": people.digital_only,
            "stale": people.stale,
            "negative_uplift": bank.audience.reluctant,
            **scores,
        }
    )


def needs_truth(bank: Bank) -> pl.DataFrame:
    """Spells with a need, first to last day (the last is exclusive), and whether the bank saw a true event of it."""
    spells = bank.town.needs.spells
    rows = np.flatnonzero(spells.need)
    week = 7 * DAY_SECONDS
    return pl.DataFrame(
        {
            "customer_id": customer_ids(spells.customer[rows]),
            "need": names(spells.theme[rows], THEMES),
            "began_on": bank.calendar.dates(spells.first_week[rows].astype(np.int64) * week),
            "ended_on": bank.calendar.dates(spells.last_week[rows].astype(np.int64) * week),
            "evidence": spells.evidence[rows],
        }
    )


def openings_truth(bank: Bank) -> pl.DataFrame:
    openings = bank.journal.openings
    return pl.DataFrame(
        {
            "customer_id": customer_ids(openings["customer"]),
            "action": names(openings["offer"], [offer.action for offer in bank.world.offers]),
            "at": instants(bank.calendar, openings["at"]),
            "cause": names(openings["cause"], [CAUSES[cause] for cause in sorted(CAUSES)]),
        }
    )


def contacts_truth(contacts: Table, rows: slice) -> pl.DataFrame:
    """The true probability of a positive answer, given that the offer was shown."""
    chances = contacts["chance"][rows]
    return pl.DataFrame(
        {"contact_id": contact_ids(np.arange(rows.start, rows.start + len(chances))), "probability": chances}
    )


def slot_chances(logit: Floats, examination: Floats) -> Floats:
    return examination[:, None] * sigmoid(logit.astype(float))


def slots_truth(bank: Bank, rows: slice) -> pl.DataFrame:
    """For each uniform contact and action of its S: the true probability `p.*`, and the logit without hidden parts."""
    slots = {name: column[rows] for name, column in bank.journal.slots.items()}
    actions = [offer.action for offer in bank.world.offers]
    chances = slot_chances(slots["logit"], slots["examination"]).astype(np.float32)
    columns = {f"p.{action}": pl.Series(chances[:, column]).fill_nan(None) for column, action in enumerate(actions)}
    shown = {
        f"shown_logit.{action}": pl.Series(slots["shown_logit"][:, column]).fill_nan(None)
        for column, action in enumerate(actions)
    }
    head = {"contact_id": contact_ids(slots["contact"]), "examination": slots["examination"]}
    return pl.DataFrame(head | columns | shown)


def traces_truth(bank: Bank, traces: Traces) -> pl.DataFrame:
    """Events that needs (or a false trail) left, before the bank's own cleaning."""
    return pl.DataFrame(
        {
            "customer_id": customer_ids(traces.customer),
            "need": names(traces.theme, THEMES),
            "at": instants(bank.calendar, traces.at),
        }
    )
