"""What to simulate, as frozen values that can be written down and handed to another process.

Rules of this file: a plan says everything (names, keys, prices, skill, pace, faults, seed), so two simulators with the same
plan answer alike. Prices have the catalog's shape; what is done with them (`books.py`) is the simulator's own arithmetic.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.catalog.price import Price


class FaultMix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults that come by themselves: `rates` maps a fault (see `faults.py`) to its probability for each request.

    The first `first` requests all get the fault `opening`; afterwards `rates` apply. Draws depend on `seed`, the provider
    and the number of the request, on nothing else.
    """

    rates: dict[str, float] = {}
    seed: int = 0
    first: int = 0
    opening: str = "status:503"


class StandInModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stand-in model.

    `skill` (logits, see `models.py`) makes it solve generated tasks; `replays` names the recorded model whose answers it
    repeats. With neither it echoes. `verbosity` is the typical length of its answers in tokens; `reasoning_tokens` are
    billed beside them (and seen as `reasoning_content` if `shows_reasoning`). `first_token_ms` passes before an answer
    begins and `chunk_ms` between its chunks of `tokens_per_chunk` tokens. One with `dimensions` makes vectors of that length, and
    does nothing else.
    """

    name: str
    price: Price | None = None
    skill: float | None = None
    replays: str | None = None
    verbosity: int = 60
    reasoning_tokens: int = 0
    first_token_ms: float = 0.0
    chunk_ms: float = 0.0
    tokens_per_chunk: int = 4
    shows_reasoning: bool = False
    dimensions: int = 0
    faults: FaultMix | None = None


class StandInProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stand-in provider. `key` is what it expects in its dialect's header; None means that it asks for none.

    `dialect` is what it speaks, one of `wires.WIRES`.
    """

    name: str
    models: tuple[StandInModel, ...]
    key: str | None = None
    dialect: str = "openai-chat"


class LocalServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model server as found on one's own machine: on a port of its own, without prefix. Port 0 takes a free one."""

    provider: StandInProvider
    kind: Literal["ollama", "vllm"] = "ollama"
    port: int = 0


class AnswerKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt of somebody's own with its right answer, for stand-ins that are to know it and slip at times."""

    id: str
    prompt: str
    answer: str


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole simulation.

    `providers` share one port, each under its own path prefix. Models with a `skill` know the `tasks` tasks that `seed`
    generates (`tasks.py`) and the prompts in `keys` (`keyed.py`); models that replay read the folder `outcomes`. `slope` is how
    sharply skill decides.
    """

    providers: tuple[StandInProvider, ...] = ()
    local: tuple[LocalServer, ...] = ()
    seed: int = 0
    tasks: int = 0
    slope: float = 1.0
    keys: tuple[AnswerKey, ...] = ()
    outcomes: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
