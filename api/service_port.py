"""What the doors ask of the service behind them, and everything a route is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from api.access.keyring import Gate
from api.access.looks import LookLog
from api.access.people import People
from api.cockpit.plugs import Plugs
from api.kiosk.seal import Seal
from api.merging.saga import Merging
from api.ports import CustomerStore, Journal, OutcomeStore, StoredRecord
from api.ports.appointments import AppointmentStore
from api.ports.merges import MergeStore
from api.ports.orders import OrderStore
from api.ports.relations import RelationStore
from api.relating import Relating
from api.reloading.status import ReloadStatus
from api.schemas import DecisionRequest, Degraded
from api.settings import Settings
from api.telemetry import Metrics
from api.tokens import TokenCodec
from api.vocabulary import Vocabulary
from api.watch import StoreWatch
from engine.decision import Snapshot
from engine.plan import Plan


class DecisionService(Protocol):
    """Decides with the bundle that serves now. A request is checked with `vocabulary` and handed over without a pause,
    so both see one bundle."""

    @property
    def plan(self) -> Plan:
        """The plan of the bundle that serves."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What a request may name under it."""

    async def decide(self, request: DecisionRequest, arrived_at: float, sees_reasons: bool = True) -> bytes:
        """The answer as JSON, inside the budget that began at `arrived_at`, an instant of `time.monotonic`.

        A caller who sees no reasons is told none, whatever the channel.

        Raises:
            Problem: the request is at fault in a way that only the store can tell, such as a reused request id.
        """

    def fallback(self, request: DecisionRequest, degraded: Degraded) -> bytes:
        """The answer that shows every placement's own content; asks nobody and takes some microseconds."""

    async def explain(self, request: DecisionRequest, arrived_at: float) -> bytes:
        """The answer with all detail and without any effect."""

    async def replay(self, decision_id: str, arrived_at: float) -> bytes:
        """A past decision, made again from its record, with all detail.

        Raises:
            Problem: no such decision is kept.
        """


class ArchivedDecisions(Protocol):
    """Decisions that no stream holds any more, or that were made with other rules than those at hand."""

    async def explained(self, decision_id: str) -> bytes | None:
        """A past decision with all detail; None where no archive here has it.

        Raises:
            Problem: it is archived and cannot be told, or too many ask.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What the routes stand on; built in `bootstrap.py` alone."""

    settings: Settings
    access: Gate
    """Tells who calls."""
    looks: LookLog
    """Where looks at customers are noted."""
    service: DecisionService
    customers: CustomerStore
    outcomes: OutcomeStore
    journal: Journal
    orders: OrderStore
    appointments: AppointmentStore
    archived: ArchivedDecisions
    merges: MergeStore
    relations: RelationStore
    merging: Callable[[], Merging]
    """Merges under the bundle that serves."""
    relating: Callable[[], Relating]
    """Relates customers under it."""
    watch: StoreWatch
    tokens: TokenCodec
    plugs: Plugs | None
    """What may be unplugged; None outside a demonstration."""
    seal: Seal
    """Signs what cash machines keep."""
    metrics: Metrics
    read: Callable[[StoredRecord], Snapshot]
    """What a record says under the bundle that serves; raises `RecordUnreadable`."""
    reload: ReloadStatus
    """How the last attempt to take up rules from disk ended."""
    exposition: Callable[[], bytes]
    """The metrics of the whole installation, as Prometheus reads them."""
    people: People | None = None
    """Those who can sign in; none where no provider is named."""
