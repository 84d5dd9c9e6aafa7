"""One run of a linkage: records in, customers out, and what people should look at."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.linkage import clusters, review
from api.linkage.clusters import How, Linked
from api.linkage.records import RECORD, read_records
from api.linkage.scored import score
from api.linkage.spec import Linkage, LinkageError

LINKS: Final = "links.csv"
MERGES: Final = "merges.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run made of the records."""

    records: int
    customers: int
    by_how: dict[str, int]
    waiting: int
    refused: int
    merges: int


def run(linkage: Linkage, folder: Path) -> Report:
    """Link the records and write the outcome into a folder: links, merges of customers, and the review queue.

    The same records, verdicts and seed give the same files.

    Raises:
        LinkageError: the records cannot be read, or not be scored.
    """
    records = read_records(linkage)
    scored = score(linkage, records) if linkage.compare else []
    linked = clusters.link(linkage, records, scored, review.read_verdicts(folder))
    _write_links(linkage, linked, folder)
    merges = _write_merges(linkage, linked, folder)
    waiting = review.write_queue(folder, linked.doubts, records, linkage.fields)
    counted = Counter(how.value for how, _ in linked.how.values())
    return Report(
        records=records[RECORD].len(),
        customers=len(linked.clusters),
        by_how={how.value: counted[how.value] for how in How},
        waiting=waiting,
        refused=linked.refused,
        merges=merges,
    )


def _write_links(linkage: Linkage, linked: Linked, folder: Path) -> None:
    """Which customer each record is, and what says so."""
    with review.written(folder / LINKS) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("source", "id", "customer", "how", "probability"))
        for cluster in linked.clusters:
            customer = clusters.customer_of(linkage, cluster)
            for record in cluster:
                how, probability = linked.how[record]
                source, _, own = record.partition(":")
                rows.writerow((source, own, customer, how.value, f"{probability:.6f}"))


def _write_merges(linkage: Linkage, linked: Linked, folder: Path) -> int:
    """Customers of the first source who are one person: pairs for `nextbest customers merge --file`."""
    count = 0
    with review.written(folder / MERGES) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("loser", "winner", "why"))
        for cluster in linked.clusters:
            winner = clusters.customer_of(linkage, cluster)
            for record in cluster:
                source, _, own = record.partition(":")
                if source == linkage.master and own != winner:
                    rows.writerow((own, winner, f"linked by {linked.how[record][0].value}"))
                    count += 1
    return count


def links_in(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Source, id and customer of each record, as the last run left them.

    Raises:
        LinkageError: there was no run.
    """
    path = folder / LINKS
    if not path.exists():
        raise LinkageError(f"{folder} has no links; run `nextbest link run` first")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["source"], row["id"], row["customer"]
