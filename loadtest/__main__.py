"""`python -m loadtest`: run one profile, write its result, say whether the limits hold."""

import sys
from contextlib import nullcontext

from loadtest.mix import People
from loadtest.options import Options, read_options
from loadtest.report import as_json, as_table
from loadtest.run import run, say
from loadtest.server import ServerFailed, check_ready, demonstration, read_keys


def main(options: Options) -> int:
    """Run and report; 0: all limits hold, 1: one is missed, 2: there was no server to load."""
    people = People(customers=options.customers, seed=options.seed)
    if options.host is None:
        say(f"Starting a demonstration bank with {options.customers} customers.")
    try:
        running = nullcontext((options.host, options.keys)) if options.host else demonstration(options.customers)
        with running as (host, keys):
            check_ready(host)
            by_role = {} if keys is None else read_keys(keys)
            result = run(options.profile, host=host, keys=by_role, mix=options.mix, people=people, tell=say)
    except ServerFailed as failed:
        say(str(failed))
        return 2
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(as_json(result), encoding="utf-8")
    print(as_table(result), end="")
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main(read_options(sys.argv[1:])))
