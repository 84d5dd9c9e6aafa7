"""The Berka tables as source systems: clients as the bank's own records, cards and loans as records of their own.

Cards and loans lead to their client by the declared key, the disposition's client; where it is taken away, only date of
birth, sex and district are left, some of them wrong.
"""

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from examples.linkage.errors import mistaken, sometimes

LINKAGE: Final = """\
# Clients of the Berka tables with their cards and loans. What has the client's own number is settled by it.
sources:
  core_banking: {file: core_banking.csv, id: client_id, unique: true}
  cards: {file: cards.csv, id: card_id}
  loans: {file: loans.csv, id: loan_id}
keys:
  - [client_number]
compare: {born_on: date, sex: exact, district: exact, account_district: exact}
block_on:
  - [born_on]
  - [district, sex]
accept_at: 0.95
review_from: 0.5
seed: 1
"""
KEYLESS: Final = 0.3
"""The share of cards and loans that do not know their client's number."""
Row = Mapping[str, str]


def prepare(tables: Path, out: Path, seed: int) -> int:
    """Write sources, linkage file and truth; says how many records there are."""
    rng = random.Random(seed)
    clients = {row["client_id"]: row for row in _rows(tables / "client.asc")}
    holders = {row["disp_id"]: row for row in _rows(tables / "disp.asc")}
    districts = {row["account_id"]: row["district_id"] for row in _rows(tables / "account.asc")}
    owners = {row["account_id"]: row for row in holders.values() if row["type"] == "OWNER"}
    own_account = {row["client_id"]: row["account_id"] for row in holders.values()}
    fields = ("client_number", "born_on", "sex", "district", "account_district")
    core = []
    for client_id, client in sorted(clients.items(), key=lambda pair: int(pair[0])):
        core.append((client_id, client_id, *_person(client), districts.get(own_account.get(client_id, ""), "")))
    cards = [(row["card_id"], holders[row["disp_id"]]) for row in _rows(tables / "card.asc")]
    loans = [(row["loan_id"], owners[row["account_id"]]) for row in _rows(tables / "loan.asc")]
    out.mkdir(parents=True, exist_ok=True)
    truth = [("core_banking", client_id, client_id) for client_id in clients]
    _write(out / "core_banking.csv", ("client_id", *fields), core)
    for source, column, held in (("cards", "card_id", cards), ("loans", "loan_id", loans)):
        rows = []
        for own, holder in held:
            truth.append((source, own, holder["client_id"]))
            client, district = clients[holder["client_id"]], districts[holder["account_id"]]
            rows.append((own, *_copied(rng, holder["client_id"], client, district)))
        _write(out / f"{source}.csv", (column, *fields), rows)
    _write(out / "truth.csv", ("source", "id", "person"), truth)
    (out / "linkage.yaml").write_text(LINKAGE, encoding="utf-8")
    return len(truth)


def _copied(rng: random.Random, number: str, client: Row, district: str) -> tuple[str, ...]:
    """What a card's or a loan's record says of its client."""
    born_on, sex, home = _person(client)
    wrong = mistaken(rng, date.fromisoformat(born_on)).isoformat()
    return (
        sometimes(rng, KEYLESS, number, ""),
        sometimes(rng, 0.03, born_on, wrong),
        sometimes(rng, 0.02, sex, ""),
        sometimes(rng, 0.05, home, ""),
        district,
    )


def _person(client: Row) -> tuple[str, str, str]:
    """Date of birth, sex, district; a birth number is YYMMDD, with 50 added to the month of women."""
    number = client["birth_number"]
    month = int(number[2:4])
    born_on = date(1900 + int(number[:2]), month - 50 if month > 50 else month, int(number[4:6]))
    return born_on.isoformat(), "f" if month > 50 else "m", client["district_id"]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="latin-1", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
