"""The package's names, what they cost to import, and inputs that are larger than what may be held in memory."""

import inspect
import re
import resource
import subprocess
import sys
import typing

import numpy as np
import pytest

import grandmodel.execution.microstructure as package
from grandmodel.execution.microstructure import lee_ready, order_flow_imbalance, spreads_at_horizons

ESTIMATORS = (
    "depth", "hawkes", "illiquidity", "imbalances", "impact", "microprice", "resilience", "spreads", "toxicity",
    "trades", "volatility", "volume",
)  # fmt: skip


def test_all_is_what_is_visible():
    assert sorted(package.__all__) == sorted(dir(package)) == sorted(package._MODULE_OF)
    assert len(set(package.__all__)) == len(package.__all__)
    with pytest.raises(AttributeError, match="'Spread'"):
        package.Spread  # noqa: B018


@pytest.mark.parametrize("name", package.__all__)
def test_each_name_says_what_it_is(name):
    value = getattr(package, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
    if inspect.isfunction(value):
        assert typing.get_type_hints(value)["return"] is not None
    if inspect.isfunction(value) and value.__module__.rpartition(".")[2] in ESTIMATORS:
        assert f"`{name}`" in package.__doc__, f"{name} is not in the package's table"


def test_the_table_names_only_what_there_is():
    rows = [line.split("|")[1] for line in package.__doc__.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= set(package.__all__)


def test_importing_it_loads_nothing():
    code = "import sys, grandmodel.execution.microstructure; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


QUOTES = np.dtype(
    [("time_ns", "<i8"), ("bid_e9", "<i8"), ("ask_e9", "<i8"), ("bid_quantity", "<i8"), ("ask_quantity", "<i8")]
)


def big(path):
    """Sparse files of 160 MB of quotes and 96 MB of trades, all rows but the last few the same."""
    n = 4_000_000
    quotes = np.memmap(path / "quotes", QUOTES, mode="w+", shape=n)
    trades = np.memmap(
        path / "trades", [("time_ns", "<i8"), ("price_e9", "<i8"), ("quantity", "<i8")], mode="w+", shape=n
    )
    for begin in range(0, n, 1 << 18):
        rows = slice(begin, min(begin + (1 << 18), n))
        time = np.arange(rows.start, rows.stop) * 1_000
        quotes["time_ns"][rows], trades["time_ns"][rows] = time, time + 500
        quotes["bid_e9"][rows], quotes["ask_e9"][rows] = 10_000_000_000, 10_020_000_000
        quotes["bid_quantity"][rows] = quotes["ask_quantity"][rows] = time // 1_000 % 7
        trades["price_e9"][rows], trades["quantity"][rows] = 10_020_000_000, 100
    quotes.flush()
    trades.flush()


CHILD = """
import resource, sys
from pathlib import Path
import numpy as np
from grandmodel.execution.microstructure import lee_ready, order_flow_imbalance, spreads_at_horizons
sys.path.insert(0, {tests!r})
from microstructure.test_package import QUOTES
path = Path({path!r})
quotes = np.memmap(path / "quotes", QUOTES, mode="r")
trades = np.memmap(path / "trades", [("time_ns", "<i8"), ("price_e9", "<i8"), ("quantity", "<i8")], mode="r")
sides = np.memmap(path / "sides", np.int8, mode="w+", shape=len(trades))
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (16 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
lee_ready(trades["time_ns"], trades["price_e9"], quotes["time_ns"], quotes["bid_e9"], quotes["ask_e9"], out=sides)
got = spreads_at_horizons(trades["time_ns"], trades["price_e9"], trades["quantity"],
                          quotes["time_ns"], quotes["bid_e9"], quotes["ask_e9"], side=sides, horizons_s=(1.0,))
print(int(sides.sum()), f"{{got.effective_bps:.4f}} {{got.impact_bps:.4f}}", got.trades)
try:
    np.ascontiguousarray(quotes["bid_e9"])
except MemoryError:
    print("a copy has no room")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_maps_larger_than_the_memory_that_is_left(tmp_path):
    """256 MB of rows with 16 MB of address space to spare: one column as a copy would need 32 MB."""
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    big(tmp_path)
    code = CHILD.format(tests=str(__file__).rsplit("/", 2)[0], path=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts, spread, copy = (
        done.stdout.splitlines()[0].split(" ", 1)[0],
        done.stdout.splitlines()[0],
        done.stdout.splitlines()[1],
    )
    assert counts == "4000000"
    assert spread.startswith("4000000 19.9800 0.0000 4000000")
    assert copy == "a copy has no room"


def test_out_is_written_in_place():
    out, sides = np.zeros((2, 1)), np.zeros(2, np.int8)
    quotes = ([1.0, 1.0, 1.0], [1, 2, 3], [2.0, 2.0, 2.0], [3, 3, 3])
    flat = np.zeros(2)
    assert order_flow_imbalance(*quotes, out=flat) is flat
    assert flat.tolist() == [1, 1]
    order_flow_imbalance(*(np.array(x)[:, None] for x in quotes), out=out)
    assert out.ravel().tolist() == [1, 1]
    assert lee_ready([1, 2], [1.9, 1.1], [0], [1.0], [2.0], out=sides) is sides
    assert sides.tolist() == [1, -1]
    sides.flags.writeable = False
    with pytest.raises(ValueError, match="contiguous and writable"):
        lee_ready([1, 2], [1.9, 1.1], [0], [1.0], [2.0], out=sides)
    assert spreads_at_horizons([1], [1.9], [5], [0], [1.0], [2.0], end_ns=10**12).trades == 1
