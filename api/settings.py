"""What an operator sets: environment variables NEXTBEST_*, or the command line, which sets them for its processes."""

import json
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.access.roles import Role

MIB: Final = 2**20


class Settings(BaseSettings):
    """One process's settings. Every field is `NEXTBEST_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="NEXTBEST_", frozen=True, extra="ignore")

    rules: Path = Path("rules")
    """Folder of rule files, or a built bundle."""
    watch_rules: bool = True
    """Take up changed rules by themselves; SIGHUP does so in any case."""
    resume: bool = False
    """Start with the bundle that served last, whatever lies on disk; for processes that are started again."""
    model: Path | None = None
    """Folder of a model artefact; none: the baseline scores."""
    data_dir: Path = Path("data")
    redis_url: SecretStr | None = None
    """None: the embedded server that runs under `data_dir`."""
    store_is_durable: bool = False
    """The operator's word for an external store that refuses to tell its settings."""
    secrets: Path | None = None
    """None: `secrets.json` in `data_dir`; needed with `redis_url`."""

    access: Literal["keys", "open"] = "keys"
    """`open`: whoever reaches the port may do everything; only where nobody but this machine reaches it."""
    keys: Path | None = None
    """File of the keys of callers; none: `keys.json` in `data_dir`."""
    metrics_for: Literal["loopback", "operator"] = "loopback"
    """Who may read /metrics without a key: whoever asks from this machine, or nobody; operators always may."""

    touchpoint_rate_per_s: Annotated[float, Field(ge=0)] = 10_000.0
    """Requests a second that each touchpoint's key may make of this installation's process group; 0: no limit."""
    staff_rate_per_s: Annotated[float, Field(ge=0)] = 1_000.0
    """The same for keys of other roles; a key may have a rate of its own."""
    person_rate_per_s: Annotated[float, Field(ge=0)] = 20.0
    """The same for each person who signed in."""
    address_rate_per_s: Annotated[float, Field(ge=0)] = 0.0
    """And for each address that reports outcomes with nothing but their tokens; 0: no limit."""

    public_url: str | None = None
    """Where browsers reach us, such as https://offers.bank.example; needed where people sign in."""
    oidc_issuer: str | None = None
    """The bank's provider of identities; none: nobody signs in, but in a demonstration."""
    oidc_client_id: str = "nextbest"
    oidc_client_secret: SecretStr | None = None
    """None: a public client, which PKCE alone protects."""
    oidc_audience: str = ""
    """That of access tokens which callers of the API may send instead of a key; empty: none are taken."""
    oidc_scope: str = "openid profile"
    oidc_roles_claim: str = "roles"
    """The claim that says who may do what; dots lead into it, as in `realm_access.roles`."""
    oidc_roles: dict[str, list[Role]] = {}
    """Roles by the claim's values, as JSON: {"branch-staff": ["teller"]}; empty: values are the roles' own names."""
    session_idle_s: Annotated[int, Field(ge=60)] = 1_800
    """After so long without a request somebody has to sign in again."""
    session_longest_s: Annotated[int, Field(ge=60)] = 36_000
    """And after so long in any case."""

    max_memory_mb: Annotated[int, Field(ge=0)] = 0
    """For the embedded server, which refuses writes beyond it; 0: no limit."""

    kafka: Path | None = None
    """Properties of a Kafka consumer: librdkafka's names, and `topics`; event workers read them."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that serve on the port."""

    max_body_bytes: Annotated[int, Field(ge=1_024, le=16 * MIB)] = 64 * 1_024
    """For one request; a batch may have `max_batch_bytes`."""
    max_batch_bytes: Annotated[int, Field(ge=1_024, le=64 * MIB)] = MIB
    max_batch: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Outcomes or events in one batch."""
    max_in_flight: Annotated[int, Field(ge=1)] = 64
    """Decisions a process makes at once; more get the fallback, `degraded: overload`."""
    max_queueing_ms: Annotated[float, Field(gt=0)] = 10.0
    """A decision that waited longer for its turn gets the fallback as well."""
    judge_patience_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """How long changed rules may wait for idle processors before they are judged beside the requests; a thousand rules
    take three seconds of one."""
    write_timeout_ms: Annotated[int, Field(ge=10)] = 1_000
    """For outcomes, events, consent and callbacks, which wait for the disk."""
    archive_each_s: Annotated[float, Field(ge=0.05)] = 300.0
    """How often decisions move into the archive; at once when the store's memory runs short."""
    archive_keep_days: Annotated[int, Field(ge=0)] = 0
    """Whole days after which their files are removed from the archive; 0: never."""
    events_keep_s: Annotated[float, Field(ge=0)] = 3_600.0
    """How long events stay in the store that are folded and archived; not at all where its memory runs short."""
    appointment_times: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d(,([01]\d|2[0-3]):[0-5]\d){0,15}$")] = (
        "10:00,14:30"
    )
    """Times of a working day, in the bank's zone, for appointments in a branch."""
    appointment_places: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many customers a branch can see at one time."""
    find_by: str = "customer_id,account_number,card_token,name"
    """Identity schemes under which staff find a customer, in this order; what a card reader types is one of them."""
    teller_channel: str = "branch"
    """The channel of `channels.yaml` that the teller's screen speaks for."""
    agent_channel: str = "phone"
    """The channel that the phone agent's screen speaks for."""
    call_hold_s: Annotated[int, Field(ge=30, le=3_600)] = 180
    """How long a call stays with an agent whose screen has gone; open screens say each minute that they are there."""
    demonstration: bool = False
    """Serve the pages of a demonstration bank besides; its plugs and its sign-in live in one process."""
    drain_s: Annotated[int, Field(ge=0)] = 5
    """After the signal to stop, for what is in flight."""

    @model_validator(mode="after")
    def _demonstration_is_one_process(self) -> Self:
        if self.demonstration and self.workers > 1:
            raise ValueError(
                "a demonstration has one worker: the plugs of its cockpit and its sign-in are in one process"
            )
        return self

    @property
    def secrets_path(self) -> Path:
        """Where the secrets are."""
        return self.secrets or self.data_dir / "secrets.json"

    @property
    def keys_path(self) -> Path:
        """Where the keys of callers are."""
        return self.keys or self.data_dir / "keys.json"

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process these very settings."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {f"NEXTBEST_{name.upper()}": _written(value) for name, value in values.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps(value) if isinstance(value, dict) else str(value)
