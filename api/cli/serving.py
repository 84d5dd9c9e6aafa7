"""`nextbest serve` and `nextbest worker`: the installation, and one more event worker for it."""
# ruff: noqa: PLC0415 - each command imports what it needs, so that --help answers at once

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import DATA_DIR, AsJson, DataDir, RulesDir, plainly, put, put_json, say

RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="An external store; default: an embedded one.", envvar="NEXTBEST_REDIS_URL"),
]
SecretsFile = Annotated[
    Path | None, typer.Option("--secrets", help="Secrets file; needed with --redis-url.", dir_okay=False)
]


class Access(StrEnum):
    """Whether callers need keys."""

    KEYS = "keys"
    OPEN = "open"


KafkaFile = Annotated[
    Path | None,
    typer.Option(
        "--kafka", help="Properties of a Kafka consumer, and `topics`: event workers read them.", dir_okay=False
    ),
]


@plainly
def serve(
    rules: RulesDir = Path("rules"),
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of a model; default: the current one of the data folder.")
    ] = None,
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    kafka: KafkaFile = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            help="File of the callers' keys; default: keys.json in the data folder.",
            envvar="NEXTBEST_KEYS",
            dir_okay=False,
        ),
    ] = None,
    access: Annotated[
        Access,
        typer.Option(
            "--access", help="`open`: no keys at all, where only this machine reaches it.", envvar="NEXTBEST_ACCESS"
        ),
    ] = Access.KEYS,
    store_is_durable: Annotated[
        bool, typer.Option("--store-is-durable", help="Your word for a store that refuses to tell its settings.")
    ] = False,
    max_memory_mb: Annotated[
        int, typer.Option("--max-memory-mb", help="Limit of the embedded store; 0: none.", min=0)
    ] = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes that answer requests.", min=1, max=256)] = 1,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65_535)
    ] = 8080,
    *,
    watch: Annotated[
        bool, typer.Option(help="Take up changed rules by themselves; SIGHUP does so in any case.")
    ] = True,
    event_worker: Annotated[
        bool | None,
        typer.Option(
            help="Fold events and archive as well; default: with the embedded store, not with an external one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a bank: the API, and with the embedded store also that, an event worker and an archiver; Ctrl-C ends it."""
    from api.bootstrap import see_that_it_can_start
    from api.cli.supervisor import Stopped, Supervisor, address, free_port
    from api.settings import Settings

    settings = Settings(
        rules=rules,
        model=None if model is None else model.absolute(),
        data_dir=data_dir,
        redis_url=redis_url,
        secrets=None if secrets is None else secrets.absolute(),
        kafka=None if kafka is None else kafka.absolute(),
        keys=None if keys is None else keys.absolute(),
        access=access.value,
        store_is_durable=store_is_durable,
        max_memory_mb=max_memory_mb,
        workers=workers,
        watch_rules=watch,
        host=host,
        port=free_port(host, port),
    )
    if settings.kafka is not None:
        _see_that_kafka_can_be_read(settings.kafka)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with Supervisor(settings) as installation:
            see_that_it_can_start(settings)
            installation.go_on()
            installation.start_store()
            installation.start("API", "api.server")
            works = event_worker if event_worker is not None else redis_url is None
            if works:
                installation.start("event worker", "api.worker")
            installation.wait_until_ready()
            if works:
                installation.start(
                    "archiver", "api.archiving", gives_way=True
                )  # whatever is wrong with the archive, the bank serves
            if as_json:
                put_json({"url": address(settings), "pid": os.getpid(), "data_dir": str(settings.data_dir)})
            else:
                put(f"serving {rules} at {address(settings)}")
            installation.watch()
            say("nextbest: stopping")
    except Stopped:
        say("nextbest: stopped while starting")


@plainly
def worker(
    rules: RulesDir = Path("rules"),
    data_dir: DataDir = DATA_DIR,
    redis_url: RedisUrl = None,
    secrets: SecretsFile = None,
    kafka: KafkaFile = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run one more event worker on a store that runs already; workers share the partitions among themselves."""
    from api.adapters.embedded import running_url
    from api.cli.console import Usage
    from api.settings import Settings
    from api.worker.run import run

    if redis_url is None and running_url(data_dir) is None:
        raise Usage(f"no store runs on {data_dir}: start `nextbest serve --data-dir {data_dir}` first")
    if as_json:
        put_json({"pid": os.getpid(), "data_dir": str(data_dir)})
    run(
        Settings(
            rules=rules,
            data_dir=data_dir,
            redis_url=redis_url,
            secrets=None if secrets is None else secrets.absolute(),
            kafka=None if kafka is None else kafka.absolute(),
            resume=redis_url is None,
        )
    )


def _see_that_kafka_can_be_read(properties: Path) -> None:
    """Find out what is wrong with the properties before anything starts."""
    from api.ingestion.kafka_settings import read_kafka_settings

    settings = read_kafka_settings(properties)
    from api.adapters.kafka_topics import see_that_they_can_be_read  # after it is known that the client is there

    see_that_they_can_be_read(settings)
