"""The shape of entrepot.toml, as it is written by people; `schema.py` is what it resolves to.

Rules of this file: every key is known, every default is the one that `docs/reference/settings.md` states, units live in
names. None means that nothing was said. The descriptions are what an editor shows beside a key.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.price import Currency, PriceChange, PriceService, PriceTier, PriceWindow
from entrepot.catalog.schema import Cloud, KeyForm
from entrepot.policy.rules import Rule
from entrepot.policy.scope import Scope
from entrepot.policy.teams import Team
from entrepot.settings.content_table import ContentTable
from entrepot.settings.failing_tables import CircuitTable, HostsTable, RetriesTable
from entrepot.settings.learning_table import LearningTable
from entrepot.settings.network_tables import DialTlsTable, ListenTlsTable
from entrepot.settings.outcome_tables import JudgesTable, VerdictTable
from entrepot.settings.route_table import RouteTable
from entrepot.settings.telemetry_tables import LogTable, MetricsTable, TelemetryTable
from entrepot.settings.words import (
    AtLeastOne,
    Count,
    Country,
    Digest,
    Name,
    Seconds,
    Tokens,
)


class GatewayTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how the gateway listens."""

    host: Annotated[Name, Meta(description="Address to listen on; 127.0.0.1 admits this machine alone.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")] = 8080
    processes: Annotated[int, Meta(ge=1, le=256, description="Gateway processes, about one a core.")] = 1
    max_body_mb: Annotated[int, Meta(ge=1, le=1024, description="Largest request body, in MiB.")] = 32
    body_timeout_s: Annotated[Seconds, Meta(description="How long a request's head, then its body, may take.")] = 30.0
    max_concurrent: Annotated[
        AtLeastOne, Meta(description="Requests at once in one process; a further one is told to come back.")
    ] = 8000
    grace_s: Annotated[float, Meta(ge=0, description="How long open answers may still run at a stop.")] = 20.0
    trusted_proxies: Annotated[
        tuple[Name, ...], Meta(description="Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8.")
    ] = ()
    region_header: Annotated[
        Name | None,
        Meta(description="The header in which trusted_proxies say the client's country, such as cf-ipcountry."),
    ] = None
    socket: Annotated[Name | None, Meta(description="A Unix socket to listen on instead; relative to this file.")] = (
        None
    )
    tls: Annotated[ListenTlsTable | None, Meta(description="TLS, where no proxy in front does it.")] = None


class OidcTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identity provider (OpenID Connect) with which people sign in to the admin API."""

    issuer: Annotated[Name, Meta(description="Its address, as its own documents name it.")]
    client_id: Annotated[Name, Meta(description="What it calls this installation.")]
    client_secret: Annotated[
        Name | None, Meta(description="Where its secret for us is found: env:NAME or file:PATH.")
    ] = None
    scopes: Annotated[tuple[Name, ...], Meta(description="What is asked for beside openid.")] = ("profile", "email")
    groups_claim: Annotated[Name, Meta(description="Where it names groups; a.b for b within a.")] = "groups"
    admin_groups: Annotated[tuple[Name, ...], Meta(description="Groups whose members are admins.")] = ()
    operator_groups: Annotated[tuple[Name, ...], Meta(description="Groups whose members are operators.")] = ()
    viewer_groups: Annotated[tuple[Name, ...], Meta(description="Groups whose members are viewers.")] = ()
    teams: Annotated[
        dict[str, Name] | None, Meta(description='Teams by group, such as { "dept-legal" = "legal" }.')
    ] = None
    team_role: Annotated[
        Literal["operator", "viewer"], Meta(description="The role of those who are in a team's group alone, over it.")
    ] = "viewer"


class ControlTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the admin API listens."""

    host: Annotated[Name, Meta(description="Address to listen on; 127.0.0.1 admits this machine alone.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")] = 8081
    session_hours: Annotated[float, Meta(gt=0, le=720, description="How long somebody stays signed in.")] = 12.0
    public_url: Annotated[
        Name | None, Meta(description="The address by which browsers know it, behind a TLS proxy.")
    ] = None
    tls: Annotated[ListenTlsTable | None, Meta(description="TLS, where no proxy in front does it.")] = None
    oidc: Annotated[OidcTable | None, Meta(description="An identity provider with which people sign in.")] = None


class TimeoutsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Deadlines of one exchange, in seconds."""

    connect_s: Annotated[Seconds, Meta(description="To connect to a provider.")] = 10.0
    first_byte_s: Annotated[Seconds, Meta(description="To the first byte of its answer.")] = 120.0
    idle_s: Annotated[Seconds, Meta(description="Between two bytes of its answer.")] = 60.0
    total_s: Annotated[Seconds, Meta(description="For the whole exchange.")] = 900.0
    keep_alive_s: Annotated[
        float, Meta(ge=0, description="Until the silent client of a stream is sent a sign of life; 0: never.")
    ] = 15.0


class LedgerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where entries are kept."""

    directory: Annotated[
        Name | None, Meta(description="A folder, relative to this file. Default: entrepot-data beside this file.")
    ] = None
    database: Annotated[
        Name | None, Meta(description="The PostgreSQL of many machines: postgresql://…, env:NAME or file:PATH.")
    ] = None
    keep_days: Annotated[
        Annotated[int, Meta(ge=1, le=36_500)] | None,
        Meta(description="For how many days entries are kept. Default: for ever. Sums stay."),
    ] = None
    durability: Annotated[
        Literal["process", "fsync"], Meta(description="What an entry outlives: our death, or the machine's as well.")
    ] = "process"
    reserve_mb: Annotated[
        int, Meta(ge=1, le=1024, description="What each gateway process keeps free on the disk for entries, in MiB.")
    ] = 16
    when_full: Annotated[
        Literal["serve", "refuse"], Meta(description="When an entry cannot be written: serve on, or refuse requests.")
    ] = "serve"


class ResponsesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of OpenAI responses, prompts included, so that clients may come back to them."""

    store: Annotated[
        bool, Meta(description="Keep them, unless a request says store = false. Off: nothing is kept.")
    ] = False
    keep_days: Annotated[int, Meta(ge=1, le=3650, description="For how many days after they were last continued.")] = 30


class KeyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that clients of the gateway present. `entrepot keys new NAME` makes one."""

    name: Annotated[Name, Meta(description="What the key is called in rules, reports and the ledger.")]
    secret: Annotated[Name | None, Meta(description="Where its text is found: env:NAME or file:PATH.")] = None
    sha256: Annotated[Digest | None, Meta(description="Or the SHA-256 of its text, in hex.")] = None
    certificate: Annotated[
        Name | None, Meta(description="A name in the client certificate that stands for the key, or is enough alone.")
    ] = None
    team: Annotated[Name | None, Meta(description="The team that it belongs to.")] = None
    tags: Annotated[tuple[Name, ...], Meta(description="Tags by which rules and reports know its requests.")] = ()
    data_classes: Annotated[tuple[Name, ...], Meta(description="Data classes of all that it sends.")] = ()
    region: Annotated[Country | None, Meta(description="The country of its clients, ISO 3166-1 alpha-2.")] = None
    scope: Annotated[
        Scope | None, Meta(description="What it is confined to: routes, models, tags, addresses. Default: to nothing.")
    ] = None
    expires: Annotated[
        datetime.date | None, Meta(description="The first day on which it is no longer valid, in UTC.")
    ] = None


class PriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator pays, per million tokens; replaces the catalog's list price."""

    input_per_mtok: Annotated[Decimal, Meta(description="Per million input tokens.")]
    output_per_mtok: Annotated[Decimal, Meta(description="Per million output tokens.")]
    cache_read_per_mtok: Annotated[Decimal | None, Meta(description="Default: as input.")] = None
    cache_write_per_mtok: Annotated[Decimal | None, Meta(description="Default: as input.")] = None
    reasoning_per_mtok: Annotated[Decimal | None, Meta(description="Default: as output.")] = None
    cache_write_1h_per_mtok: Annotated[
        Decimal | None, Meta(description="Kept for an hour. Default: as the shorter.")
    ] = None
    audio_input_per_mtok: Annotated[Decimal | None, Meta(description="Sound. Default: as input.")] = None
    audio_output_per_mtok: Annotated[Decimal | None, Meta(description="Sound. Default: as output.")] = None
    tiers: Annotated[tuple[PriceTier, ...], Meta(description="The whole request's price beyond a length.")] = ()
    windows: Annotated[tuple[PriceWindow, ...], Meta(description="Hours at which it is multiplied.")] = ()
    services: Annotated[tuple[PriceService, ...], Meta(description="Service tiers in which it is multiplied.")] = ()
    changes: Annotated[tuple[PriceChange, ...], Meta(description="The prices from a day on, in order.")] = ()
    input_tokens_up_to: Annotated[
        Tokens | None, Meta(description="The longest input that it is agreed for; beyond it, unknown.")
    ] = None
    currency: Annotated[Currency, Meta(description="USD or CNY.")] = "USD"
    source: Annotated[Name, Meta(description="Where the price is agreed or published.")] = "operator"
    as_of: Annotated[
        datetime.date | None, Meta(description="The day it was read. Default: when this file last changed.")
    ] = None


class DetectionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for in requests."""

    always: Annotated[
        bool, Meta(description="Look for every kind, also where no rule asks, and record what is found.")
    ] = False
    redact: Annotated[
        tuple[Name, ...], Meta(description="Kinds that are taken out of every request before it leaves.")
    ] = ()
    phone_regions: Annotated[
        tuple[Country, ...], Meta(description="Countries whose own way of writing phone numbers counts.")
    ] = ("CN", "US", "GB", "DE", "FR")


class DetectorTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of your own, found by a regular expression."""

    pattern: Annotated[
        Name, Meta(description="A regular expression whose repetitions are bounded: {1,20}, not + or *.")
    ]
    data_class: Annotated[Name, Meta(description="The data class that a find makes.")]


class DeploymentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model at a provider. Facts that the catalog knows need not be given; facts given here win."""

    provider: Annotated[Name, Meta(description="A provider of the catalog, or openai-compatible with a base_url.")]
    model: Annotated[Name, Meta(description="A model of the catalog, or any name where base_url or maker is given.")]
    id: Annotated[Name | None, Meta(description="What routes and rules call it. Default: provider/model.")] = None
    region: Annotated[
        Name | None,
        Meta(description="One of the provider's regions; where there are none: a country code, EU, GLOBAL or LOCAL."),
    ] = None
    key: Annotated[Name | None, Meta(description="Where the provider's key is found: env:NAME or file:PATH.")] = None
    base_url: Annotated[Name | None, Meta(description="The address, where it is not the catalog's.")] = None
    socket: Annotated[Name | None, Meta(description="A Unix socket by which that address is reached.")] = None
    tls: Annotated[DialTlsTable | None, Meta(description="Whom to trust there, and what to show.")] = None
    address: Annotated[
        dict[str, Name] | None,
        Meta(description='What the catalog\'s address leaves to you, such as { resource = "acme" }.'),
    ] = None
    upstream_name: Annotated[Name | None, Meta(description="The model's name at the provider.")] = None
    dialect: Annotated[
        Name | None, Meta(description="What is spoken there, such as openai-chat, anthropic-messages, gemini-generate.")
    ] = None
    quirks: Annotated[
        tuple[Name, ...] | None, Meta(description="How it departs from its dialect, instead of what the catalog says.")
    ] = None
    auth: Annotated[
        KeyForm | Cloud | None,
        Meta(
            description="How the key is sent; aws, google or azure: with that cloud's own credentials, without a key."
        ),
    ] = None
    auth_scope: Annotated[
        Name | None, Meta(description="What a cloud's credentials are asked for, such as us-east-1/bedrock.")
    ] = None
    price: Annotated[PriceTable | None, Meta(description="The price that you pay.")] = None
    accelerator: Annotated[Name | None, Meta(description="What it computes on, such as nvidia or ascend.")] = None
    on_premises: Annotated[bool | None, Meta(description="Whether it runs on machines of your own.")] = None
    context_tokens: Annotated[Tokens | None, Meta(description="The longest input it takes.")] = None
    max_output_tokens: Annotated[Tokens | None, Meta(description="The longest answer it gives.")] = None
    capabilities: Annotated[tuple[Capability, ...] | None, Meta(description="What it can do.")] = None
    maker: Annotated[Name | None, Meta(description="Who trained the model.")] = None
    maker_country: Annotated[Country | None, Meta(description="The maker's country, ISO 3166-1 alpha-2.")] = None
    provider_country: Annotated[Country | None, Meta(description="The country whose law binds the provider.")] = None
    open_weights: Annotated[bool | None, Meta(description="Whether the weights are published.")] = None
    licence: Annotated[Name | None, Meta(description="The licence of the weights.")] = None
    reasoning: Annotated[bool | None, Meta(description="Whether it thinks before it answers.")] = None
    limits: Annotated[
        LimitsTable | None, Meta(description="What its provider admits, shared fairly between teams.")
    ] = None
    weight: Annotated[float, Meta(gt=0, description="Its part among the hosts of its model.")] = 1.0
    retries: Annotated[
        Count | None, Meta(description="How often it is asked again. Default: as the route and [retries] say.")
    ] = None
    probe: Annotated[
        Literal["connect", "models"] | None,
        Meta(
            description="How it is probed while its circuit is open: connect opens a connection; models lists models."
        ),
    ] = None
    retention_days: Annotated[
        Count | None, Meta(description="How many days the provider keeps what it is sent; 0: not at all.")
    ] = None
    trains_on_data: Annotated[bool | None, Meta(description="Whether the provider trains on what it is sent.")] = None


class BudgetTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent in a period: by everybody, or by one key, team and route; "*" gives each of them a budget of its own."""

    name: Annotated[Name, Meta(description="What errors and reports call it.")]
    amount_usd: Annotated[Decimal, Meta(description="How much, in dollars.")]
    period: Annotated[Literal["day", "week", "month", "once"], Meta(description="When it begins anew.")] = "month"
    kind: Annotated[
        Literal["hard", "soft"], Meta(description="hard: it cannot be overrun; soft: it is counted and warned of.")
    ] = "hard"
    key: Annotated[Name | None, Meta(description='The key that it is for; "*": each.')] = None
    team: Annotated[Name | None, Meta(description='The team that it is for; "*": each.')] = None
    route: Annotated[Name | None, Meta(description='The route that it is for; "*": each.')] = None
    timezone: Annotated[Name, Meta(description="Whose midnight begins a period, such as Asia/Shanghai.")] = "UTC"
    warn_at: Annotated[tuple[float, ...], Meta(description="Shares of the amount at which to warn.")] = (0.8, 0.95)
    webhook: Annotated[Name | None, Meta(description="Where warnings are sent: an address, env:NAME or file:PATH.")] = (
        None
    )
    wait_s: Annotated[
        float, Meta(ge=0, le=300, description="How long a request that does not fit waits for others to be settled.")
    ] = 10.0


class LimitsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much in a minute and at once."""

    requests_per_minute: Annotated[AtLeastOne | None, Meta(description="Requests in any sixty seconds.")] = None
    tokens_per_minute: Annotated[Tokens | None, Meta(description="Tokens read and written in sixty seconds.")] = None
    concurrent: Annotated[AtLeastOne | None, Meta(description="Requests at the same time.")] = None
    queue_s: Annotated[
        float, Meta(ge=0, le=300, description="How long a request may wait for its turn; 0: it is refused.")
    ] = 0.0
    queue_length: Annotated[int, Meta(ge=1, description="How many may wait in one process.")] = 100


class LimitTable(LimitsTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one key, team, route, model or deployment; "*": of each."""

    name: Annotated[Name, Meta(description="What it is called.")]
    key: Annotated[Name | None, Meta(description='The key that it is for; "*": each.')] = None
    team: Annotated[Name | None, Meta(description='The team that it is for; "*": each.')] = None
    route: Annotated[Name | None, Meta(description='The route that it is for; "*": each.')] = None
    model: Annotated[Name | None, Meta(description='The model that it is for; "*": each.')] = None
    deployment: Annotated[Name | None, Meta(description='The deployment that it is for; "*": each.')] = None


class CountersTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where limits and budgets are counted."""

    redis: Annotated[
        Name | None, Meta(description="The Redis or Valkey of many machines: redis://…, env:NAME or file:PATH.")
    ] = None
    when_unreachable: Annotated[
        Literal["refuse", "serve"], Meta(description="Without counters: refuse, or serve from the leases in hand.")
    ] = "refuse"
    ledgers: Annotated[
        int, Meta(ge=1, description="How many ledgers hold what is spent: one for each machine that shares the Redis.")
    ] = 1
    webhooks_inside: Annotated[
        bool, Meta(description="Whether warnings may be sent to addresses of this machine and its network.")
    ] = False


class RouterTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What estimates quality and length, and what its promises are held against."""

    artifact: Annotated[
        Name | None, Meta(description="A fitted router's file, relative to this one. Default: the one that ships.")
    ] = None
    outcomes: Annotated[
        tuple[Name, ...],
        Meta(description="Files of fresh outcomes, or patterns over them, by which promises are kept honest."),
    ] = ()
    prompts: Annotated[tuple[Name, ...], Meta(description="The files of their prompts.")] = ()
    last: Annotated[int, Meta(ge=1, description="Promises are made anew on so many of the newest prompts.")] = 3000


class ExchangeRatesTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rate at which prices in yuan become dollars; replaces the catalog's."""

    usd_per_cny: Annotated[Decimal, Meta(description="Dollars for one yuan.")]
    as_of: Annotated[datetime.date, Meta(description="The day of the rate.")]
    source: Annotated[Name, Meta(description="Where it was read.")] = "operator"


class SettingsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """entrepot.toml, whole."""

    gateway: GatewayTable = GatewayTable()
    control: ControlTable = ControlTable()
    timeouts: TimeoutsTable = TimeoutsTable()
    retries: RetriesTable = RetriesTable()
    circuit: CircuitTable = CircuitTable()
    hosts: HostsTable = HostsTable()
    ledger: LedgerTable = LedgerTable()
    keys: tuple[KeyTable, ...] = ()
    teams: tuple[Team, ...] = ()
    deployments: tuple[DeploymentTable, ...] = ()
    routes: tuple[RouteTable, ...] = ()
    policy: tuple[Rule, ...] = ()
    lists: dict[str, tuple[Name, ...]] = {}
    data_classes: dict[str, tuple[Name, ...]] = {}
    detectors: dict[str, DetectorTable] = {}
    detection: DetectionTable = DetectionTable()
    router: RouterTable = RouterTable()
    learning: LearningTable = LearningTable()
    exchange_rates: ExchangeRatesTable | None = None
    content: ContentTable = ContentTable()
    responses: ResponsesTable = ResponsesTable()
    budgets: tuple[BudgetTable, ...] = ()
    limits: tuple[LimitTable, ...] = ()
    counters: CountersTable = CountersTable()
    metrics: MetricsTable = MetricsTable()
    log: LogTable = LogTable()
    verdicts: tuple[VerdictTable, ...] = ()
    judges: JudgesTable = JudgesTable()
    telemetry: TelemetryTable = TelemetryTable()
