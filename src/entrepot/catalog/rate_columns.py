"""What tokens cost for many requests at once: the tariff is asked once for all that it cannot tell apart.

Rules of this file: rates are those that the tariff itself names, for estimates and never for the books.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.pricing import Tariff

Whole = NDArray[Any]
Doubles = NDArray[np.float64]

_MINUTE_S = 60


def rates_of(tariff: Tariff, input_tokens: Whole, at_s: Doubles, output_tokens: Whole | None = None) -> Doubles:
    """Dollars per token, shape (requests, 4): read in full, from the cache, written to it, and output.

    `output_tokens` matter where a long answer makes a request dearer; without them answers are short. A request so long that
    nobody states its price is taken at that of a short one, as `usd_per_token` has it.
    """
    by_input, by_output = tariff.steps
    wrote = np.zeros_like(input_tokens) if output_tokens is None else output_tokens
    # `above` says "more than", so what equals a step is still below it
    length = np.searchsorted(by_input, input_tokens) * (len(by_output) + 1) + np.searchsorted(by_output, wrote)
    minute = np.zeros(len(length), np.int64) if tariff.is_steady else (at_s // _MINUTE_S).astype(np.int64)
    lengths = (len(by_input) + 1) * (len(by_output) + 1)
    told, first, place = np.unique(minute * lengths + length, return_index=True, return_inverse=True)
    rates = np.empty((len(told), 4))
    for number, row in enumerate(first.tolist()):
        rates[number] = tariff.usd_per_kind(int(input_tokens[row]), float(at_s[row]), int(wrote[row]))
    return rates[place]
