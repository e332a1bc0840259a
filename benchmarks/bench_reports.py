"""How long each report takes over a year of entries: milliseconds, the median of five.

    python benchmarks/bench_reports.py [--rows 100000]

Rows are made as in `bench_ledger.py`. Nothing is asserted: the numbers are printed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time

from bench_ledger import Traffic, make_entry

from entrepot.ledger.sqlite import open_sqlite, open_sqlite_reader
from entrepot.reports.contents import REPORTS, Question, tables_of

_REPEATS = 5
_BATCH = 8_000


def main() -> None:
    """Make a ledger, then ask it for every report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    chance = random.Random(1)  # noqa: S311 - made-up rows
    with tempfile.TemporaryDirectory() as folder:
        with open_sqlite(folder) as store:
            for first in range(0, rows, _BATCH):
                store.insert(
                    [make_entry(number, chance, Traffic(rows)) for number in range(first, min(rows, first + _BATCH))]
                )
        with open_sqlite_reader(folder) as reader:
            print(f"{rows:,} entries")
            for report in REPORTS:
                took = []
                for _ in range(_REPEATS):
                    began = time.process_time()
                    list(tables_of(report, Question(reader, time.time_ns())))
                    took.append((time.process_time() - began) * 1000)
                print(f"{report:12} {statistics.median(took):9.1f} ms of CPU")


if __name__ == "__main__":
    main()
