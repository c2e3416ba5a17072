"""The gate: every benchmark has a budget in config/latency_budgets.toml, in ns an item; a machine that is slower now
than the reference (a calibration loop beside every benchmark says so) gets as much more.

    python -m pytest benchmarks -o python_files='bench_*.py' -o python_functions='bench_*' --benchmark-disable-gc
"""

from __future__ import annotations

import os
import time
import tomllib
from pathlib import Path

import pytest

from grandmodel.execution._core.journal import crc32c

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = tomllib.loads((ROOT / "config" / "latency_budgets.toml").read_text())
BLOCK = bytes(range(256)) * 4096


def calibration_ns() -> float:
    """A fixed piece of work, native and in Python, in ns: the best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter_ns()
        crc32c(BLOCK)
        total = 0
        for number in range(20_000):
            total += number & 7
        best = min(best, time.perf_counter_ns() - began)
    return best


@pytest.fixture(autouse=True)
def gate(request):
    """After the benchmark: its median per item against its budget."""
    before = calibration_ns()
    benchmark = request.getfixturevalue("benchmark")
    yield
    stats = benchmark.stats
    if stats is None:  # --benchmark-disable
        return
    name = request.node.name
    assert name in BUDGETS, f"{name} has no budget in config/latency_budgets.toml"
    budget = BUDGETS[name]
    scale = max(1.0, max(before, calibration_ns()) / BUDGETS["calibration"]["reference_ns"])
    got = stats.stats.median * 1e9 / budget["items"]
    limit = budget["ns"] * scale
    assert got <= limit, f"{name}: median {got:.1f} ns an item, budget {budget['ns']} x {scale:.2f} = {limit:.1f}"


@pytest.fixture(scope="session")
def amzn_files() -> tuple[Path, Path]:
    """The AMZN day's LOBSTER files, or a skip with the reason."""
    folder = Path(os.environ.get("GRANDMODEL_DATA", ROOT.parent / "shared" / "data")) / "lobster"
    stem = folder / "AMZN_2012-06-21_34200000_57600000"
    if not folder.is_dir():
        pytest.skip(f"no market data at {folder}; GRANDMODEL_DATA names another place")
    return Path(f"{stem}_message_5.csv.xz"), Path(f"{stem}_orderbook_5.csv.xz")
