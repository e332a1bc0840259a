"""`entrepot policy`: what the rules say, and whether they say what was meant."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from entrepot.control.in_force import read_in_force
from entrepot.errors import SettingsError
from entrepot.policy.eligibility import Eligibility, eligible
from entrepot.policy.rules import Principal
from entrepot.policy.teams import parents_of
from entrepot.settings.cases import load_cases, run_case
from entrepot.settings.load import find_settings_file, load_settings
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import Settings
from entrepot.settings.sensing import build_sensor

FAILED = 3

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The settings file. Default: entrepot.toml here."
)
# \b keeps click from filling the lines
_EXAMPLE = """\b
FILE holds cases such as:
  [[case]]
  name = "legal stays in the house"
  tags = ["confidential"]              # or key = "contract-reader", or team = "legal"
  allowed = ["own/gpt-oss-120b"]
  denied = ["eu/glm", "eu/frontier"]
"""

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def policy() -> None:
    """Rules: what they allow, and tests of them."""


@policy.command()
@_config
@_as_json
def show(config: Path | None, as_json: bool) -> None:
    """Who may use which deployments, and why not the others.

    Told for each key, for each tag that a rule names, and for a request without tags.
    """
    settings = _settings(config)
    judged = {name: _judge(settings, principal) for name, principal in _principals(settings).items()}
    if as_json:
        click.echo(json.dumps({who: _reasons(one) for who, one in judged.items()}, ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    alike: dict[Eligibility, list[str]] = {}
    for who, eligibility in judged.items():
        alike.setdefault(eligibility, []).append(who)
    for eligibility, who_all in alike.items():
        _print_judged(", ".join(who_all), eligibility, console)


@policy.command(epilog=_EXAMPLE)
@click.argument("file", type=click.Path(path_type=Path))
@_config
@_as_json
def test(file: Path, config: Path | None, as_json: bool) -> None:
    """Run the cases in FILE against the rules. Exit code: 0 all hold, 3 some do not."""
    settings = _settings(config)
    sensor = build_sensor(settings)
    outcomes = [run_case(case, settings, sensor) for case in load_cases(file, settings)]
    well = not any(outcome.wrong for outcome in outcomes)
    if as_json:
        click.echo(json.dumps({"well": well, "cases": msgspec.to_builtins(outcomes)}, ensure_ascii=False, indent=2))
    else:
        for outcome in outcomes:
            click.echo(f"{'FAILED' if outcome.wrong else 'ok'}  {outcome.case}")
            for wrong in outcome.wrong:
                click.echo(f"        {wrong}")
        held = sum(not outcome.wrong for outcome in outcomes)
        click.echo(f"{held} of {len(outcomes)} cases hold")
    sys.exit(0 if well else FAILED)


def _settings(config: Path | None) -> Settings:
    path = find_settings_file(config, os.environ, Path.cwd())
    if path is None:
        raise SettingsError("there is no entrepot.toml here; name one with --config, or write one with: entrepot init")
    return read_in_force(load_settings(path, os.environ))


def _principals(settings: Settings) -> dict[str, Principal]:
    parents = parents_of(settings.teams)
    keys = {f"key {key.name}": principal_of(key, parents) for key in settings.keys}
    tags = sorted({tag for rule in settings.rules for tag in rule.when.tags})
    tagged = {f"tag {tag}": Principal(tags=frozenset({tag})) for tag in tags}
    return {**keys, **tagged, "no tags": Principal()}


def _judge(settings: Settings, principal: Principal) -> Eligibility:
    return eligible(settings.deployments, settings.rules, principal)


def _print_judged(who: str, eligibility: Eligibility, console: Console) -> None:
    """Principals to whom the same holds: what they may use, and each reason once, with the deployments that it keeps out."""
    console.print(Text(who, style="bold"))
    console.print(Padding(Text(", ".join(one.id for one in eligibility.allowed) or "nothing"), (0, 0, 0, 4)))
    kept_out: dict[str, list[str]] = {}
    for rejected in eligibility.rejected:
        kept_out.setdefault(rejected.reason, []).append(rejected.deployment)
    for reason, deployments in kept_out.items():
        console.print(Padding(Text(f"not {', '.join(deployments)}", style="dim"), (0, 0, 0, 4)))
        console.print(Padding(Text(reason, style="dim"), (0, 0, 0, 8)))


def _reasons(eligibility: Eligibility) -> dict[str, object]:
    return {
        "allowed": [one.id for one in eligibility.allowed],
        "denied": {one.deployment: [reason.text for reason in one.reasons] for one in eligibility.rejected},
    }
