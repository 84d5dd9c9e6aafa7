"""A bank in a nutshell: rules for six actions on three channels, and files of customers and contacts to train on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from engine import Plan, compile_bundle

BEGAN_AT = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 240
CUTOFF = BEGAN_AT + timedelta(days=DAYS)
GROUP_BY_ACTION = {
    "savings_account": "savings",
    "isa": "savings",
    "personal_loan": "lending",
    "car_loan": "lending",
    "home_insurance": "insurance",
    "travel_insurance": "insurance",
}
VALUES = {
    "savings_account": 12,
    "isa": 20,
    "personal_loan": 140,
    "car_loan": 160,
    "home_insurance": 85,
    "travel_insurance": 9,
}
PLACES = {"atm": ("idle_screen", "receipt"), "web": ("hero", "footer"), "branch": ("card",)}
LOOKED_AT = {"atm.idle_screen": 0.0, "atm.receipt": -0.6, "web.hero": 0.0, "web.footer": -0.9, "branch.card": 0.0}
"""What a placement adds to the logit of a positive answer, in truth."""
RANK_ADDS = (0.0, -0.4, -0.8)

_BANK = "bank: nutshell\nname: Nutshell\ncurrency: GBP\ntime_zone: Europe/London\nlocale: en-GB\n"
_CATALOGUE = """
attributes:
  age: {title: Age, type: integer, unit: years, range: 0..120, source: core}
  income.monthly: {title: Income, type: money, range: 0..1_000_000, source: core}
  credit.utilisation: {title: Utilisation, type: decimal, decimals: 4, range: 0..5, source: core}
  employment: {title: Employment, type: category, values: [employed, student, retired], source: crm}
  statement.paperless: {title: Paperless, type: boolean, source: crm}
  nickname: {title: Nickname, type: text, source: crm}
  gender: {title: Gender, type: category, values: [female, male], source: crm, protected: audit_only, model: false}
  arrears.days: {title: Arrears, type: integer, unit: days, range: 0..1_000, source: core, model: false}
  followup.calls_30d: {title: Follow-up calls, type: integer, unit: calls, range: 0..100, source: calls}
products:
  savings_account: {title: Savings account, group: savings}
  isa: {title: ISA, group: savings}
  personal_loan: {title: Loan, group: lending}
  car_loan: {title: Car loan, group: lending}
  home_insurance: {title: Home insurance, group: insurance}
  travel_insurance: {title: Travel insurance, group: insurance}
events: {}
groups: [staff]
segments: [mass, affluent]
purposes: [marketing]
positives: {atm: click, web: click, branch: accept}
"""
_GUARDS = """
guards:
  - {guard: marketing_consent, title: Consent, stops: {tiers: [offer]}, when: {consent.marketing: not true}}
"""


def rule_files(catalogue: str = _CATALOGUE, without: str = "") -> dict[str, bytes]:
    """The rule files, perhaps with another catalogue or without an action."""
    files = {
        "bank.yaml": _BANK,
        "catalogue.yaml": catalogue,
        "channels.yaml": _channels(),
        "policy/guards.yaml": _GUARDS,
        "personas.yaml": "personas:\n  typical: {age: 40, consent.marketing: true}\n",
    }
    for action, group in GROUP_BY_ACTION.items():
        if action != without:
            files[f"actions/{action}.yaml"] = _action(action, group)
    return {name: text.encode() for name, text in files.items()}


@cache
def nutshell_plan() -> Plan:
    """The compiled rules."""
    return compile_bundle(rule_files()).plan


def plan_with(catalogue_change: tuple[str, str] = ("", ""), without: str = "") -> Plan:
    """The compiled rules after one replacement in the catalogue, or without an action."""
    assert catalogue_change[0] in _CATALOGUE
    catalogue = _CATALOGUE.replace(*catalogue_change) if catalogue_change[0] else _CATALOGUE
    return compile_bundle(rule_files(catalogue, without)).plan


def _channels() -> str:
    lines = ["channels:"]
    for channel, places in PLACES.items():
        lines += [
            f"  {channel}:",
            f"    staff: {'true' if channel == 'branch' else 'false'}",
            f"    privacy: {'staff' if channel == 'branch' else 'personal'}",
            "    cost: 0.10",
            "    budget_ms: 50",
            "    moments: {met: {initiated_by: customer}}",
            "    placements:",
        ]
        for precedence, place in enumerate(places, start=1):
            lines += [
                f"      {place}:",
                f"        precedence: {precedence}",
                f"        items: {3 if channel == 'branch' else 1}",
                "        valid_for: 10min",
                "        prefetch_valid_for: 24h",
                f"        fallback: {{id: {channel}_{place}_default, headline: Welcome, body: Hello}}",
            ]
    return "\n".join(lines) + "\n"


def _action(action: str, group: str) -> str:
    leads = (
        "\n  web.footer: {headline: Talk to us, body: We call you, leads_to: {branch: appointment}}"
        if group == "lending"
        else ""
    )
    return (
        f"action: {action}\ntitle: {action}\nowner: marketing@bank.example\nversion: 1\ngroup: {group}\n"
        f"gives: {action}\ntier: offer\nshow: always\nvalue: {VALUES[action]}.00\n"
        "eligible: {when: {age: '>= 18'}}\n"
        f"applicable: {{when: {{holds.{action}: false}}}}\n"
        f"treatments:\n  atm.*: {{headline: Look, body: Here}}\n  web.*: {{headline: Look, body: Here}}\n"
        f"  branch.card: {{inquire: One, communicate: Two, affirm: Three, recommend: Four, express: Five}}{leads}\n"
    )


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What decided the contacts: each one's true probability of a positive answer, in the order of the file."""

    probability: np.ndarray


