"""What a process counts, as plain integers: counting is a dictionary look-up and an addition.

`exposition.py` keeps the counts each second and gathers those of all processes for Prometheus.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from engine.reasons import Reason

MAX_SERIES: Final = 1_000
OTHER: Final = "other"
"""Label value of all that finds no place any more in its family."""
SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)
"""Bounds of latency buckets: finest where a decision should end."""

MOST_CODES: Final = 2**14
"""Codes of actions that wait to be counted together; to count them takes no time that a request would feel."""
SAMPLED: Final = 8
REJECTIONS: Final = tuple(reason for reason in Reason if reason not in (Reason.OPEN, Reason.CHOSEN))

Labels = tuple[str, ...]


class Counter:
    """A family of counts by label values, at most `limit` series; what comes later counts as `other`."""

    __slots__ = ("help", "labels", "limit", "name", "values")
    series_per_label = 1

    def __init__(self, name: str, text: str, labels: Labels, limit: int) -> None:
        self.name = name
        self.help = text
        self.labels = labels
        self.limit = limit
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels = (), by: int = 1) -> None:
        """Count."""
        try:
            self.values[labels] += by
        except KeyError:
            if len(self.values) >= self.limit - 1:
                labels = (OTHER,) * len(self.labels)
            self.values[labels] = self.values.get(labels, 0) + by

    def row(self, labels: Labels) -> list[float]:
        """A series as numbers."""
        return [self.values[labels]]


class Histogram:
    """A family of distributions by label values: counts by bucket, then the sum in the last place."""

    __slots__ = ("bounds", "help", "labels", "limit", "name", "values")

    def __init__(self, name: str, text: str, labels: Labels, limit: int, bounds: Sequence[float] = SECONDS) -> None:
        self.name = name
        self.help = text
        self.labels = labels
        self.limit = limit
        self.bounds = tuple(bounds)
        self.values: dict[Labels, list[float]] = {}

    @property
    def series_per_label(self) -> int:
        """One a bucket, the one without bound, the sum and the count."""
        return len(self.bounds) + 3

    def observe(self, labels: Labels, value: float) -> None:
        """Put a value into its bucket."""
        try:
            row = self.values[labels]
        except KeyError:
            if len(self.values) >= self.limit - 1:
                labels = (OTHER,) * len(self.labels)
            row = self.values.setdefault(labels, [0] * (len(self.bounds) + 2))
        row[bisect_left(self.bounds, value)] += 1
        row[-1] += value

    def row(self, labels: Labels) -> list[float]:
        """A series as numbers."""
        return list(self.values[labels])


class Gauge:
    """A family of present values by label values; those of several processes add up, unless only the largest counts."""

    __slots__ = ("help", "labels", "largest", "limit", "name", "values")
    series_per_label = 1

    def __init__(self, name: str, text: str, labels: Labels, limit: int, *, largest: bool = False) -> None:
        self.name = name
        self.help = text
        self.labels = labels
        self.limit = limit
        self.largest = largest
        self.values: dict[Labels, float] = {}

    def set(self, labels: Labels, value: float) -> None:
        """Note the present value."""
        if labels in self.values or len(self.values) < self.limit:
            self.values[labels] = value

    def row(self, labels: Labels) -> list[float]:
        """A series as numbers."""
        return [self.values[labels]]


class Metrics:
    """Everything that one process counts. Labels are names from rule files or closed sets, never anything personal."""

    def __init__(self) -> None:
        self.decisions = Counter("decisions", "Decisions by what was first missing", ("channel", "degraded"), 100)
        self.rejections = Counter("rejections", "Actions not shown, by the stage that dropped them", ("stage",), 24)
        self.problems = Counter("problems", "Requests refused, by route and problem type", ("route", "type"), 100)
        self.outcomes = Counter("outcomes", "Outcomes by kind and how they were taken", ("outcome", "status"), 40)
        self.consents = Counter("consents", "Changes of consent by how they were taken", ("status",), 5)
        self.callbacks = Counter("callbacks", "Callbacks by how they were taken", ("status",), 5)
        self.orders = Counter(
            "order_reports", "Reports on orders by status and how they were taken", ("status", "result"), 20
        )
        self.events = Counter("events", "Events by type and how they were taken", ("type", "status"), 150)
        self.folded = Counter("events_folded", "Events that the worker is done with, by result", ("result",), 12)
        self.need_changes = Counter("need_changes", "Needs that began or ended", ("need", "change"), 64)
        self.needs_inferred = Counter(
            "needs_inferred", "Customers whose needs were looked at, by who inferred them", ("by",), 4
        )
        self.inference_faults = Counter(
            "need_inference_faults", "Whatever kept durable-rules from inferring needs", ("fault",), 8
        )
        self.store_failures = Counter("store_failures", "Calls that the store did not answer", ("operation",), 24)
        self.budget_leases = Counter("budget_leases", "Leases on budgets asked for, by what was told", ("told",), 4)
        self.budget_amounts = Counter(
            "budget_amounts", "Amounts of budgets by what became of them: spent, returned, recovered", ("result",), 3
        )
        self.reloads = Counter("reloads", "Attempts to take up changed rules or models, by result", ("result",), 6)
        self.decision_seconds = Histogram("decision_seconds", "From the bytes' arrival to the answer", ("channel",), 8)
        self.stage_seconds = Histogram(
            "stage_seconds", "Gather, decide, score and commit, of every eighth decision", ("stage",), 5
        )
        self.in_flight = Gauge("in_flight", "Decisions being made now", (), 1)
        self.reload_behind = Gauge(
            "reload_failed", "1 while something on disk was refused or could not be taken up", (), 1, largest=True
        )
        self.reload_at = Gauge("reload_timestamp_seconds", "When rules were last looked at", (), 1, largest=True)
        self.bundle = Gauge("bundle_info", "The bundle that serves", ("ruleset", "model", "release"), 4, largest=True)
        self.exploration_price = Gauge(
            "exploration_price", "Share of the expected value that exploration gave up in the last slots", (), 1
        )
        self.model_objections = Gauge(
            "model_objections", "What was found to speak against the model that serves", ("kind",), 12, largest=True
        )
        self.model_evidence = Gauge(
            "model_evidence", "Figures of reports and watches about the model that serves", ("kind", "figure"), 64
        )
        self.immature_actions = Gauge("model_immature_actions", "Actions that the model scores by their group", (), 1)
        self.event_lag = Gauge("event_lag_seconds", "Age of the oldest event not yet folded", (), 1, largest=True)
        self.quarantined = Gauge("events_quarantined", "Events put aside that wait for a person", (), 1)
        self.orders_waiting = Gauge("orders_waiting", "Orders that nobody has taken on yet", (), 1)
        self.order_age = Gauge(
            "order_oldest_waiting_seconds", "For how long the oldest of them has been waiting", (), 1, largest=True
        )
        self.kafka_lag = Gauge("kafka_lag", "Messages of the topics read that wait in Kafka", (), 1)
        self.archived = Counter("archived", "Records that moved into the archive", (), 1)
        self.archived_at = Gauge(
            "archived_timestamp_seconds", "When everything was last in the archive", (), 1, largest=True
        )
        self.events_kept = Gauge("event_stream_entries", "Events and timers that the streams hold", (), 1)
        self.events_trimmed = Counter("events_trimmed", "Entries that left the event streams behind the archive", (), 1)
        self.aside_trimmed = Counter(
            "events_quarantined_trimmed",
            "Events put aside that are in the archive alone, since memory ran short",
            (),
            1,
        )
        self.event_holders = Gauge(
            "event_streams_held", "Consumer groups of other systems that hold the event streams back", (), 1
        )
        self.budget_left = Gauge("budget_left", "What a budget had left when asked last", ("budget",), 64, largest=True)
        self.owned = Gauge("partitions_owned", "Partitions whose events this installation folds", (), 1)
        self.processes = Gauge("processes", "Processes that are running, by what they do", ("role",), 4)

        self._codes = bytearray()
        self._decisions_noted = 0

    def note_codes(self, codes: bytes | bytearray) -> None:
        """Note how a decision ended for every action; counted in bulk, when the counts are asked for or many wait."""
        self._codes += codes
        if len(self._codes) > MOST_CODES:
            self._count_codes()

    def note_stages(self, gather_us: int, decide_us: int, score_us: int, commit_us: int) -> None:
        """Note how long the stages of a decision took; every eighth decision stands for the others."""
        self._decisions_noted += 1
        if self._decisions_noted % SAMPLED == 0:
            for stage, took_us in (
                ("gather", gather_us),
                ("decide", decide_us),
                ("score", score_us),
                ("commit", commit_us),
            ):
                self.stage_seconds.observe((stage,), took_us / 1e6)

    def _count_codes(self) -> None:
        codes, self._codes = self._codes, bytearray()
        for reason in REJECTIONS:
            if count := codes.count(reason):
                self.rejections.add((reason.code,), count)

    @property
    def families(self) -> tuple[Counter | Histogram | Gauge, ...]:
        """Every family."""
        return tuple(each for each in vars(self).values() if isinstance(each, Counter | Histogram | Gauge))

    @property
    def series_limit(self) -> int:
        """How many series all families together can reach."""
        return sum(family.limit * family.series_per_label for family in self.families)

    def snapshot(self) -> "Values":
        """All values by family."""
        self._count_codes()
        return {family.name: [(key, family.row(key)) for key in family.values] for family in self.families}


Values = dict[str, list[tuple[Labels, list[float]]]]
"""What a process counted: by family, label values and a row of numbers (one, or a histogram's)."""
