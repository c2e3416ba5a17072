"""Costs of ten million fills side by side with NumPy, polars, pandas and DuckDB, in one process, on one core.

    pip install polars pandas duckdb
    python benchmarks/compare_costs.py [--fills 10000000]

Each gets the same columns in the form that it takes fastest (floats for the others, which have no exact sums), prepared
before the clock starts, and gives the same results, which are compared. Numbers are medians: seconds by the clock, and
seconds of the processor, which others on the machine do not lengthen by waiting. One part reads the fills from Parquet,
in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"  # before polars is imported
import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from market_fills import HORIZONS, SECOND, Columns, make_fills, make_orders, make_quotes, make_times

from grandmodel.execution._core.costs import implementation_shortfall
from grandmodel.execution.analytics.asof import as_of
from grandmodel.execution.analytics.columns import order_costs

SYMBOLS = 1_000
PER_ORDER = 100  # fills
KEYS = ("side", "quantity", "decision_e9", "arrival_e9", "end_e9", "fees_e9")
MIDS = tuple(f"mid_{h // SECOND}" for h in HORIZONS)

Run = Callable[[], Any]


def floats(columns: Columns) -> Columns:
    """Prices in the currency, quantities as floats: what the others sum fastest."""
    out = {n[:-3]: v / 1e9 for n, v in columns.items() if n.endswith("_e9")}
    return out | {n: v.astype(float) if n in ("quantity", "side") else v for n, v in columns.items() if n[-3:] != "_e9"}


def parts(o: Columns, filled: Any, notional: Any) -> dict[str, Any]:
    side, size, paid = o["side"], o["quantity"], o["decision"]
    return {
        "vwap": notional / filled,
        "delay": side * filled * (o["arrival"] - paid),
        "trading": side * (notional - filled * o["arrival"]),
        "opportunity": side * (size - filled) * (o["end"] - paid),
        "total": side * (notional - filled * paid + (size - filled) * (o["end"] - paid)) + o["fees"],
    }


def measures(o: Columns, sums: dict[str, Any]) -> dict[str, Any]:
    out = parts(o, sums["filled"], sums["notional"])
    out["slippage"] = o["side"] * (out["vwap"] / o["vwap"] - 1) * 1e4
    out["capture"] = o["side"] * sums["earned"] / sums["there"]
    for mid in MIDS:
        out[mid] = o["side"] * sums[mid] / sums["notional"] * 1e4
    return out


def with_numpy(o: Columns, f: Columns, *, full: bool) -> Run:
    def run() -> dict[str, Any]:
        order, q, p = f["order"], f["quantity"], f["price"]

        def total(values: Any) -> Any:
            return np.bincount(order, values, len(o["side"]))

        sums = {"filled": total(q), "notional": total(q * p)}
        if not full:
            return parts(o, **sums)
        sums["earned"] = total(q * (f["bid"] + f["ask"] - 2 * p))
        sums["there"] = total(q * (f["ask"] - f["bid"]))
        return measures(o, sums | {mid: total(q * (f[mid] - p)) for mid in MIDS})

    return run


def with_polars(o: Columns, f: Columns, *, full: bool) -> Run:
    import polars as pl

    frame = pl.DataFrame(f)
    q, p = pl.col("quantity"), pl.col("price")
    wanted = [q.sum().alias("filled"), (q * p).sum().alias("notional")]
    if full:
        wanted += [
            (q * (pl.col("bid") + pl.col("ask") - 2 * p)).sum().alias("earned"),
            (q * (pl.col("ask") - pl.col("bid"))).sum().alias("there"),
            *((q * (pl.col(mid) - p)).sum().alias(mid) for mid in MIDS),
        ]

    def run() -> dict[str, Any]:
        grouped = frame.lazy().group_by("order").agg(wanted).collect().sort("order")
        assert len(grouped) == len(o["side"])
        sums = {name: grouped[name].to_numpy() for name in grouped.columns if name != "order"}
        return measures(o, sums) if full else parts(o, **sums)

    return run


def with_pandas(o: Columns, f: Columns, *, full: bool) -> Run:
    import pandas as pd

    frame = pd.DataFrame(f)

    def run() -> dict[str, Any]:
        q, p = frame["quantity"], frame["price"]
        made = {"filled": q, "notional": q * p}
        if full:
            made["earned"] = q * (frame["bid"] + frame["ask"] - 2 * p)
            made["there"] = q * (frame["ask"] - frame["bid"])
            made |= {mid: q * (frame[mid] - p) for mid in MIDS}
        grouped = pd.DataFrame(made).groupby(frame["order"], sort=True).sum()
        sums = {name: grouped[name].to_numpy() for name in made}
        return measures(o, sums) if full else parts(o, **sums)

    return run


def ours(o: Columns, f: Columns, *, full: bool) -> Run:
    def run() -> dict[str, Any]:
        if not full:
            got = implementation_shortfall(*(o[k] for k in KEYS), f["order"], f["quantity"], f["price_e9"]).columns()
        else:
            got = order_costs(o, f).columns()
        out = {n: got[f"{n}_e9"] / 1e9 for n in ("delay", "trading", "opportunity", "total")}
        out["vwap"] = got["average_price"]
        if full:
            out |= {"slippage": got["vwap_slippage_bps"], "capture": got["spread_capture"]}
            out |= {mid: got[f"markout_{mid[4:]}_bps"] for mid in MIDS}
        return out

    return run


def joins(f: Columns, q: Columns) -> dict[str, Run]:
    def native() -> Any:
        return as_of(
            f["time_ns"], q["time_ns"], q["bid_e9"], q["ask_e9"], symbol=f["symbol"], quote_symbol=q["symbol"],
            horizons_ns=HORIZONS,
        )[0]  # fmt: skip

    def numpy() -> Any:
        """Symbol by symbol: the fills sorted, then searchsorted."""
        out = np.empty((len(f["symbol"]), len(HORIZONS)), np.int64)
        order = np.lexsort((f["time_ns"], f["symbol"]))
        begin = np.searchsorted(q["symbol"], np.arange(SYMBOLS + 1))
        first = np.searchsorted(f["symbol"][order], np.arange(SYMBOLS + 1))
        mid, end = (q["bid_e9"] + q["ask_e9"]) // 2, q["time_ns"].max()
        for s in range(SYMBOLS):
            rows, times = order[first[s] : first[s + 1]], q["time_ns"][begin[s] : begin[s + 1]]
            at = f["time_ns"][rows]
            for k, h in enumerate(HORIZONS):
                found = np.searchsorted(times, at + h, "right") - 1
                known = (found >= 0) & (at + h <= end)
                out[rows, k] = np.where(known, mid[begin[s] + np.maximum(found, 0)], -(2**63))
        return out

    def polars() -> Any:
        import polars as pl

        quotes = pl.DataFrame(
            {"symbol": q["symbol"], "at": q["time_ns"], "mid": (q["bid_e9"] + q["ask_e9"]) // 2}
        ).set_sorted("at")
        fills = pl.DataFrame({"symbol": f["symbol"], "time": f["time_ns"]}).with_row_index().sort("symbol", "time")
        columns = [
            fills.with_columns(at=pl.col("time") + h)
            .join_asof(quotes, on="at", by="symbol", check_sortedness=False)
            .sort("index")["mid"]
            .to_numpy()
            for h in HORIZONS
        ]
        return np.column_stack(columns)

    return {"grandmodel": native, "numpy": numpy, "polars": polars}


Seconds = tuple[float, float]  # by the clock, of the processor


def once(run: Run) -> tuple[Seconds, Any]:
    began = time.perf_counter(), time.process_time()
    result = run()
    return (time.perf_counter() - began[0], time.process_time() - began[1]), result


def middle(taken: list[Seconds]) -> Seconds:
    return median(clock for clock, _ in taken), median(processor for _, processor in taken)


def timed(runs: dict[str, Run], rounds: int) -> tuple[dict[str, Seconds], dict[str, Any]]:
    """Median seconds of each, taking turns: what else the machine does meets all."""
    taken: dict[str, list[Seconds]] = {name: [] for name in runs}
    results = {}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds, results[name] = once(run)
            taken[name].append(seconds)
    return {name: middle(seconds) for name, seconds in taken.items()}, results


def show(what: str, seconds: dict[str, Seconds], asked: float) -> None:
    print(f"{what:<64} {'asked':>10} {asked:7.3f}")
    for name, (clock, processor) in seconds.items():
        print(f"{'':<64} {name:>10} {clock:7.3f} {processor:7.3f}")
    sys.stdout.flush()


def same(results: dict[str, Any], tolerance: float) -> None:
    mine = results["grandmodel"]
    for name, theirs in results.items():
        for key in mine:
            np.testing.assert_allclose(mine[key], theirs[key], rtol=1e-6, atol=tolerance, err_msg=f"{name} {key}")


def from_parquet(path: str, orders: int) -> None:
    """A process of its own: seconds and the most memory it had."""
    import duckdb

    o = make_orders(orders, np.full(orders, 10**6))

    def run() -> Any:
        with duckdb.connect(config={"threads": 1}) as connection:
            return order_costs(o, connection.sql(f"SELECT * FROM '{path}'"))

    clock, processor = middle([once(run)[0] for _ in range(5)])
    status = Path("/proc/self/status").read_text()  # getrusage counts what its parent had
    print(clock, processor, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fills", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parquet", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.parquet:
        from_parquet(arguments.parquet, arguments.fills // PER_ORDER)
        return 0
    n, orders = arguments.fills, arguments.fills // PER_ORDER
    makers = {"grandmodel": ours, "numpy": with_numpy, "polars": with_polars, "pandas": with_pandas}
    for by_order in (True, False):
        f = make_fills(n, orders, by_order=by_order)
        o = make_orders(orders, np.bincount(f["order"], f["quantity"], orders).astype(np.int64))
        as_floats = floats(o), floats(f)
        plain, whole = (False, "VWAP and shortfall", 0.05), (True, "every part, spread, four markouts", 0.25)
        for full, what, asked in (plain, whole):
            runs = {name: make(*((o, f) if make is ours else as_floats), full=full) for name, make in makers.items()}
            seconds, results = timed(runs, arguments.rounds)
            same(results, 1e-4)
            show(f"{what}; {n:,} fills {'by order' if by_order else 'by time'}", seconds, asked)
    with tempfile.TemporaryDirectory() as folder:
        import duckdb

        path = str(Path(folder) / "fills.parquet")
        with duckdb.connect() as connection:
            connection.register("fills", f)
            connection.execute(f"COPY fills TO '{path}' (FORMAT parquet)")
        command = [sys.executable, __file__, "--parquet", path, "--fills", str(n)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        clock, processor, memory = float(told[0]), float(told[1]), int(told[2]) / 1e6
        show(f"from Parquet, {memory:,.0f} MB of memory (asked: 2,000)", {"grandmodel": (clock, processor)}, 1.5)
    del f, o, as_floats, runs, results
    q = make_quotes(5 * n, SYMBOLS)
    for by_symbol in (True, False):
        fills = make_times(n, SYMBOLS, by_symbol=by_symbol)
        seconds, results = timed(joins(fills, q), min(arguments.rounds, 3))
        assert (results["grandmodel"] == results["numpy"]).all()
        show(f"as-of, {n:,} x 4 on {5 * n:,}; fills {'by symbol' if by_symbol else 'any order'}", seconds, 2.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
