"""Shared by all tests: where the real market data lies, and no deadline for property tests on a slow machine."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# `.ci/run` sets GRANDMODEL_REPEATABLE: it tries the same examples each time; new ones are looked for everywhere else.
settings.register_profile("grandmodel", deadline=None, derandomize="GRANDMODEL_REPEATABLE" in os.environ)
settings.load_profile("grandmodel")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real market data; its licence does not let it into this repository."""
    folder = Path(os.environ.get("GRANDMODEL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no market data at {folder}; GRANDMODEL_DATA names another place")
    return folder


@pytest.fixture(scope="session")
def hand_day() -> tuple[Path, Path]:
    """A small hand-made LOBSTER file pair."""
    stem = ROOT / "tests" / "data" / "HAND_2012-06-21_34200000_57600000"
    return Path(f"{stem}_message_3.csv"), Path(f"{stem}_orderbook_3.csv")


@pytest.fixture(scope="session")
def amzn_files(market_data: Path) -> tuple[Path, Path]:
    """Message and order book file of the AMZN day, five levels."""
    stem = market_data / "lobster" / "AMZN_2012-06-21_34200000_57600000"
    return Path(f"{stem}_message_5.csv.xz"), Path(f"{stem}_orderbook_5.csv.xz")


@pytest.fixture(scope="module", autouse=True)
def no_engines_left():
    """Engines lie in reference cycles, and each has files open: what a module has let go of is closed with it."""
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def no_tails_left(tmp_path_factory):
    """The tails of journals whose engines the tests killed would stay in memory for good."""
    from reference.journal import DamagedError, last_mark

    yield
    gc.collect()
    for control in tmp_path_factory.getbasetemp().rglob("control"):
        try:
            tail = last_mark(control.parent)["tail"]
        except (DamagedError, OSError):
            continue
        if tail:
            Path(tail).unlink(missing_ok=True)
