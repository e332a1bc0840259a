"""The resolved settings: everything a gateway process needs, checked, with defaults filled in and catalog facts joined.

Rules of this file: frozen and serializable (msgspec), so that a parent hands the same value to its processes. Secrets are
references (`env:NAME`, `file:PATH`), never values; keys of clients are SHA-256 digests.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import Conduct
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.sensing import SensingSettings
from entrepot.exchange.tracing import UNTRACED, TraceRules
from entrepot.policy.budgets import Budget
from entrepot.policy.limits import Limit, Limits
from entrepot.policy.rules import Rule
from entrepot.policy.scope import EVERYTHING, Scope
from entrepot.policy.teams import Team
from entrepot.routing.correction import Learned

ProbeKind = Literal["connect", "models"]
WhenUnreachable = Literal["refuse", "serve"]


class ListenTls(msgspec.Struct, frozen=True):
    """TLS where we listen; paths are absolute. Without `client_ca` no client is asked for a certificate."""

    certificate: str
    key: str
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    client_ca: str | None = None
    client_certificates: Literal["required", "optional"] = "required"


class GatewaySettings(msgspec.Struct, frozen=True):
    """Where and how the data plane listens. `trusted_proxies` are networks in CIDR form.

    With `socket`, the absolute path of a Unix socket, it listens there and not on `host` and `port`.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    processes: int = 1
    max_body_bytes: int = 32 * 1024 * 1024
    body_timeout_s: float = 30.0
    max_concurrent: int = 8000
    grace_s: float = 20.0
    region_header: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    socket: str | None = None
    tls: ListenTls | None = None


class LedgerSettings(msgspec.Struct, frozen=True):
    """Where entries are kept: `directory` (absolute) holds the folder `spool`, and the SQLite file `ledger.db` unless `database`
    refers to a PostgreSQL (a URL, or a reference). `keep_days` None: for ever.

    `durability` says what an entry outlives, the process or the machine too; `reserve_bytes` what each gateway process keeps
    free on the disk for its spool; `when_full` what becomes of requests whose entries could not be written.
    """

    directory: str
    database: str | None = None
    keep_days: int | None = None
    durability: Literal["process", "fsync"] = "process"
    reserve_bytes: int = 16 * 1024 * 1024
    when_full: Literal["serve", "refuse"] = "serve"


class ContentSettings(msgspec.Struct, frozen=True):
    """How what is said is kept on routes that say `store_content`: for how long, up to which length of an exchange.

    `encrypt_with` and `decrypt_with` refer to keys (`ledger/content/seal.py`): the one that is used, and earlier ones.
    """

    keep_days: int = 30
    max_bytes: int = 4 * 1024 * 1024
    encrypt_with: str | None = None
    decrypt_with: tuple[str, ...] = ()


class ResponsesSettings(msgspec.Struct, frozen=True):
    """Whether responses are kept for their clients, beside the ledger, and for how many days after they were last continued."""

    store: bool = False
    keep_days: int = 30


class FreshSettings(msgspec.Struct, frozen=True):
    """Where fresh outcomes and their prompts come in, as patterns of absolute paths, and how many of the newest count."""

    outcomes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    last: int = 3000


class LearningSettings(msgspec.Struct, frozen=True):
    """How the router learns from live outcomes. `refit_s` None: never by itself.

    Outcomes are taken in every `absorb_s` where `absorb`. A refit sees those of the `last_days`, and there must be `least` of
    them; what it finds better is put in force where `promote`. `webhook` is an address, or refers to one.
    """

    absorb: bool = True
    absorb_s: float = 60.0
    refit_s: float | None = 86_400.0
    promote: bool = True
    least: int = 400
    last_days: int = 90
    webhook: str | None = None


class KeySettings(msgspec.Struct, frozen=True):
    """A client key: known by name, held as the hex SHA-256 of its text.

    A key that is being rotated has two texts, and stands here twice under its name. `expires_s` is Unix time.
    `certificate` is a name in the client certificate that stands for it; without a text as well, `sha256` is empty.
    """

    name: str
    sha256: str
    team: str | None = None
    tags: tuple[str, ...] = ()
    scope: Scope = EVERYTHING
    expires_s: float | None = None
    disabled: bool = False
    data_classes: tuple[str, ...] = ()
    region: str | None = None
    certificate: str | None = None


