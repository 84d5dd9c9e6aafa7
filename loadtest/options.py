"""The command line of `python -m loadtest`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.host import HostRefused, loopback_url
from loadtest.mix import USUAL_MIX, Mix, read_mix
from loadtest.profiles import PROFILES, Profile

RESULTS: Final = Path(__file__).resolve().parent / "results"
DEMO_KEYS: Final = Path("data/demo-keys.json")
"""Where `make demo` leaves its keys."""
OWN_CUSTOMERS: Final = 1_000
DEMO_CUSTOMERS: Final = 20_000
LONGEST_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    profile: Profile
    host: str | None
    """None: start a demonstration bank of our own."""
    keys: Path | None
    """File of keys by role, for a server that runs already; None: it asks for none."""
    mix: Mix
    customers: int
    seed: int
    json: Path


def read_options(arguments: Sequence[str]) -> Options:
    """Read a command line.

    Raises:
        SystemExit: with 2 and a sentence where it cannot be read, with 0 where help was asked for.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.customers is not None and not 0 < given.customers < 10_000_000:
        parser.error("--customers must lie in 1..9999999")
    customers = given.customers or (OWN_CUSTOMERS if given.host is None else DEMO_CUSTOMERS)
    if given.seconds is not None and not 0 < given.seconds <= LONGEST_S:
        parser.error(f"--seconds must lie in 1..{LONGEST_S}")
    profile = PROFILES[given.profile]
    return Options(
        profile=profile if given.seconds is None else profile.lasting(given.seconds),
        host=given.host,
        keys=given.keys or (DEMO_KEYS if DEMO_KEYS.exists() else None),
        mix=given.mix,
        customers=customers,
        seed=given.seed,
        json=given.json or RESULTS / f"{profile.name}.json",
    )


def _parser() -> argparse.ArgumentParser:
    profiles = "; ".join(f"{each.name} ({each.seconds} s): {each.purpose}" for each in PROFILES.values())
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Puts ATM, web and branch users on a server and judges its answers. Ends by itself: 0 all limits "
        "hold, 1 one is missed, 2 it could not be run.",
        allow_abbrev=False,
    )
    parser.add_argument("--profile", choices=PROFILES, default="smoke", help=profiles)
    parser.add_argument("--seconds", type=int, help="squeeze or stretch the profile to so many seconds")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", type=_host, help="a server that runs on this machine, such as http://127.0.0.1:8080")
    where.add_argument(
        "--start", action="store_true", help="start a small demonstration bank and stop it afterwards (the default)"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help=f"with --host: its keys by role (default {DEMO_KEYS}, if it is there)",
    )
    parser.add_argument("--mix", type=_mix, default=USUAL_MIX, help=f"ATM/web/branch users (default {USUAL_MIX})")
    parser.add_argument(
        "--customers",
        type=int,
        help=f"how many customers the bank has (default {OWN_CUSTOMERS}, with --host {DEMO_CUSTOMERS})",
    )
    parser.add_argument("--seed", type=int, default=1, help="of whom comes by and what they do (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result goes (default loadtest/results/)")
    return parser


def _host(text: str) -> str:
    try:
        return loopback_url(text)
    except HostRefused as refused:
        raise argparse.ArgumentTypeError(str(refused)) from refused


def _mix(text: str) -> Mix:
    try:
        return read_mix(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
