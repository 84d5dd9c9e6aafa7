"""`python -m examples.linkage berka|demonstration FROM TO`: source records and their truth, for `nextbest link`."""

import argparse
from pathlib import Path

from examples.linkage import berka, demonstration


def main() -> None:
    """Write sources, linkage file and truth into a folder."""
    parser = argparse.ArgumentParser(prog="python -m examples.linkage", description=__doc__)
    parser.add_argument("bank", choices=("berka", "demonstration"))
    parser.add_argument("source", type=Path, help="the Berka tables, or a folder of the demonstration bank's files")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    prepare = berka.prepare if chosen.bank == "berka" else demonstration.prepare
    count = prepare(chosen.source, chosen.out, chosen.seed)
    print(f"{count:,} records in {chosen.out}")


if __name__ == "__main__":
    main()
