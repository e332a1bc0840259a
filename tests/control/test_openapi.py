from __future__ import annotations

from entrepot.control.api import ENDPOINTS, ROOT, document
from tests.control.admin import Admin


def test_every_endpoint_is_described_with_what_it_reads_and_what_may_go_wrong() -> None:
    described = document()
    for endpoint in ENDPOINTS:
        operation = described["paths"][f"{ROOT}{endpoint.path}"][endpoint.method.lower()]
        assert operation["summary"].endswith(".")
        assert ("requestBody" in operation) == (endpoint.method in ("POST", "PUT", "PATCH"))
        assert {"200", "400", "401", "403", "500"} <= set(operation["responses"])


def test_a_documents_name_may_be_left_to_the_path() -> None:
    schemas = document()["components"]["schemas"]
    assert "name" not in schemas["Rule"]["required"]
    assert schemas["Budget"]["required"] == ["amount_usd"]
    assert "name" in schemas["KeyBody"]["required"]


def test_the_cookie_that_is_described_is_the_one_that_is_set(admin: Admin) -> None:
    login = admin.ask("POST", "login", {"key": admin.key}, key="")
    described = document()["components"]["securitySchemes"]["session"]["name"]
    assert login.headers[b"set-cookie"].startswith(f"{described}=".encode())


def test_the_document_needs_no_key(admin: Admin) -> None:
    answered = admin.ask("GET", "/openapi.json", key="")
    assert answered.status == 200
    assert answered.json["openapi"] == "3.1.0"
