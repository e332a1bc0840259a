from __future__ import annotations

import json

from entrepot.settings.json_schema import build_schema, read_shipped_schema, render_schema


def test_the_schema_that_ships_is_the_one_that_is_generated() -> None:
    assert read_shipped_schema() == render_schema(), "write it anew: python -m entrepot.settings.json_schema"


def test_the_schema_speaks_toml_where_numbers_are_prices_and_nothing_is_null() -> None:
    text = render_schema()
    assert "null" not in text
    price = build_schema()["$defs"]["PriceTable"]["properties"]["input_per_mtok"]
    assert price == {"description": "Per million input tokens.", "minimum": 0, "type": "number"}


def test_every_key_that_is_ours_says_what_it_is() -> None:
    tables = {name: shape for name, shape in json.loads(render_schema())["$defs"].items() if name.endswith("Table")}
    assert len(tables) >= 13
    for name, shape in tables.items():
        for key, schema in shape["properties"].items():
            assert schema.get("description"), f"{name}.{key}"
