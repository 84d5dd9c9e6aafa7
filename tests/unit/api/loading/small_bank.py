"""A small bank for loader tests: a few facts of every type, two events, one action."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from api.adapters.records import decode_consent, decode_events, decode_profile
from api.loading.loader import Load
from api.loading.mapping import Mapping as MappingFile
from api.loading.mapping_file import read_mapping
from api.loading.report import LoadReport
from api.loading.target import Target
from api.ports import Identity, LoadedRecord, StoredLayout
from engine import compile_bundle
from engine.contacts import Contact, unpack
from engine.facts import Consent
from engine.ids import CustomerId

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

RULES = {
    "bank.yaml": "{bank: small, name: Small Bank, currency: GBP, time_zone: Europe/London, locale: en-GB}",
    "catalogue.yaml": """
attributes:
  age: {title: Age, type: integer, range: 0..120}
  income: {title: Income, type: money, range: 0..1_000_000, private: true}
  share: {title: Share, type: decimal, decimals: 4, range: 0..1}
  kind: {title: Kind, type: category, values: [a, b]}
  staff: {title: Staff, type: boolean}
  born_on: {title: Born, type: date}
  seen_at: {title: Seen, type: instant}
  nickname: {title: Nickname, type: text}
  orders.count: {title: Orders, type: integer, range: 0..100}
  orders.total: {title: Orders in all, type: money, range: 0..1_000}
  orders.largest: {title: Largest order, type: money, range: 0..1_000}
  orders.last: {title: Kind of the last order, type: category, values: [a, b]}
  orders.any: {title: Has orders, type: boolean}
products:
  account: {title: Account, group: everyday}
  card: {title: Card, group: cards}
events:
  card_lost: {title: Card lost, keep: 10y}
  payment: {title: Payment, keep: 10y, fields: {amount: {type: money}}}
groups: [club]
segments: [mass, private]
purposes: [marketing]
positives: {atm: click, branch: accept}
""",
    "channels.yaml": """
channels:
  atm:
    staff: false
    privacy: public
    cost: 0.4
    budget_ms: 50
    moments: {card_inserted: {initiated_by: customer}}
    placements:
      screen: {precedence: 1, items: 1, valid_for: 10min, prefetch_valid_for: 1h, fallback: {id: none, headline: Hi}}
  branch:
    staff: true
    privacy: staff
    cost: 1
    budget_ms: 50
    moments: {at_counter: {initiated_by: customer}}
    placements:
      card: {precedence: 1, items: 1, valid_for: 10min, prefetch_valid_for: 1h, fallback: {id: none2, inquire: Hi}}
""",
    "policy/guards.yaml": """
guards:
  - {guard: consent, title: No consent, stops: {tiers: [offer]}, when: {consent.marketing: not true}}
""",
    "policy/contact.yaml": """
caps: [{cap: monthly, per: customer, count: impressions, limit: 4, in: 30d}]
cooling_off: {after_decline: {default: 30d, never: 3650d}, after_accept: 400d}
""",
    "actions/card.yaml": """
action: card
title: Card
owner: cards@bank.example
version: 1
group: cards
gives: card
tier: offer
show: always
value: 10
applicable: {when: {holds.card: false}}
treatments: {atm.screen: {headline: A card}}
""",
    "customized/lost.yaml": """
trigger: lost
title: Lost a card
owner: cards@bank.example
version: 1
history: [{seen: card_lost, in: 30d, at_least: 2}, {seen: payment, in: 1y, where: {amount: at least 100}}]
promote: {card: 1.5}
""",
}

MAPPING = """
as_of: 2026-01-31
tables:
  people: {file: people.csv}
  orders: {file: orders.csv, customer: person}
customers:
  table: people
  id: id
  attributes: {age: age, income: income}
"""


@cache
def target() -> Target:
    """What the small bank's rules ask of records."""
    return Target.of(compile_bundle({name: text.encode() for name, text in RULES.items()}).plan)


def mapping(text: str = MAPPING) -> MappingFile:
    """A mapping from its text."""
    return read_mapping("mapping.yaml", text.encode())


def written(folder: Path, **files: str) -> Path:
    """The folder with CSV files in it, named without their ending."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


class Records:
    """What a load wrote, in memory."""

    def __init__(self) -> None:
        self.by_customer: dict[str, LoadedRecord] = {}
        self.customers_by_identity: dict[Identity, tuple[CustomerId, ...]] = {}
        self.columns_by_hash: dict[int, bytes] = {}
        self.filters_by_hash: dict[int, bytes] = {}

    async def load(self, records: Sequence[LoadedRecord]) -> None:
        self.by_customer.update({record.customer: record for record in records})

    async def identify(self, customers_by_identity: Mapping[Identity, Sequence[CustomerId]]) -> None:
        self.customers_by_identity.update({who: tuple(named) for who, named in customers_by_identity.items()})

    async def put_schema(self, schema_hash: int, columns: bytes) -> None:
        self.columns_by_hash[schema_hash] = columns

    async def schemas(self) -> Sequence[bytes]:
        return list(self.columns_by_hash.values())

    async def put_layout(self, layout_hash: int, filters: bytes) -> None:
        self.filters_by_hash[layout_hash] = filters

    async def begin_folding(self, layout_hash: int, now_s: int) -> None:
        """A load folds nothing that comes later."""

    async def layouts(self) -> Sequence[StoredLayout]:
        return [StoredLayout(filters, None) for filters in self.filters_by_hash.values()]

    def profile(self, customer: str) -> dict[str, object]:
        """A customer's natural values, without the missing ones."""
        schema_hash, profile = decode_profile(self.by_customer[customer].profile)
        assert schema_hash == target().schema.hash
        return target().schema.decode(profile)

    def events(self, customer: str) -> list[int] | None:
        """A customer's event state."""
        return decode_events(self.by_customer[customer].events, target().layout)

    def consent(self, customer: str) -> Consent:
        """A customer's consent."""
        return decode_consent(self.by_customer[customer].consent)

    def contacts(self, customer: str) -> list[Contact]:
        """A customer's contact history."""
        return unpack(self.by_customer[customer].contacts)


async def loaded(
    folder: Path, text: str = MAPPING, *, now: datetime = NOW, wanted: Target | None = None
) -> tuple[Records, LoadReport]:
    """Load the files of a folder by a mapping; what was written, and the report."""
    records = Records()
    load = Load(
        mapping=mapping(text),
        folder=folder,
        target=wanted or target(),
        ruleset="sha256:0",
        staging=folder / "staging",
        now=now,
        progress=lambda _doing, _done: None,
    )
    return records, await load.run(records)


def problems(report: LoadReport) -> list[str]:
    """The report's problems as people read them."""
    return [str(issue) for issue in report.issues.sorted()]
