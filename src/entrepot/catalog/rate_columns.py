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


def rates_of(tariff: Tariff, input_tokens: Whole, at_s: Doubles, output_tokens: Whole | None = None) -> Doubles:
    """Dollars per token, shape (requests, 4): read in full, from the cache, written to it, and output.

    `output_tokens` matter where a long answer makes a request dearer; without them answers are short. A request so long that
    nobody states its price is taken at that of a short one, as `usd_per_token` has it.
    """
    by_input, by_output = tariff.steps
    wrote = np.zeros_like(input_tokens) if output_tokens is None else output_tokens
    # `above` says "more than", so what equals a step is still below it
    length = np.searchsorted(by_input, input_tokens) * (len(by_output) + 1) + np.searchsorted(by_output, wrote)
    lengths = (len(by_input) + 1) * (len(by_output) + 1)
    grain_s = tariff.grain_s
    if grain_s is not None:
        length = length + (at_s // grain_s).astype(np.int64) * lengths
    elif lengths == 1 and len(length):
        return np.broadcast_to(np.array(tariff.usd_per_kind(0, 0.0)), (len(length), 4))
    told, first, place = np.unique(length, return_index=True, return_inverse=True)
    rates = np.empty((len(told), 4))
    for number, row in enumerate(first.tolist()):
        rates[number] = tariff.usd_per_kind(int(input_tokens[row]), float(at_s[row]), int(wrote[row]))
    return rates[place]
