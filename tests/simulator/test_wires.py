import pytest

from entrepot.errors import SettingsError
from entrepot.simulator.wires import WIRES, wire_of


@pytest.mark.parametrize("dialect", WIRES)
def test_a_wire_is_found_by_its_dialect(dialect: str) -> None:
    wire = wire_of(dialect)
    assert wire.base_path == "" or wire.base_path.startswith("/")
    assert all(path.startswith("/") for path in wire.models_paths)


def test_a_dialect_that_no_stand_in_speaks_is_an_error_that_names_the_others() -> None:
    with pytest.raises(SettingsError, match="openai-chat"):
        wire_of("telex")
