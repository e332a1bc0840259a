from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.errors import SettingsError
from entrepot.settings.load import find_settings_file, load_settings
from tests.settings.small_catalog import SMALL
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


def test_the_smallest_file_has_every_default_filled_in(tmp_path: Path) -> None:
    loaded = load(tmp_path, ONE_DEPLOYMENT)
    assert loaded.gateway.host == "127.0.0.1"
    assert loaded.gateway.port == 8080
    assert loaded.ledger.directory == str(tmp_path / "entrepot-data")
    assert [route.name for route in loaded.routes] == ["auto"]
    assert loaded.deployments[0].secret == "env:OPENAI_API_KEY"
    assert loaded.source == str(tmp_path / "entrepot.toml")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            '[gateway]\n\nprot = 80\n[[deployments]]\nprovider = "openai"\nmodel = "gpt-large"\n',
            "entrepot.toml, line 3: gateway.prot: there is no such setting; did you mean 'port'?",
        ),
        ("[gatway]\n", "entrepot.toml, line 1: gatway: there is no such setting; did you mean 'gateway'?"),
        (
            "gateway = { port = '80' }\n",
            "entrepot.toml, line 1: gateway.port: expected a whole number, got text",
        ),
        ("[gateway]\nport = 70000\n", "entrepot.toml, line 2: gateway.port: must be at most 65535"),
        ("[timeouts]\nidle_s = 0\n", "entrepot.toml, line 2: timeouts.idle_s: must be more than 0"),
        ("[timeouts]\nidle_s = nan\n", "entrepot.toml, line 2: timeouts.idle_s: must be a finite number"),
        ("[timeouts]\nidle_s = 1e999\n", "entrepot.toml, line 2: timeouts.idle_s: is too large a number"),
        ("gateway = true\n", "entrepot.toml, line 1: gateway: expected a table, got true"),
        (
            "[keys]\nname = 'x'\n",
            "entrepot.toml, line 1: keys: expected a list of tables, [[keys]], got a table",
        ),
        (
            "[[routes]]\nname = 'r'\ngoal = 'cheapest_with'\n",
            "entrepot.toml, line 3: routes[0].goal: 'cheapest_with' is not one of the words known here; "
            "did you mean 'cheapest_within'?",
        ),
        (
            "[[deployments]]\nprovider = 'openai'\nmodel='gpt-large'\ncapabilities = [\n  'tools',\n  'image',\n]\n",
            "entrepot.toml, line 6: deployments[0].capabilities[1]: 'image' is not one of the words known here; "
            "did you mean 'images'?",
        ),
        (
            "[[deployments]]\nprovider = 'openai'\n",
            "entrepot.toml, line 1: deployments[0]: 'model' is missing",
        ),
        (
            "[[policy]]\nname = '规则'\nwhen = { tag = ['内部'] }\n",
            "entrepot.toml, line 3: policy[0].when.tag: there is no such setting; did you mean 'tags'?",
        ),
        ("[[keys]]\nname = 'k'\ntags = 'x'\n", "line 3: keys[0].tags: expected a list in [brackets], got text"),
        ("[[keys]]\nname = 'k'\nsha256 = 'abc'\n", "line 3: keys[0].sha256: expected 64 hex digits in lower case"),
        ("[[keys]]\nname = ''\n", "entrepot.toml, line 2: keys[0].name: must not be empty"),
        (
            '[gateway]\n"模型" = 1\n',
            'entrepot.toml, line 2: gateway."模型": there is no such setting; known: ',
        ),
        ("", "entrepot.toml: no [[deployments]]"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_the_nearest_right_word(
    tmp_path: Path, document: str, said: str
) -> None:
    assert said in refuse(tmp_path, document)


def test_every_mistake_of_a_file_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = refuse(tmp_path, "[timeouts]\nidle = 3\ntotal_s = '9'\n[gateway]\nhostname = 'x'\n[[keys]]\n")
    assert said.splitlines() == [
        "entrepot.toml: 4 problems",
        "  entrepot.toml, line 2: timeouts.idle: there is no such setting; did you mean 'idle_s'?",
        "  entrepot.toml, line 3: timeouts.total_s: expected a number, got text",
        "  entrepot.toml, line 5: gateway.hostname: there is no such setting; did you mean 'host'?",
        "  entrepot.toml, line 6: keys[0]: 'name' is missing",
    ]


def test_mistakes_in_different_parts_of_the_meaning_are_told_together(tmp_path: Path) -> None:
    document = """\
[[deployments]]
provider = "opanai"
model = "gpt-large"

[[deployments]]
provider = "openai"
model = "gpt-larg"

[[keys]]
name = "a"
secret = "sk-live-123456789012345678901234567890"

[[policy]]
name = "no deepsek"
deny = { maker = ["deepsek"] }
"""
    said = refuse(tmp_path, document)
    assert "line 2: deployments[0].provider: the catalog knows no provider 'opanai'; did you mean 'openai'?" in said
    assert "line 7: deployments[1].model: the catalog knows no model 'gpt-larg' at openai; did you mean" in said
    assert "line 11: keys[0].secret: write where the secret is found" in said
    assert "line 15: policy[0].deny.maker[0]: there is no maker 'deepsek'; did you mean 'deepseek'?" in said
    assert "sk-live" not in said


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[gateway]\nport = \n", "entrepot.toml, line 2, column 8: not TOML: invalid value"),
        ("[gateway]\nport = 1\nport = 2\n", "entrepot.toml, line 3, column 9: not TOML: cannot overwrite a value"),
        ('a = "x', "entrepot.toml, line 1, column 7: not TOML: unterminated string"),
        ("a = 1\n[b", "entrepot.toml, line 2, column 3: not TOML: expected"),
    ],
)
def test_what_is_not_toml_is_told_with_line_and_column(tmp_path: Path, document: str, said: str) -> None:
    assert refuse(tmp_path, document).startswith(said)


