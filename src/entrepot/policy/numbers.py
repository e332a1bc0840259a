"""Whether digits of the right shape are a real number of their kind, by python-stdnum and phonenumbers.

Rules of this file: pure once loaded. Both libraries come with the `detect` extra and are imported when they are first needed,
because they cost 200 ms and 30 MB that an installation without such rules need not pay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from entrepot.errors import OperatorError

Valid = Callable[[str], bool]

# Kind of national number -> the module of python-stdnum that knows its check digits.
_NATIONAL = {
    "br_cpf": "stdnum.br.cpf",
    "cn_id": "stdnum.cn.ric",
    "de_tax_id": "stdnum.de.idnr",
    "es_dni": "stdnum.es.dni",
    "fr_nir": "stdnum.fr.nir",
    "gb_nhs": "stdnum.gb.nhs",
    "in_aadhaar": "stdnum.in_.aadhaar",
    "it_codice_fiscale": "stdnum.it.codicefiscale",
    "kr_rrn": "stdnum.kr.rrn",
    "nl_bsn": "stdnum.nl.bsn",
    "pl_pesel": "stdnum.pl.pesel",
    "us_ssn": "stdnum.us.ssn",
}
_OTHERS = {"card": "stdnum.luhn", "iban": "stdnum.iban"}


class Numbers(NamedTuple):
    """`valid` by kind of number, each given bare digits and letters; `phone` with the countries whose own form counts."""

    valid: dict[str, Valid]
    phone: Callable[[str, Sequence[str]], bool]


def load_numbers() -> Numbers:
    """The validators. Raises OperatorError if the libraries are not installed."""
    try:
        modules = {kind: import_module(name) for kind, name in (_NATIONAL | _OTHERS).items()}
        phonenumbers = import_module("phonenumbers")
    except ImportError as error:
        raise OperatorError(
            f"a rule or route looks for personal data, and {error.name} is not installed: pip install 'entrepot[detect]'"
        ) from error
    return Numbers({kind: module.is_valid for kind, module in modules.items()}, _phone_by(phonenumbers))


def _phone_by(library: ModuleType) -> Callable[[str, Sequence[str]], bool]:
    def is_phone(text: str, regions: Sequence[str]) -> bool:
        for region in (None,) if text.startswith("+") else regions:
            try:
                parsed = library.parse(text, region)
            except library.NumberParseException:
                continue
            if library.is_valid_number(parsed):
                return True
        return False

    return is_phone
