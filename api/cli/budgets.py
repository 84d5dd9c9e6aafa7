"""`nextbest budgets`: how much of every budget is spent, open, leased and left."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, RulesDir, Usage, plainly, put, put_json


@plainly
def budgets(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", help="The store, where it is not the embedded one.", show_default=False)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how the budgets of a rule set stand: total = spent + open + leased + left.

    Spent is what came to something, open what offers still hold, leased what processes hold for their next offers.
    """
    import asyncio
    from datetime import UTC, datetime

    from api.adapters.budget_store import RedisBudgetStore
    from api.adapters.cluster import nodes_at
    from api.adapters.embedded import running_url
    from api.adapters.flights import Timing
    from api.bootstrap import PATIENT_S, compile_rules
    from api.budget_report import BudgetLine, as_data, as_lines, look

    plan = compile_rules(rules)
    url = redis_url or running_url(data_dir)
    if url is None:
        raise Usage(f"no store runs on {data_dir}; start it with nextbest serve or nextbest demo")

    async def found() -> "list[BudgetLine]":
        nodes = nodes_at(url, Timing(flight=PATIENT_S))
        await nodes.start()
        try:
            return list(await look(plan, RedisBudgetStore(nodes), datetime.now(UTC)))
        finally:
            await nodes.close()

    lines = asyncio.run(found())
    if as_json:
        put_json({"budgets": as_data(plan, lines)})
    elif not lines:
        put("no rule file has a budget")
    else:
        for line in as_lines(plan, lines):
            put(line)
