"""What a collection is about, found in the settings: whom to ask, who judges, as whom, at which prices; or stand-ins for them."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from entrepot.catalog.load import load_catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import DataError, SettingsError
from entrepot.exchange.embedding import embeds
from entrepot.learning.collection import Forecast, Intent, key_text
from entrepot.learning.grading import How
from entrepot.learning.judge import is_keyed, judges_of
from entrepot.learning.outcome_rows import OutcomeRow
from entrepot.learning.prompt_lines import PromptLine, text_of
from entrepot.learning.value import best_of, measure_values
from entrepot.router_in_force import bind_router
from entrepot.settings.schema import KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import AnswerKey
from entrepot.simulator.process import simulator_process
from entrepot.simulator.understudy import move, plan_for

SIMULATED = (
    "the answers are SIMULATED: stand-ins on this machine know the answer keys, and slip as their published scores say"
)

_KEY_VARIABLE = "ENTREPOT_STAND_IN_KEY"


class Stage(msgspec.Struct, frozen=True, eq=False):
    """The settings and what is to be collected under them. `name` is what outcomes call the prompts' file."""

    settings: Settings
    intent: Intent
    name: str

    def forecast(self) -> Forecast:
        """Prices and lengths before the calls."""
        everyone = (*self.intent.deployments, *self.intent.judges)
        tariffs = {one.id: Tariff(one.price, self.settings.exchange_rates) for one in everyone if one.price is not None}
        return Forecast(
            tariffs, bind_router(self.settings, tuple(dict.fromkeys(one.model for one in everyone))), time.time()
        )

    def reference(self, rows: Sequence[OutcomeRow]) -> str | None:
        """What the others are compared with: the reference, else who did best."""
        if self.intent.reference is not None:
            return self.intent.reference.id
        models = {one.id: one.model for one in self.intent.deployments}
        return best_of(measure_values(rows, models, len(self.intent.prompts), None, 0.95))


def set_stage(
    settings: Settings,
    prompts: tuple[PromptLine, ...],
    how: How,
    deployments: Sequence[str],
    judges: Sequence[str],
    reference: str | None,
    max_output_tokens: int | None,
    seed: int,
    name: str,
) -> Stage:
    """Find everything that is named. Raises DataError with the nearest right word, or what else is missing."""
    asked = _find(deployments, "--deployments", settings.deployments)
    judging = _find(judges, "--judge", settings.deployments)
    intent = Intent(prompts, asked, how, judging, _reference(reference, settings, asked), max_output_tokens, seed)
    _check_judges(intent)
    return Stage(settings, intent, name)


def _find(named: Sequence[str], option: str, known: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """The deployments of these ids, patterns or models, each once."""
    found: dict[str, Deployment] = {}
    catalog = load_catalog()
    for name in (word.strip() for text in named for word in text.split(",")):
        if not name:
            continue
        matching = [one for one in known if one.id == name or fnmatchcase(one.id, name)]
        model = catalog.find_model(name)
        names = {name} if model is None else {name, model.id}
        matching = matching or [one for one in known if one.model in names]
        matching = [one for one in matching if not embeds(one)]
        if not matching:
            near = did_you_mean(name, [one.id for one in known])
            raise DataError(f"{option}: '{name}' is no deployment of the settings that answers{near}")
        found.update((one.id, one) for one in matching)
    return tuple(found.values())


def _reference(named: str | None, settings: Settings, asked: Sequence[Deployment]) -> Deployment | None:
    ids = {one.id: one for one in asked}
    if named is None:
        found = [ids[route.reference] for route in settings.routes if route.reference in ids]
        return found[0] if found else None
    (found_one,) = _find([named], "--reference", settings.deployments)[:1]
    if found_one.id not in ids:
        raise DataError(f"the reference {found_one.id} is not asked itself: name it in --deployments too")
    return found_one


def _check_judges(intent: Intent) -> None:
    if bool(intent.judges) != (intent.how == "judge"):
        raise DataError("--grade judge and --judge go together: name who judges with --judge ID, or grade otherwise")
    compared = any(not is_keyed(prompt) for prompt in intent.prompts)
    if intent.how == "judge" and compared and intent.reference is None:
        raise DataError(
            "prompts without answer key or rubric are judged against the reference's answers: name one with --reference"
        )
    for deployment in intent.deployments if intent.how == "judge" else ():
        against = [None] if deployment is intent.reference or not compared else [None, intent.reference]
        for other in against:
            if not judges_of(deployment, other, intent.judges):
                who = " or ".join(one.maker or one.model for one in (deployment, other) if one is not None)
                raise DataError(
                    f"nobody may judge {deployment.id}: every judge is of {who}; name one of another maker with --judge"
                )


def check_apart(read: Path, *written: Path | None) -> None:
    """Raises DataError where two files are one: what is written last would replace the other, and it might be your prompts."""
    seen = {read.resolve()}
    for path in written:
        if path is not None:
            if path.resolve() in seen:
                raise DataError(f"{path} would be written over itself or over your prompts: name another file")
            seen.add(path.resolve())


def check_one_each(deployments: Sequence[Deployment]) -> None:
    """Raises DataError where two deployments are of one model: a file of prices has one row for each model."""
    first: dict[str, str] = {}
    for one in deployments:
        if one.model in first:
            raise DataError(
                f"{first[one.model]} and {one.id} are of one model, and --prices-out has one price for it: ask one of them"
            )
        first[one.model] = one.id


def find_key(named: str | None, settings: Settings) -> KeySettings:
    """The key that is called so; without a name one of no team and no tags, called as the command is. Raises SettingsError."""
    if named is None:
        return KeySettings("collect", "")
    for key in settings.keys:
        if key.name == named:
            return key
    near = did_you_mean(named, [key.name for key in settings.keys])
    raise SettingsError(f"--as: no key of the settings is called '{named}'{near}")


@contextlib.contextmanager
def simulated(stage: Stage) -> Iterator[Stage]:
    """The same with stand-ins for all its deployments, and a ledger that goes with them."""
    everyone = stage.settings.deployments
    keys = [
        AnswerKey(prompt.id, last_turn(prompt), key_text(prompt)) for prompt in stage.intent.prompts if prompt.answers
    ]
    secret = secrets.token_urlsafe(24)
    plan = plan_for(everyone, load_catalog(), keys, seed=stage.intent.seed, secret=secret)
    with simulator_process(plan) as places, tempfile.TemporaryDirectory(prefix="entrepot-simulated-") as directory:
        os.environ[_KEY_VARIABLE] = secret
        moved = {one.id: one for one in move(everyone, places, f"env:{_KEY_VARIABLE}")}
        settings = msgspec.structs.replace(
            stage.settings, deployments=tuple(moved.values()), ledger=LedgerSettings(directory)
        )
        intent = stage.intent
        yield msgspec.structs.replace(
            stage,
            settings=settings,
            name=f"{stage.name} (simulated)",
            intent=msgspec.structs.replace(
                intent,
                simulated=True,
                deployments=tuple(moved[one.id] for one in intent.deployments),
                judges=tuple(moved[one.id] for one in intent.judges),
                reference=None if intent.reference is None else moved[intent.reference.id],
            ),
        )


def last_turn(prompt: PromptLine) -> str:
    """What the user says last."""
    users = [message for message in prompt.messages if message.get("role") == "user"]
    return text_of((users[-1],)) if users else ""
