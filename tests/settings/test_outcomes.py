from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from entrepot.exchange.outcome_plan import OutcomePlan, SampledCheck
from entrepot.routing.validator import Validator
from entrepot.settings.schema import VerdictSettings
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

TICKETS = """
[[verdicts]]
name = "tickets"
secret = "file:tickets.secret"
exchange = "/id"
value = "/status"
"""


def test_a_webhook_is_known_by_its_name_and_its_secret_is_found_from_the_file(tmp_path: Path) -> None:
    loaded = load(tmp_path, ONE_DEPLOYMENT + TICKETS + "scores = { reopened = 0, solved = 1.0 }\nweight = 0.5\n")
    assert loaded.verdicts == (
        VerdictSettings(
            "tickets",
            f"file:{tmp_path}/tickets.secret",
            "/id",
            "/status",
            scores={"reopened": 0, "solved": 1},
            weight=0.5,
        ),
    )


def test_what_cannot_be_meant_is_told(tmp_path: Path) -> None:
    twice = refuse(tmp_path, ONE_DEPLOYMENT + TICKETS + TICKETS)
    assert "verdicts[1].name: 'tickets' is already the name of verdicts[0]" in twice
    shown = refuse(tmp_path, ONE_DEPLOYMENT + TICKETS.replace("file:tickets.secret", "hunter2"))
    assert "verdicts[0].secret: write where the secret is found" in shown
    assert "hunter2" not in shown.replace('secret = "hunter2"', "")
    assert "scores" in refuse(tmp_path, ONE_DEPLOYMENT + TICKETS + "scores = { solved = 2 }\n")


JUDGED = (
    ONE_DEPLOYMENT
    + """
[[deployments]]
provider = "openai"
model = "gpt-small"
[[routes]]
name = "letters"
[[routes.outcomes.checks]]
name = "short"
share = 0.25
regex = "^.{1,200}$"
[routes.outcomes.judges]
share = 0.02
jury = ["gpt-small"]
"""
)


def test_what_is_found_out_of_a_routes_answers_is_resolved(tmp_path: Path) -> None:
    loaded = load(tmp_path, JUDGED + "[judges]\nusd_per_day = 2.5\n")
    (route,) = loaded.routes
    assert route.outcomes.signs
    assert route.outcomes.checks == (SampledCheck("short", Validator(regex="^.{1,200}$"), 0.25),)
    assert route.outcomes.judging is not None
    assert (route.outcomes.judging.share, route.outcomes.judging.jury) == (0.02, ("openai/gpt-small",))
    assert "right, complete" in route.outcomes.judging.rubric
    (budget,) = loaded.budgets
    assert (budget.key, budget.amount_usd, budget.period, budget.kind) == ("judges", Decimal("2.5"), "day", "hard")
    assert load(tmp_path, ONE_DEPLOYMENT).routes[0].outcomes == OutcomePlan()
    assert load(tmp_path, ONE_DEPLOYMENT + "[judges]\nusd_per_day = 1\n").budgets == ()


def test_judging_that_could_cost_anything_or_that_nobody_can_do_is_told(tmp_path: Path) -> None:
    assert "judges.usd_per_day: is missing" in refuse(tmp_path, JUDGED)
    budget = '[judges]\nusd_per_day = 1\n[[budgets]]\nname = "judges"\namount_usd = 5\n'
    assert "budgets[0].name: 'judges' is the name of what [judges]" in refuse(tmp_path, JUDGED + budget)
    named = refuse(tmp_path, JUDGED.replace('["gpt-small"]', '["gpt-small", "openai/gpt-small", "nobody"]'))
    assert "routes[0].outcomes.judges.jury[1]: 'openai/gpt-small' is in the jury already" in named
    assert "routes[0].outcomes.judges.jury[2]: 'nobody' is neither the id nor the model" in named


def test_two_checks_of_one_name_and_one_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    twice = '[[routes]]\nname = "a"\n' + '[[routes.outcomes.checks]]\nname = "x"\npython = "1 +"\n' * 2
    told = refuse(tmp_path, ONE_DEPLOYMENT + twice)
    assert "routes[0].outcomes.checks[1].name: 'x' is the name of another check" in told
    assert "the Python expression cannot be read" in told
