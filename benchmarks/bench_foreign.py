"""Somebody else's files: 300,000 fills against 500,000 quotes, CSV, by DuckDB and by the plain reader.

    python benchmarks/bench_foreign.py [FILLS] [QUOTES]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grandmodel.execution.analytics import foreign_csv
from grandmodel.execution.analytics.foreign import analyse

COLUMNS = {"fills": {name: name for name in
                     ("order", "fill", "symbol", "side", "quantity", "price", "time", "venue")},
           "quotes": {name: name for name in ("symbol", "time", "bid", "ask")}}  # fmt: skip


def write_files(folder: Path, fills: int, quotes: int, *, seed: int = 1) -> tuple[Path, Path]:
    """A day's fills of a hundred to an order, in twenty symbols, and its quotes."""
    draw, begin = random.Random(seed), datetime(2025, 1, 2, 14, 30)
    with (folder / "fills.csv").open("w") as file:
        file.write(",".join(COLUMNS["fills"]) + "\n")
        for k in range(fills):
            at = begin + timedelta(microseconds=k * 70_000 + draw.randrange(70_000))
            file.write(f"o{k // 100},{k},S{k // 100 % 20},{'buy' if k // 100 % 2 else 'sell'},"
                       f"{100 * draw.randrange(1, 9)},{100 + draw.randrange(-500, 500) / 100:.2f},"
                       f"{at.isoformat(timespec='microseconds')}Z,V{draw.randrange(6)}\n")  # fmt: skip
    with (folder / "quotes.csv").open("w") as file:
        file.write(",".join(COLUMNS["quotes"]) + "\n")
        for k in range(quotes):
            at = begin + timedelta(microseconds=k * 46_000 + draw.randrange(46_000))
            bid = 100 + draw.randrange(-500, 500) / 100
            file.write(f"S{k % 20},{at.isoformat(timespec='microseconds')}Z,{bid:.2f},{bid + 0.02:.2f}\n")
    return folder / "fills.csv", folder / "quotes.csv"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("foreign"), 30_000, 50_000)


def bench_foreign_csv(benchmark, files):
    pytest.importorskip("duckdb", reason="CSV is then read by the plain reader")
    benchmark.pedantic(analyse, args=(files[0], COLUMNS), kwargs={"quotes": files[1]}, rounds=3, warmup_rounds=1)


def main() -> None:
    counts = [int(text) for text in sys.argv[1:3]] or [300_000, 500_000]
    with tempfile.TemporaryDirectory() as name:
        fills, quotes = write_files(Path(name), *counts)
        for label, least in (("DuckDB", 0), ("plain", sys.maxsize)):
            foreign_csv._LEAST = least
            began = time.perf_counter()
            result = analyse(fills, COLUMNS, quotes=quotes)
            print(f"{label:<7} {time.perf_counter() - began:5.2f} s  {result.summary['slippage_mid_bps']:.6f} bps")


if __name__ == "__main__":
    main()
