"""The `nextbest` command. Each command is a thin door to the function that does its work.

Exit codes: 0 fine, 1 findings, 2 usage. Results go to standard output, progress and complaints to standard error.
"""

import typer

from api.cli import (
    archive,
    asking,
    authoring,
    budgets,
    bundles,
    customers,
    demonstrating,
    events,
    experiments,
    groups,
    interactions,
    keys,
    learning,
    linking,
    loading,
    looks,
    measuring,
    population,
    rebuilding,
    registry,
    rules,
    serving,
    tables,
    triggers,
)

app = typer.Typer(
    name="nextbest",
    help="A rules-driven next-best-action engine for retail banks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demonstrating.demo)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.add_typer(loading.loads)
app.command("rebuild")(rebuilding.rebuild)
app.command("check")(rules.check)
app.command("test")(rules.run_tests)
app.command("schema")(authoring.schema)
app.add_typer(events.events)
app.add_typer(tables.tables, name="table")
app.command("explain")(asking.explain)
app.command("budgets")(budgets.budgets)
app.add_typer(customers.customers)
app.add_typer(linking.link)
app.add_typer(groups.groups)
app.command("why-never")(population.why_never)
app.command("train")(learning.train)
app.command("score")(interactions.score)
app.command("evaluate")(learning.evaluate)
app.add_typer(registry.models)
app.add_typer(experiments.experiments)
app.command("levers")(experiments.levers)
app.command("triggers")(triggers.triggers)
app.add_typer(bundles.bundle)
app.command("archive")(archive.archive)
app.command("replay")(archive.replay)
archive.audit.command("looks")(looks.looks)
app.add_typer(archive.audit)
app.add_typer(keys.keys)
app.command("bench")(measuring.bench)
