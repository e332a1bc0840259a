"""What is said is kept where a route says so, through real processes: whole, streamed, broken off, forbidden, killed, erased."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.canonical.request import Text
from entrepot.cli.main import main
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Route
from entrepot.exchange.sensing import SensingSettings
from entrepot.ledger.content.answer import open_content
from entrepot.ledger.content.record import Kept, Said
from entrepot.ledger.content.seal import Seals, make_key, read_key
from entrepot.ledger.content.store import ContentStore
from entrepot.policy.rules import Rule, When
from entrepot.policy.sensitive import DATA_CLASSES
from entrepot.routing.utility import Goal
from entrepot.settings.schema import ContentSettings, GatewaySettings, LedgerSettings
from tests.end_to_end.test_durability import Load, kill_again_and_again
from tests.end_to_end.world import KEY, OTHER_KEY, World, eventually, world
from tests.ledger.content.test_sqlite import files_with
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.end_to_end

ROUTES = (
    Route("auto", ("cheap/small",), store_content=True),
    Route("other", ("cheap/small",)),
    Route("breaks", ("faulty/close-midway",), Goal(max_loss=1.0), store_content=True),
    Route("hangs", ("faulty/hang-midway",), Goal(max_loss=1.0), store_content=True),
    Route("fails", ("faulty/status:500",), Goal(max_loss=1.0), store_content=True),
)
RULES = (Rule("nobody keeps bank data", When(data_classes=("regulated",)), no_store=True),)


def settled(installation: World, exchange: str) -> Kept:
    """What is kept of an exchange, once it has arrived."""
    found: list[Kept] = []

    def there() -> bool:
        with installation.place.open_content() as store:
            found.extend(one for one in (store.find(exchange),) if one is not None)
        return bool(found)

    assert eventually(there), exchange
    return found[0]


def said_in(installation: World, exchange: str, seals: Seals | None = None) -> Said:
    said = open_content(settled(installation, exchange), seals or Seals())
    assert said is not None
    return said


def answer_of(said: Said) -> str:
    assert said.answer is not None
    return "".join(part.text for part in said.answer.choices[0].parts if isinstance(part, Text))


def held(installation: World) -> set[str]:
    def ids(store: ContentStore) -> set[str]:
        return {record.id for record in store.each()}

    with installation.place.open_content() as store:
        return ids(store)


@pytest.fixture(params=["sqlite", "postgres"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An installation with routes that keep what is said, its ledger in each database."""
    server: PostgresServer | None = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    ledger = LedgerSettings(str(tmp_path), None if server is None else server.make_database())
    sensing = SensingSettings(classes=dict(DATA_CLASSES), redact=("email",))
    with world(tmp_path, ledger=ledger, routes=ROUTES, rules=RULES, sensing=sensing) as installation:
        yield installation


def test_what_is_said_is_kept_where_the_route_says_so_and_nowhere_else(keeping: World) -> None:
    status, headers, whole = keeping.chat("auto", "a zebra whole")
    assert status == 200
    said = said_in(keeping, headers["x-entrepot-exchange"])
    assert said.request.messages[0].text() == "a zebra whole"
    assert (answer_of(said), said.complete) == (whole["choices"][0]["message"]["content"], True)

    _, headers, _ = keeping.chat("auto", "a zebra streamed", stream=True)
    said = said_in(keeping, headers["x-entrepot-exchange"])
    assert said.complete
    assert answer_of(said)

    for stream in (False, True):
        body = json.dumps({"model": "auto", "prompt": "a zebra completed", "stream": stream}).encode()
        headers = keeping.request("/completions", body)[1]
        said = said_in(keeping, headers["x-entrepot-exchange"])
        assert (said.complete, answer_of(said)) == (True, "This is a simulated answer. You wrote: a zebra completed")

    unkept = [
        keeping.chat("other", "a zebra elsewhere"),
        keeping.chat("cheap/small", "a zebra by name"),
        keeping.chat("auto", "a zebra withheld", headers={"x-entrepot-no-store": "true"}),
        keeping.chat("auto", "a zebra with DE89 3704 0044 0532 0130 00"),
    ]
    assert [status for status, _, _ in unkept] == [200] * 4
    last = keeping.chat("auto", "the last one")[1]["x-entrepot-exchange"]
    settled(keeping, last)  # what was asked before it has arrived as well
    assert held(keeping).isdisjoint(headers["x-entrepot-exchange"] for _, headers, _ in unkept)
    metrics = keeping.request("//metrics", key=None)[2].decode()
    assert 'entrepot_content_total{route="auto",result="kept"} 5' in metrics
    assert 'entrepot_content_total{route="auto",result="withheld"} 2' in metrics