@pytest.mark.parametrize("document", [f"a = {'[' * 5000}{']' * 5000}", f"a = {'9' * 5000}", "a = 1e" + "9" * 30])
def test_what_cannot_be_read_by_anyone_is_told_without_a_traceback(tmp_path: Path, document: str) -> None:
    assert refuse(tmp_path, document) == (
        "entrepot.toml: a number in it is too large, or a list nested too deep, to be read"
    )


def test_what_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_bytes(b"# ok\n# \xb5\xff\n")
    with pytest.raises(SettingsError, match="line 2: not UTF-8"):
        load_settings(path, {}, catalog=SMALL)


def test_a_file_with_a_byte_order_mark_and_dos_line_ends_is_read_with_the_right_lines(tmp_path: Path) -> None:
    path = tmp_path / "entrepot.toml"
    path.write_bytes("\ufeff# x\r\n[gateway]\r\nprot = 1\r\n".encode())
    with pytest.raises(SettingsError, match=r"line 3: gateway\.prot"):
        load_settings(path, {}, catalog=SMALL)


def test_a_file_that_is_not_there_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory; name another file, or write one with"):
        load_settings(tmp_path / "missing.toml", {}, catalog=SMALL)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(document=st.text(alphabet="[]{}=.,\"'# \n\tabk1-_:模", max_size=40))
def test_any_text_is_loaded_or_refused_with_a_settings_error(tmp_path: Path, document: str) -> None:
    said = refuse(tmp_path, document)
    assert said.startswith("entrepot.toml")
    try:
        tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        assert "not TOML" in said


class TestFindingTheFile:
    def test_the_named_file_wins_even_if_it_is_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "entrepot.toml").touch()
        found = find_settings_file(Path("other.toml"), {"ENTREPOT_CONFIG": "/x.toml"}, tmp_path)
        assert found == tmp_path / "other.toml"

    def test_then_the_one_of_the_environment(self, tmp_path: Path) -> None:
        (tmp_path / "entrepot.toml").touch()
        assert find_settings_file(None, {"ENTREPOT_CONFIG": "/x.toml"}, tmp_path) == Path("/x.toml")

    def test_then_the_one_here(self, tmp_path: Path) -> None:
        assert find_settings_file(None, {}, tmp_path) is None
        (tmp_path / "entrepot.toml").touch()
        assert find_settings_file(None, {"ENTREPOT_CONFIG": ""}, tmp_path) == tmp_path / "entrepot.toml"
