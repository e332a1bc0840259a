"""What looking into a request costs, and what many rules cost: CPU milliseconds, on texts all different.

Run with `python benchmarks/detection.py`. The first table is for 100 kB of each kind of text, the least and the median of its
readings; the second for the gate with 10 to 10,000 rules, of which a few apply, first asked and asked again.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from functools import partial

from entrepot.catalog.schema import Deployment
from entrepot.policy.eligibility import Gate
from entrepot.policy.numbers import load_numbers
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.policy.sensitive import KINDS, Detector

BYTES = 100_000
READINGS = 9
ENGLISH = (
    "the parties agree that payment is due within thirty days of receipt and that notice be given in writing".split()
)
CHINESE = "双方 同意 在 收到 发票 后 三十日 内 付款 并 以 书面 形式 通知 对方 违约 责任 由 过错 方 承担".split()
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "English prose": lambda chance: chance.choice(ENGLISH) + " ",
    "Chinese prose": lambda chance: chance.choice(CHINESE),
    "prose with numbers": lambda chance: (
        f"{chance.choice(ENGLISH)} {chance.choice(['', '', '', chance.randrange(10**9)])} "
    ),
    "prose, a find in 100 words": lambda chance: (
        f"{chance.choice(ENGLISH)} {'13812345678 ' if chance.random() < 0.01 else ''}"
    ),
    "JSON": lambda chance: f'{{"id": {chance.randrange(10**8)}, "name": "{chance.choice(ENGLISH)}"}},\n',
    "numbers and commas": lambda chance: f"{chance.randrange(10 ** chance.randrange(1, 14))},",
    "list of customers": lambda chance: (
        f"{chance.randrange(10**6)},{chance.choice(ENGLISH)} {chance.choice(ENGLISH)},{chance.choice(ENGLISH)}"
        f"{chance.randrange(1000)}@mail.co,138{chance.randrange(10**8):08},{chance.choice(ENGLISH)} street\n"
    ),
    "phone numbers only": lambda chance: f"138{chance.randrange(10**8):08} ",
    "digits only": lambda chance: str(chance.randrange(10)),
    "@ only": lambda _chance: "@",
    "a@ only": lambda _chance: "a@",
    "1 1 1": lambda _chance: "1 ",
}


def text_of(make: Callable[[random.Random], str], chance: random.Random) -> str:
    """About BYTES bytes."""
    pieces: list[str] = []
    length = 0
    while length < BYTES:
        pieces.append(make(chance))
        length += len(pieces[-1].encode())
    return "".join(pieces)


def cpu_ms(run: Callable[[], object]) -> float:
    """CPU milliseconds of one run."""
    begun = time.process_time()
    run()
    return (time.process_time() - begun) * 1000


def measure_detection() -> None:
    """Print the first table."""
    detector = Detector(KINDS, load_numbers(), phone_regions=("CN", "US", "GB", "DE", "FR"))
    chance = random.Random(7)  # noqa: S311 - texts to measure, no secrets
    detector.find(text_of(MAKERS["phone numbers only"], chance))  # what the libraries load when first asked
    print(f"{'100 kB of':<28}{'least':>8}{'median':>8}  finds")
    for name, make in MAKERS.items():
        texts = [text_of(make, chance) for _ in range(READINGS)]
        times = [cpu_ms(lambda text=text: detector.find(text)) for text in texts]
        print(f"{name:<28}{min(times):>8.1f}{statistics.median(times):>8.1f}  {len(detector.find(texts[0]))}")


def measure_rules() -> None:
    """Print the second table."""
    deployments = [
        Deployment(f"d{i}", f"m{i}", "maker", "CN", f"p{i}", "US", "US", "https://h.example", "openai-chat", f"m{i}")
        for i in range(20)
    ]
    principals = [Principal(f"key-{i}", f"team-{i % 50}", frozenset({f"tag-{i}"})) for i in range(1000)]
    print(f"\n{'rules':<10}{'first, ms':>12}{'again, ms':>12}   (20 deployments, 1,000 keys)")
    for count in (10, 100, 1_000, 10_000):
        rules = [Rule(f"r{i}", When(keys=(f"key-{i}",)), deny=Facts(region=("CN",))) for i in range(count)]
        gate = Gate(deployments, Rulebook(rules))
        first, again = (cpu_ms(partial(ask, gate, principals)) / len(principals) for _ in range(2))
        print(f"{count:<10,}{first:>12.4f}{again:>12.4f}")


def ask(gate: Gate, principals: list[Principal]) -> None:
    """One request of each."""
    for principal in principals:
        gate.check(principal, frozenset(), 100)


if __name__ == "__main__":
    measure_detection()
    measure_rules()