def test_what_was_redacted_stays_so(keeping: World) -> None:
    _, headers, _ = keeping.chat("auto", "write to anna.lee@acme.org today")
    text = said_in(keeping, headers["x-entrepot-exchange"]).request.messages[0].text()
    assert "write to" in text
    assert "anna.lee" not in text


def test_of_an_answer_that_broke_off_what_was_delivered_is_kept(keeping: World) -> None:
    _, headers, data = keeping.chat("breaks", "a zebra breaks", stream=True)
    said = said_in(keeping, headers["x-entrepot-exchange"])
    assert not said.complete
    text = answer_of(said)
    assert text
    assert all(json.dumps(word, ensure_ascii=False)[1:-1] in data.decode() for word in text.split()[:1])

    _, headers, _ = keeping.chat("fails", "a zebra fails")
    said = said_in(keeping, headers["x-entrepot-exchange"])
    assert (said.complete, said.answer, said.status) == (False, None, 502)


def test_of_a_client_that_left_what_it_was_sent_is_kept(keeping: World) -> None:
    body = json.dumps({"model": "hangs", "stream": True, "messages": [{"role": "user", "content": "a zebra left"}]})
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}"
    )
    found = keeping.installation
    with socket.create_connection((found.host, found.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\ncontent-type: application/json\r\n\r\n{body}".encode())
        received = b""
        while b'"content":"' not in received.replace(b'"content":""', b""):
            received += connection.recv(65536)
    exchange = received.lower().split(b"x-entrepot-exchange: ")[1].split(b"\r\n")[0].decode()
    said = said_in(keeping, exchange)
    assert said.request.messages[0].text() == "a zebra left"
    assert not said.complete
    assert answer_of(said)


def test_an_erased_exchange_and_an_erased_key_are_gone_while_all_runs(keeping: World) -> None:
    mine = [keeping.chat("auto", f"zebra {number}")[1]["x-entrepot-exchange"] for number in range(3)]
    theirs = keeping.chat("auto", "giraffe", key=OTHER_KEY)[1]["x-entrepot-exchange"]
    for exchange in (*mine, theirs):
        settled(keeping, exchange)
    config = ["--config", str(settings_file(keeping))]
    done = CliRunner().invoke(main, ["ledger", "forget", "--exchange", mine[0], "--yes", *config])
    assert (done.exit_code, "in 1 exchange is erased" in done.output) == (0, True), done.output
    assert held(keeping) == {*mine[1:], theirs}
    done = CliRunner().invoke(main, ["ledger", "forget", "--key", "alice", "--content-only", "--yes", *config])
    assert (done.exit_code, "in 2 exchanges is erased" in done.output) == (0, True), done.output
    assert held(keeping) == {theirs}
    assert files_with(keeping.directory, b"zebra") == []
    assert keeping.decision(mine[1])["state"] == "completed"  # numbers stay
    done = CliRunner().invoke(main, ["ledger", "forget", "--key", "bob", "--yes", *config])
    assert (done.exit_code, "what was said in 1 of them is erased" in done.output) == (0, True), done.output
    assert held(keeping) == set()
    with keeping.place.open_reader() as reader:
        assert reader.find(theirs) is None


def settings_file(installation: World) -> Path:
    """A settings file that leads to the installation's ledger."""
    database = installation.place.database
    file = installation.directory / "commands.toml"
    told = "" if database is None else f'database = "{database}"\n'
    deployment = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'
    file.write_text(f'[ledger]\ndirectory = "{installation.directory}"\n{told}{deployment}')
    return file


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_no_word_of_an_answer_is_lost_when_processes_are_killed(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: PostgresServer | None = None if database == "sqlite" else request.getfixturevalue("postgres")
    ledger = LedgerSettings(str(tmp_path), None if server is None else server.make_database())
    gateway = GatewaySettings(port=0, processes=2, grace_s=5)
    with world(tmp_path, ledger=ledger, gateway=gateway, routes=ROUTES, rules=()) as installation:
        with Load(installation) as load:
            kill_again_and_again(installation, load, kills=4, seed=5)
        assert eventually(lambda: held(installation) >= set(load.acknowledged), 60)
        with installation.place.open_content() as store:
            said = [open_content(record, Seals()) for record in store.each() if record.id in set(load.acknowledged)]
        assert all(one is not None and one.complete for one in said)


def test_with_a_key_no_file_holds_a_word_and_without_it_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key()
    monkeypatch.setenv("TEST_CONTENT_KEY", key)
    content = ContentSettings(encrypt_with="env:TEST_CONTENT_KEY")
    with world(tmp_path, routes=ROUTES, rules=(), content=content) as installation:
        exchange = installation.chat("auto", "a zebra in the dark")[1]["x-entrepot-exchange"]
        said = said_in(installation, exchange, Seals(read_key(key, "env:KEY")))
        assert said.request.messages[0].text() == "a zebra in the dark"
        assert files_with(tmp_path, b"zebra in the dark") == []
        done = CliRunner().invoke(main, ["ledger", "content", "show", exchange, "--ledger", str(tmp_path)])
        assert done.exit_code == 2
        assert "names another (none): name that key in decrypt_with" in done.output


def test_a_gateway_does_not_start_with_a_key_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CONTENT_KEY", "passphrase")
    content = ContentSettings(encrypt_with="env:TEST_CONTENT_KEY")
    with pytest.raises(SettingsError, match="not a key for content"), world(tmp_path, content=content):
        pass


def test_of_what_is_too_long_nothing_is_kept_but_that_it_was(tmp_path: Path) -> None:
    content = ContentSettings(max_bytes=10_000)
    with world(tmp_path, routes=ROUTES, rules=(), content=content) as installation:
        status, headers, _ = installation.chat("auto", "zebra " * 5_000)
        assert status == 200
        assert settled(installation, headers["x-entrepot-exchange"]).form == "too_long"
        assert files_with(tmp_path, b"zebra") == []
        metrics = installation.request("//metrics", key=None)[2].decode()
        assert 'entrepot_content_total{route="auto",result="too_long"} 1' in metrics


def test_what_was_said_and_found_good_becomes_lines_to_train_on(keeping: World, tmp_path: Path) -> None:
    scores = {"a zebra well": 1.0, "a zebra badly": 0.0}
    for text, score in scores.items():
        exchange = keeping.chat("auto", text)[1]["x-entrepot-exchange"]
        settled(keeping, exchange)
        told = json.dumps({"exchange": exchange, "source": "user", "score": score}).encode()
        assert keeping.request("/feedback", told)[0] == 200
    config = ["--config", str(settings_file(keeping))]
    finetune = ["ledger", "export", str(tmp_path / "out"), "--for", "finetune", "--validation", "0", *config]
    done = CliRunner().invoke(main, finetune)
    assert (done.exit_code, "0 lines to train on" in done.output) == (0, True), (
        done.output
    )  # nobody vouched for the model

    def reasons() -> object:
        CliRunner().invoke(main, [*finetune, "--allow", "small"])
        return json.loads((tmp_path / "out" / "export.json").read_text())["left_out"]

    assert eventually(lambda: reasons() == {"the outcome is not good enough": 1})
    (line,) = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert json.loads(line)["messages"][0] == {"role": "user", "content": "a zebra well"}
