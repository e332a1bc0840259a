from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from entrepot.cli.main import main
from entrepot.learning.promises import Promises, Standing, write_promises
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.frames import frame
from entrepot.ledger.spool import SpoolWriter, list_spools, spool_folder
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from entrepot.reports.contents import REPORTS
from entrepot.reports.wording import words_of
from entrepot.routing.worth import refuse

LOCAL = msgspec.structs.replace(SAMPLE_SERVED, on_premises=True, region="LOCAL", maker="meta", maker_country="US")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The directory of a ledger of ten exchanges, six of which still lie in a spool."""
    with open_sqlite(tmp_path / "账本") as store:
        store.insert([sample_entry(number) for number in range(4)])
    with SpoolWriter(tmp_path / "账本", "gateway-0") as spool:
        for number in range(4, 10):
            spool.append(msgspec.structs.replace(sample_entry(number), served=LOCAL))
    return tmp_path / "账本"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments])


def run_json(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.output)
    return document


def test_a_plain_report_shows_savings_shares_and_added_time_of_everything_written_down(ledger: Path) -> None:
    result = run("--ledger", str(ledger))
    assert result.exit_code == 0
    for text in ("10 exchanges", "Savings", "gpt-5", "Share by model", "maker's country", "LOCAL", "on the premises"):
        assert text in result.output
    assert "Time added by the gateway" in result.output
    assert list_spools(ledger) == []


def test_what_holds_for_several_tables_is_said_once(ledger: Path) -> None:
    with open_sqlite(ledger) as store:
        store.insert([msgspec.structs.replace(sample_entry(20), cost_nano_usd=None)])
    assert run("--ledger", str(ledger)).output.count("it is in no sum") == 1


def test_a_share_by_each_dimension_asked_for(ledger: Path) -> None:
    document = run_json(
        "share", "--by", "maker-country", "--by", "maker_country", "--by", "team", "--ledger", str(ledger)
    )
    names = [table["name"] for table in document["tables"]]
    assert names[:3] == ["share_by_maker_country", "share_by_maker_country", "share_by_team"]
    assert names[3:] == [
        "maker_country_over_time",
        "maker_country_concentration",
        "team_over_time",
        "team_concentration",
    ]
    assert {row["value"]: row["exchanges"] for row in document["tables"][0]["rows"]} == {"US": 6, "CN": 4}


def test_flows_lead_from_the_period_that_is_named(ledger: Path) -> None:
    later = {"started_ns": FIRST_NS + 40 * 86_400_000_000_000}
    with open_sqlite(ledger) as store:
        store.insert([msgspec.structs.replace(sample_entry(30 + n), **later) for n in range(4)])
    said = ["share", "--by", "maker", "--since", "2026-02-01", "--ledger", str(ledger)]
    (flows,) = [
        table
        for table in run_json(*said, "--against", "2026-01-01..2026-02-01")["tables"]
        if table["name"] == "maker_flows"
    ]
    assert [(row["from"], row["to"], row["points"]) for row in flows["rows"]] == [("meta", "alibaba", 0.6)]
    assert "2026-01-01" in flows["title"]
    assert "2026-02-10" in flows["title"]
    assert [table for table in run_json(*said)["tables"] if table["name"] == "maker_flows"] == []


def test_a_period_that_is_none_is_refused(ledger: Path) -> None:
    result = run("share", "--against", "2026-01", "--ledger", str(ledger))
    assert result.exit_code == 2
    assert "2026-01-01..2026-02-01" in result.output


def test_json_is_exact(ledger: Path) -> None:
    document = run_json("savings", "--ledger", str(ledger))
    rows = {row["figure"]: row for row in document["tables"][0]["rows"]}
    cost = sum(1_000 + number for number in range(10))
    assert rows["cost"]["value"] == {"value": cost, "unit": "nano_usd"}
    assert rows["baseline_cost"]["value"]["value"] == 90_000
    assert rows["saving"]["interval"]["low"] < 90_000 - cost < rows["saving"]["interval"]["high"]
    assert document["totals"]["cost_nano_usd"] == cost


def test_a_period_is_cut_by_dates_times_and_zones(ledger: Path) -> None:
    def exchanges(*arguments: str) -> int:
        return int(run_json("share", "--ledger", str(ledger), *arguments)["totals"]["exchanges"])

    assert exchanges("--since", "2026-01-01") == 10
    assert exchanges("--since", "2026-01-01T00:00:07") == 3
    assert exchanges("--since", "2026-01-01T08:00:07+08:00") == 3
    assert exchanges("--until", "2026-01-01T00:00:00.5") == 1
    assert exchanges("--since", "2026-01-01T00:00:02", "--until", "2026-01-01T00:00:05") == 3


def test_a_report_in_chinese(ledger: Path) -> None:
    result = run("--ledger", str(ledger), "--lang", "zh")
    assert "节省金额" in result.output
    assert "按厂商所在国的份额" in result.output


def test_the_ledgers_file_may_be_named_instead_of_its_directory(ledger: Path) -> None:
    assert run("--ledger", str(ledger_path(ledger))).output == run("--ledger", str(ledger)).output


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_an_empty_ledger_is_no_error_and_none_is_made(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("--ledger", str(tmp_path), *arguments)
    assert result.exit_code == 0
    assert "the ledger holds no exchange" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["没有", "没有/ledger.db", "a-file"])
def test_a_ledger_that_is_named_and_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").touch()
    result = run("--ledger", str(tmp_path / name))
    assert result.exit_code == 2
    assert "there is no directory" in result.stderr


def test_a_period_without_exchanges_says_so(ledger: Path) -> None:
    result = run("--ledger", str(ledger), "--until", "2025-01-01")
    assert result.exit_code == 0
    assert "no exchange in this period" in result.output


def test_the_ledger_is_found_through_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = """
        [ledger]
        directory = "books"
        [[deployments]]
        provider = "ollama"
        model = "llama3.2"
        """
    (tmp_path / "entrepot.toml").write_text(settings, encoding="utf-8")
    with open_sqlite(tmp_path / "books") as store:
        store.insert([sample_entry(0)])
    monkeypatch.chdir(tmp_path)
    assert run_json("share")["totals"]["exchanges"] == 1
    assert run_json("share", "--config", str(tmp_path / "entrepot.toml"))["totals"]["exchanges"] == 1


def test_without_settings_the_ledger_lies_in_the_users_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_sqlite(tmp_path / "data" / "entrepot") as store:
        store.insert([sample_entry(0)])
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("ENTREPOT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run_json("share")["totals"]["exchanges"] == 1


def test_records_that_could_not_be_read_are_told(ledger: Path) -> None:
    (spool_folder(ledger) / "bad.spool").write_bytes(b"rubbish" + frame(msgspec.msgpack.encode(sample_entry(30))))
    run("--ledger", str(ledger))
    assert "1 damaged records (7 bytes)" in run("--ledger", str(ledger)).output


def test_what_cannot_be_ingested_is_told_and_the_rest_is_reported(ledger: Path) -> None:
    (spool_folder(ledger) / "zz.spool").mkdir()
    result = run("--ledger", str(ledger))
    assert result.exit_code == 0
    assert "10 exchanges" in result.output
    assert "Not everything is in these figures yet" in result.output


def test_a_promise_that_was_broken_is_told(ledger: Path) -> None:
    knob = refuse("dear/large", 0.02, 0.95, 412, "票据", "2026-11-20")
    assert knob.promise is not None
    broken = msgspec.structs.replace(knob.promise, withdrawn="on 40 fresh prompts 75.0 points were lost on average")
    knob = msgspec.structs.replace(knob, promise=broken)
    standing = Standing(knob, "", (), "2026-11-20T00:00:00+00:00", alarm_at="2026-11-22T08:00:00+00:00")
    write_promises(ledger, Promises({"自动": standing}))
    told = run("--ledger", str(ledger)).output
    assert "Route 自动 promises nothing since 2026-11-22: the promise of at most 2 points below dear/large" in told
    assert "路由 自动 自 2026-11-22 起不再作任何承诺" in run("--ledger", str(ledger), "--lang", "zh").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--by", "colour"), "'colour' is no dimension; one of: deployment, model"),
        (("--since", "tomorrow"), "'tomorrow' is no time; write a date"),
        (("--since", "0001-01-01T00:00:00+12:00"), "is no time; write a date"),
        (("--until", "9999-12-31T23:59:59-12:00"), "is no time; write a date"),
        (("--ledger", "a", "--config", "b"), "give one of them"),
        (("profits",), "'profits' is not one of"),
    ],
)
def test_a_wrong_word_is_named_with_the_right_ones(arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.output


def test_a_file_that_is_no_ledger_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    ledger_path(tmp_path).write_text("这不是账本" * 100, encoding="utf-8")
    result = run("--ledger", str(tmp_path))
    assert result.exit_code == 2
    assert "cannot be used: file is not a database" in result.output
    assert "Traceback" not in result.output


def test_spend_is_told_by_whatever_is_asked_for(ledger: Path) -> None:
    document = run_json("spend", "--by", "provider", "--by", "day", "--ledger", str(ledger))
    assert [table["name"] for table in document["tables"]] == ["forecast", "spend_by_provider", "spend_by_day"]
    (row, *_) = document["tables"][1]["rows"]
    assert row["cost_nano_usd"] == sum(1_000 + number for number in range(10))


def test_csv_goes_out_alone_and_what_else_there_is_to_say_beside_it(ledger: Path) -> None:
    (spool_folder(ledger) / "bad.spool").write_bytes(b"rubbish" + frame(msgspec.msgpack.encode(sample_entry(30))))
    result = run("share", "--csv", "--ledger", str(ledger))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("table,value,exchanges")
    assert "damaged records" in result.stderr
    assert "damaged records" not in result.stdout


@pytest.mark.parametrize("kind", list(REPORTS))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_report_is_a_page_too(ledger: Path, tmp_path: Path, kind: str, language: str) -> None:
    page = tmp_path / "报告.html"
    result = run(kind, "--html", str(page), "--language", language, "--ledger", str(ledger))
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(page)
    text = page.read_text(encoding="utf-8")
    assert words_of("zh" if language == "zh" else "en")(f"report_{kind.replace('-', '_')}") in text
    assert run(kind, "--html", "-", "--language", language, "--ledger", str(ledger)).output.startswith(
        "<!doctype html>"
    )


@pytest.mark.parametrize("kind", list(REPORTS))
def test_every_report_is_printed_in_every_form(ledger: Path, kind: str) -> None:
    assert run(kind, "--ledger", str(ledger)).exit_code == 0
    assert run_json(kind, "--ledger", str(ledger))["tables"]
    assert run(kind, "--csv", "--ledger", str(ledger)).stdout.startswith("table,")


def test_a_page_that_cannot_be_written_is_told(ledger: Path, tmp_path: Path) -> None:
    result = run("--html", str(tmp_path / "no" / "folder.html"), "--ledger", str(ledger))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert run("--html", "x", "--csv", "--ledger", str(ledger)).exit_code == 2


@pytest.mark.parametrize(
    "period", [("--since", "3d", "--until", "5d"), ("--since", "2026-02-01", "--until", "2026-02-01")]
)
def test_a_period_that_ends_before_it_begins_is_refused(period: tuple[str, ...], ledger: Path) -> None:
    ran = run("spend", *period, "--json", "--ledger", str(ledger))
    assert ran.exit_code == 2
    assert "nothing lies between" in ran.output
    assert run("share", "--against", "2026-01-01..2025-01-01", "--ledger", str(ledger)).exit_code == 2


@pytest.mark.parametrize(
    "words", [("savings", "--by", "day"), ("claims", "--by", "key"), ("spend", "--against", "2d..1d")]
)
def test_an_option_that_a_report_would_pass_over_is_refused(words: tuple[str, ...], ledger: Path) -> None:
    ran = run(*words, "--ledger", str(ledger))
    assert ran.exit_code == 2
    assert words[1] in ran.output


def test_a_page_of_a_period_without_traffic_does_not_leave_the_one_of_yesterday(ledger: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("yesterday's")
    ran = run("spend", "--since", "2199-01-01", "--ledger", str(ledger), "--html", str(page))
    assert ran.exit_code == 0
    assert "yesterday" not in page.read_text()
    assert "Nothing to report" in page.read_text()
