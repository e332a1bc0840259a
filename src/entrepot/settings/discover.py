"""Settings without a file: what is found in the environment and on this machine, said aloud, nothing written.

Rules of this file: a provider is used if one of its usual key variables is set; a local server is used if it answers.
Nothing is called that costs money. What was chosen and could have been chosen otherwise is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.deployment import leaves_the_machine
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.schema import Deployment, Provider
from entrepot.errors import SettingsError
from entrepot.exchange.embedding import embeds
from entrepot.exchange.plan import Route
from entrepot.settings.client_key import make_key
from entrepot.settings.file import DeploymentTable
from entrepot.settings.join import join
from entrepot.settings.probe import LocalServer, Port, usual_ports
from entrepot.settings.reference import choose_reference
from entrepot.settings.routes import DEFAULT_ROUTE
from entrepot.settings.schema import ControlSettings, GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.settings.selection import chats, choose_offers, makes_embeddings
from entrepot.settings.surroundings import Surroundings

SOURCE = "found in the environment"
FIRST_KEY_NAME = "first"


class Discovery(msgspec.Struct, frozen=True):
    """What was found. `settings` is None if there is nothing to serve with; `findings` are sentences for the operator.

    `first_key` is the text of the one client key in `settings`, to be printed once: it is kept nowhere.
    """

    settings: Settings | None
    findings: tuple[str, ...]
    first_key: str | None = None

    def __repr__(self) -> str:
        return f"Discovery(settings={self.settings!r}, findings={self.findings!r})"


def discover(
    environ: Mapping[str, str],
    probe: Callable[[Sequence[Port]], Sequence[LocalServer]],
    *,
    catalog: Catalog,
    entropy: bytes,
) -> Discovery:
    """Settings made of the provider keys in `environ` and the local servers that `probe` finds.

    `entropy` is 32 random bytes, of which the first client key is made.
    """
    findings: list[str] = []
    deployments = [*_hosted(environ, catalog, findings), *_local(environ, probe, catalog, findings)]
    if all(embeds(one) for one in deployments):  # also where there are none: nothing that answers was found
        return Discovery(None, (*findings, *_what_to_do(catalog)))
    key = make_key(entropy)
    settings = Settings(
        gateway=GatewaySettings(),
        ledger=LedgerSettings(str(data_directory(environ))),
        deployments=tuple(deployments),
        routes=(_route(deployments, catalog, findings),),
        keys=(KeySettings(name=FIRST_KEY_NAME, sha256=key.sha256),),
        exchange_rates=catalog.exchange_rates,
        source=SOURCE,
        control=ControlSettings(),
    )
    findings.append(f"entries of the ledger go to {settings.ledger.directory}")
    return Discovery(settings, tuple(findings), key.text)


def _hosted(environ: Mapping[str, str], catalog: Catalog, findings: list[str]) -> list[Deployment]:
    deployments: list[Deployment] = []
    taken: dict[str, str] = {}
    for provider in catalog.providers:
        variable = next((name for name in provider.key_env if environ.get(name, "").strip()), None)
        if variable is None or provider.on_premises:
            continue
        if variable in taken:
            findings.append(f"{variable} could also be a key of {provider.name}; it is taken for {taken[variable]}'s")
            continue
        chosen = choose_offers(provider, catalog, catalog.exchange_rates)
        if not chosen:
            findings.append(f"{variable} is set, but {_why_unusable(provider)}; entrepot.toml can name its models")
            continue
        taken[variable] = provider.name
        deployments += [msgspec.structs.replace(one, secret=f"env:{variable}") for one in chosen]
        where = ", ".join(dict.fromkeys(one.region for one in chosen))
        models = ", ".join(one.model for one in chosen)
        findings.append(f"{variable} is set: {provider.name} (processed in {where}) with {models}")
    return deployments


def _why_unusable(provider: Provider) -> str:
    if not provider.regions:
        return f"{provider.name} has no address that fits everyone"
    return f"no price is known of any model at {provider.name}"


def _local(
    environ: Mapping[str, str],
    probe: Callable[[Sequence[Port]], Sequence[LocalServer]],
    catalog: Catalog,
    findings: list[str],
) -> list[Deployment]:
    usual = {one.id: one.regions[0].base_url for one in catalog.providers if one.probe_port is not None}
    around = Surroundings(catalog=catalog, environ=environ, directory=Path("/"), source=SOURCE, changed_on="")
    deployments: list[Deployment] = []
    for server in probe(usual_ports(usual, environ)):
        name = catalog.provider(server.provider).name
        if server.locked:
            findings.append(f"{name} at {server.base_url} wants a key; entrepot.toml can name where it is")
            continue
        cloud = [model for model in server.models if leaves_the_machine(model)]
        embedding = [model for model in server.models if _embeds(model, catalog) and model not in cloud]
        silent = [model for model in server.models if not chats(model) and model not in (*cloud, *embedding)]
        usable = [model for model in server.models if model not in (*cloud, *embedding, *silent)]
        if not usable:
            findings.append(f"{name} answers at {server.base_url}, but has no model loaded that can chat")
        for model in usable:
            table = DeploymentTable(provider=server.provider, model=model, base_url=server.base_url)
            deployments.append(join(table, None, around, findings))
        for model in embedding:
            table = DeploymentTable(
                provider=server.provider, model=model, base_url=server.base_url, capabilities=("embeddings",)
            )
            deployments.append(join(table, None, around, findings))
        if embedding:
            findings.append(f"{name} at {server.base_url} makes embeddings with {', '.join(embedding)}")
        if usable:
            findings.append(
                f"{name} answers at {server.base_url} with {', '.join(usable)} (no price is known for these, so they come "
                "after those with one; entrepot.toml can state it)"
            )
        if cloud:
            findings.append(f"left out, since {name} hands them on to a cloud: {', '.join(cloud)}")
        if silent:
            findings.append(f"left out, since by their names they do not chat: {', '.join(silent)}")
    return list({one.id: one for one in deployments}.values())


def _embeds(model: str, catalog: Catalog) -> bool:
    known = catalog.find_model(model)
    return makes_embeddings(model) or "embeddings" in ((known.capabilities if known else None) or ())


def _route(deployments: Sequence[Deployment], catalog: Catalog, findings: list[str]) -> Route:
    answering = [one for one in deployments if not embeds(one)]
    reference, reason = choose_reference(answering, catalog, catalog.exchange_rates)
    findings.append(f"quality is measured from {reference.id}: {reason}")
    findings.append(
        f"no baseline was named, so savings are against {reference.id}; if you would use another, name it in entrepot.toml"
    )
    return Route(
        name=DEFAULT_ROUTE.name,
        candidates=tuple(one.id for one in deployments),
        reference=reference.id,
        baseline=reference.id,
    )


def data_directory(environ: Mapping[str, str]) -> Path:
    """$XDG_DATA_HOME/entrepot; by that specification a relative value is to be ignored. Raises SettingsError."""
    named = environ.get("XDG_DATA_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "entrepot"
    try:
        home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError as error:  # a container may run as a number that is nobody's
        raise SettingsError("no home directory to keep the ledger in: set HOME or XDG_DATA_HOME") from error
    return home / ".local" / "share" / "entrepot"


def _what_to_do(catalog: Catalog) -> Iterable[str]:
    # Only those that are enough: a provider with an address for each customer, or without prices, takes a file.
    variables = [
        one.key_env[0]
        for one in catalog.providers
        if one.key_env and not one.on_premises and choose_offers(one, catalog, catalog.exchange_rates)
    ]
    servers = [f"{one.name} ({one.probe_port})" for one in catalog.providers if one.probe_port]
    yield "no entrepot.toml, no provider's key in the environment and no model server on this machine was found"
    yield f"put a provider's key into the environment: {', '.join(dict.fromkeys(variables))}"
    yield f"or start a model server on its usual port: {', '.join(servers)}"
    yield "or write a settings file to fill in: entrepot init"
    yield "or try it without any of these, against simulated providers: entrepot up --simulate"
