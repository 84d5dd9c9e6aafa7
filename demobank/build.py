"""From a request to files: simulate, lay out the tables, write them, seal them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from demobank.accounts import draw_accounts
from demobank.attribution import attributed_contacts, follow_up_calls
from demobank.calendar import DAYS, Calendar
from demobank.customers import customers_table
from demobank.events import NEEDED_EVENTS, draw_events
from demobank.files import Folder, TableFile, chunks, existing_bank, recipe
from demobank.holdings import NEEDED_PRODUCTS
from demobank.products import product_rows
from demobank.rulebook import CannotBuildBank, check_known_names, read_rulebook
from demobank.simulation import Bank, Report, simulate
from demobank.standing import draw_standing
from demobank.tables import accounts_table, contacts_table, events_table, products_table
from demobank.truth import (
    contacts_truth,
    customers_truth,
    needs_truth,
    openings_truth,
    slots_truth,
    traces_truth,
    world_text,
)

FEWEST, MOST = 10, 1_000_000
WRITING_STEPS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    rules: Path
    data_dir: Path
    customers: int
    seed: int
    as_of: date
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """`reused` when an equal bank was there already."""

    files: dict[str, TableFile]
    reused: bool


def steps() -> int:
    return 2 * DAYS + WRITING_STEPS


def build(request: Request, report: Report) -> Built:
    """Make the bank that was asked for, unless it is there.

    Raises:
        CannotBuildBank: the request or the rule files do not allow it; nothing was written.
    """
    _check(request)
    rulebook = read_rulebook(request.rules)
    check_known_names(rulebook, NEEDED_PRODUCTS, NEEDED_EVENTS)
    made_from = recipe(request.seed, request.customers, request.as_of.isoformat(), rulebook.fingerprint())
    if not request.force and (files := existing_bank(request.data_dir, made_from)) is not None:
        return Built(files=files, reused=True)
    try:
        folder = Folder(request.data_dir)
    except OSError as err:
        raise CannotBuildBank(f"`{request.data_dir}` cannot be written: {err.strerror or err}") from err
    bank = simulate(request.seed, request.customers, Calendar(request.as_of), rulebook, report)
    write(folder, request.seed, bank, report)
    folder.seal(made_from)
    return Built(files=folder.files, reused=False)


def write(folder: Folder, seed: int, bank: Bank, report: Report) -> None:
    people, rulebook = bank.town.people, bank.rulebook
    contacts = attributed_contacts(seed, bank)
    standing = draw_standing(str(seed), people, bank.town.holdings, rulebook.products, bank.calendar)
    leak = follow_up_calls(seed, bank, contacts)
    rows = product_rows(bank)
    types, events, traces = draw_events(seed, bank)
    accounts = draw_accounts(seed, people, rows.open_now(), rulebook.products)
    customers = customers_table(seed, bank.calendar, rulebook, people, standing, leak)

    tables = {
        "bank/customers": iter([customers]),
        "bank/products": iter([products_table(bank, rows)]),
        "bank/accounts": iter([accounts_table(bank, accounts)]),
        "bank/events": (events_table(bank, types, events, part) for part in chunks(len(events["at"]))),
        "bank/contacts": (contacts_table(bank, contacts, part) for part in chunks(len(contacts["at"]))),
        "truth/customers": iter([customers_truth(bank)]),
        "truth/needs": iter([needs_truth(bank)]),
        "truth/traces": iter([traces_truth(bank, traces)]),
        "truth/openings": iter([openings_truth(bank)]),
        "truth/contacts": (contacts_truth(contacts, part) for part in chunks(len(contacts["at"]))),
        "truth/slots": (slots_truth(bank, part) for part in chunks(len(bank.journal.slots["contact"]))),
    }
    for step, (name, frames) in enumerate(tables.items()):
        report(2 * DAYS + step, f"writing {name}")
        folder.write_table(name, frames)
    folder.write_text("truth/world.json", world_text(bank))
    report(steps(), "done")


def _check(request: Request) -> None:
    if not FEWEST <= request.customers <= MOST:
        raise CannotBuildBank(
            f"the demonstration bank has from {FEWEST} to {MOST:,} customers, so {request.customers:,} cannot be made"
        )
    if request.seed < 0:
        raise CannotBuildBank("the seed must be 0 or above")
    if not 2000 <= request.as_of.year <= 2200:
        raise CannotBuildBank(f"the history cannot end on {request.as_of}; ask for a day from 2000 to 2200")
