"""What a load did: how many rows and customers, and every problem with its file, row and column."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from api.loading.intake import TableCount
from api.loading.issues import Issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The account of one load of any kind."""

    mapping: str
    ruleset: str
    as_of: str
    tables: Mapping[str, TableCount]
    customers: int
    """Whom the files tell of."""
    written: bool
    """False: the files were only judged."""
    seconds: Mapping[str, float]
    issues: Issues
    left_alone: Mapping[str, int] = field(default_factory=dict)
    """How many records were not, or not wholly, written, by why."""

    def counts(self) -> dict[str, int]:
        """What this kind of load counts."""
        return {"customers": self.customers}

    def summary(self) -> dict[str, object]:
        """Everything but the single problems, for people and for JSON."""
        return {
            "mapping": self.mapping,
            "ruleset": self.ruleset,
            "as_of": self.as_of,
            "written": self.written,
            **self.counts(),
            "tables": {
                name: {"read": count.read, "refused": count.refused} for name, count in sorted(self.tables.items())
            },
            "left_alone": dict(self.left_alone),
            "problems": self.issues.total,
            "problems_by_reason": dict(self.issues.by_reason()),
            "seconds": {phase: round(spent, 2) for phase, spent in self.seconds.items()},
        }

    def render(self) -> bytes:
        """The report file: the summary and the problems one by one, as JSON."""
        listed = [
            {"file": issue.file, "row": issue.row or None, "column": issue.column or None, "reason": issue.reason}
            for issue in self.issues.sorted()
        ]
        unlisted = self.issues.total - len(listed)
        content = {**self.summary(), "listed": listed, "unlisted": unlisted}
        return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport(Report):
    """The account of one load of customers."""

    identities: int
    shared_identities: int
    """Identities that name more than one customer."""

    def counts(self) -> dict[str, int]:
        """Customers, and by what they are known."""
        return {
            "customers": self.customers,
            "identities": self.identities,
            "shared_identities": self.shared_identities,
        }


def write_report(report: Report, path: Path) -> None:
    """Put the report in its place whole, readable by the owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(report.render())
    draft.replace(path)