def write_bank(folder: Path, *, customers: int = 1_500, seed: int = 1, shuffled: bool = False) -> Truth:
    """Write the four files; `shuffled` deals the answers out at random, so that nothing can be learned from them."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    people = _people(rng, customers)
    contacts, probability = _contacts(rng, people, shuffled=shuffled)
    people.write_parquet(folder / "customers.parquet")
    pl.DataFrame(contacts).write_parquet(folder / "contacts.parquet")
    _products(rng, customers).write_parquet(folder / "products.parquet")
    return Truth(probability=probability)


def _people(rng: np.random.Generator, count: int) -> pl.DataFrame:
    def gappy(values: np.ndarray) -> list[object]:
        return [None if gap else value for value, gap in zip(values.tolist(), rng.random(count) < 0.15, strict=True)]

    columns = {
        "customer_id": [f"C{number:07d}" for number in range(count)],
        "known_at": [BEGAN_AT - timedelta(days=1)] * count,
        "age": rng.integers(18, 90, count),
        "income.monthly": gappy(np.round(rng.lognormal(7.8, 0.5, count), 2)),
        "credit.utilisation": gappy(np.round(rng.beta(2, 5, count), 4)),
        "employment": gappy(rng.choice(["employed", "student", "retired"], count)),
        "statement.paperless": gappy(rng.random(count) < 0.5),
        "gender": rng.choice(["female", "male"], count).tolist(),
        "arrears.days": [0] * count,
        "followup.calls_30d": rng.poisson(1.0, count),
        "known_at.followup.calls_30d": [CUTOFF] * count,
        "segments": [["mass"] if poor else ["affluent"] for poor in rng.random(count) < 0.7],
    }
    return pl.DataFrame(columns)


def _products(rng: np.random.Generator, customers: int) -> pl.DataFrame:
    count = 2 * customers
    opened = [BEGAN_AT.date() + timedelta(days=int(day)) for day in rng.integers(-400, DAYS, count)]
    closed = [
        day + timedelta(days=200) if ends else None for day, ends in zip(opened, rng.random(count) < 0.2, strict=True)
    ]
    return pl.DataFrame(
        {
            "customer_id": [f"C{number:07d}" for number in rng.integers(0, customers, count)],
            "product": rng.choice(list(GROUP_BY_ACTION), count).tolist(),
            "opened_on": opened,
            "closed_on": closed,
        },
        schema_overrides={"closed_on": pl.Date},
    )


def _contacts(
    rng: np.random.Generator, people: pl.DataFrame, *, shuffled: bool
) -> tuple[dict[str, object], np.ndarray]:
    ages = people["age"].to_numpy()
    incomes = people["income.monthly"].to_numpy()
    count = 14 * len(ages)
    customer = rng.integers(0, len(ages), count)
    second = np.sort(rng.integers(0, DAYS * 86_400, count))
    places = [f"{channel}.{place}" for channel, names in PLACES.items() for place in names]
    place, action = rng.integers(0, len(places), count), rng.integers(0, len(GROUP_BY_ACTION), count)
    rank = np.where(np.array(places)[place] == "branch.card", rng.integers(1, 4, count), 1)
    age, income = (ages[customer] - 54.0) / 20.0, np.nan_to_num((np.log(incomes[customer]) - 7.8) / 0.5)
    liking = np.array([[0.9, 0.2], [0.5, 0.6], [-0.9, -0.3], [-0.7, 0.5], [0.6, 0.5], [-0.3, 0.9]])[action]
    base = np.array([-1.6, -2.2, -2.6, -2.4, -2.0, -1.4])[action]
    looked = np.array([LOOKED_AT[name] for name in places])[place] + np.array(RANK_ADDS)[rank - 1]
    probability = 1.0 / (1.0 + np.exp(-(base + liking[:, 0] * age + liking[:, 1] * income + looked)))
    positive = rng.random(count) < (rng.permutation(probability) if shuffled else probability)
    if shuffled:
        positive = rng.permutation(positive)
    declined = ~positive & (rng.random(count) < 0.2)
    converted = positive & (rng.random(count) < 0.5)
    at = [BEGAN_AT + timedelta(seconds=int(moment)) for moment in second]

    def after(happened: np.ndarray, hours: float) -> list[datetime | None]:
        return [moment + timedelta(hours=hours) if yes else None for moment, yes in zip(at, happened, strict=True)]

    contacts: dict[str, object] = {
        "contact_id": [f"K{number:07d}" for number in range(count)],
        "customer_id": [f"C{number:07d}" for number in customer],
        "at": at,
        "channel": [places[index].partition(".")[0] for index in place],
        "placement": [places[index].partition(".")[2] for index in place],
        "rank": rank,
        "session_id": [f"S{number:07d}" for number in range(count)],
        "action": [list(GROUP_BY_ACTION)[index] for index in action],
        "impression": rng.random(count) < 0.95,
        "positive": positive,
        "positive_at": after(positive, 0.01),
        "declined": declined,
        "declined_at": after(declined, 2.0),
        "decline_reason": ["not_now" if no else None for no in declined],
        "converted": converted,
        "converted_at": after(converted, 100.0),
        "assignment": np.where(rng.random(count) < 0.3, "uniform", "logged").tolist(),
        "probability": [1.0 / 6.0] * count,
        "candidates": [6] * count,
    }
    return contacts, probability