class OidcSettings(msgspec.Struct, frozen=True):
    """An identity provider for the admin API, and what its groups are here. `teams` are teams by group."""

    issuer: str
    client_id: str
    client_secret: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    admin_groups: tuple[str, ...] = ()
    operator_groups: tuple[str, ...] = ()
    viewer_groups: tuple[str, ...] = ()
    teams: dict[str, str] = {}
    team_role: Literal["operator", "viewer"] = "viewer"


class ControlSettings(msgspec.Struct, frozen=True):
    """Where the admin API listens, how browsers know it, and how long somebody stays signed in."""

    host: str = "127.0.0.1"
    port: int = 8081
    session_s: float = 12 * 3600.0
    public_url: str | None = None
    oidc: OidcSettings | None = None
    tls: ListenTls | None = None


class CountersSettings(msgspec.Struct, frozen=True):
    """Where limits and budgets are counted: beside the ledger, or in the Redis that `redis` refers to (a URL, or a reference).

    `when_unreachable`: refuse, or serve from the leases in hand. `ledgers` is how many ledgers hold what is spent.
    """

    redis: str | None = None
    when_unreachable: WhenUnreachable = "refuse"
    ledgers: int = 1
    webhooks_inside: bool = False


class MetricsSettings(msgspec.Struct, frozen=True):
    """Who may read metrics: from these networks, with this token (a reference) where one is named."""

    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    token: str | None = None


class VerdictSettings(msgspec.Struct, frozen=True):
    """A webhook that says later what came of exchanges. `secret` is a reference; places in a message are JSON pointers."""

    name: str
    secret: str
    exchange: str
    value: str
    signature: Literal["standard", "github"] = "standard"
    scores: dict[str, float] = {}
    each: str | None = None
    weight: float = 1.0


class LogSettings(msgspec.Struct, frozen=True):
    """What is logged, and how; `exchanges`: a line for each."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    exchanges: bool = False


class TelemetrySettings(msgspec.Struct, frozen=True):
    """What a collector is sent, where `endpoint` and `headers` (a reference) are None by what the OpenTelemetry SDK finds in the
    environment. `queue` exchanges wait for it at most. `tracing` is what providers are told.
    """

    export: tuple[Literal["traces", "metrics"], ...] = ()
    endpoint: str | None = None
    headers: str | None = None
    queue: int = 10_000
    tracing: TraceRules = UNTRACED


class Settings(msgspec.Struct, frozen=True):
    """One installation. `source` is the file it was read from, or says that it was found in the environment.

    `warnings` are sentences for the operator about what works otherwise than the file may have meant: a client key that
    is left out because its secret is not there, a reference that was chosen for a route that names none. `absent_keys`
    are the names of those client keys. `rules` have their named lists written out; `lists` are those, for rules to come.
    Without `control` there is no admin API. `conduct` is how calls are retried and balanced, `circuit` when deployments are left
    alone, `probes` how they are probed meanwhile, by id; `hedge_share` bounds hedges, as the share in `conduct` bounds retries.
    As `judges_key` judges are asked. `learned` is what takes the place of the router's file, None: nothing does; the file knows
    nothing of it.
    """

    gateway: GatewaySettings
    ledger: LedgerSettings
    deployments: tuple[Deployment, ...]
    routes: tuple[Route, ...]
    exchange_rates: ExchangeRates
    keys: tuple[KeySettings, ...] = ()
    teams: tuple[Team, ...] = ()
    rules: tuple[Rule, ...] = ()
    lists: dict[str, tuple[str, ...]] = {}
    sensing: SensingSettings = SensingSettings()
    deadlines: Deadlines = Deadlines()
    conduct: Conduct = Conduct()
    circuit: CircuitSettings = CircuitSettings()
    hedge_share: float = 0.05
    probes: dict[str, ProbeKind] = {}
    router: str | None = None
    learned: Learned | None = None
    learning: LearningSettings = LearningSettings()
    fresh: FreshSettings = FreshSettings()
    content: ContentSettings = ContentSettings()
    responses: ResponsesSettings = ResponsesSettings()
    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()
    deployment_limits: dict[str, Limits] = {}
    counters: CountersSettings = CountersSettings()
    source: str = ""
    warnings: tuple[str, ...] = ()
    absent_keys: tuple[str, ...] = ()
    control: ControlSettings | None = None
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    verdicts: tuple[VerdictSettings, ...] = ()
    judges_key: str = "judges"
    telemetry: TelemetrySettings = TelemetrySettings()
