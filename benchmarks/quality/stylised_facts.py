"""Writes docs/synthetic_market.md and its pictures: what the synthetic market is like, next to recorded days.

    GRANDMODEL_DATA=<folder of the recordings> python benchmarks/quality/stylised_facts.py

Without the recordings the page has the synthetic market alone. Takes one to two minutes. Nothing of a recording but
these figures is written.
"""

from __future__ import annotations

import lzma
import math
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from grandmodel.execution._core.synthetic import FlowModel, SyntheticMarket
from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core, make_instruments, make_venues
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation.queues import mid_up_first, queue_distribution, santa_fe_spread
from grandmodel.execution.venues.paper import paper_market

sys.path.insert(0, str(Path(__file__).parent))
from charts import chart

DOCS = Path(__file__).parents[2] / "docs"
SECOND = 10**9
OPEN = 1_735_828_200 * SECOND  # 2025-01-02, 09:30 in New York
SESSION_SECONDS = 23_400
LIVELY = {
    "order_size": "pareto", "size_tail": 1.5, "clustering": {"branching": 0.75, "decay_seconds": 5},
    "metaorders": {"count": 8}, "depth": 4,
}  # fmt: skip
MODES: dict[str, dict[str, Any]] = {
    "plain": {"events_per_second": 8},
    "shallow": {"events_per_second": 8, "depth": 2},
    "lively": {"events_per_second": 8, **LIVELY},
}
WHAT = {
    "plain": "the paper market as it is without a word about it: zero intelligence, books ten times as deep as "
    "the paper's, the volume of a session",
    "shallow": "the same with `depth: 2`",
    "lively": "`depth: 4`, `order_size: pareto`, `clustering: {branching: 0.75, decay_seconds: 5}`, "
    "`metaorders: {count: 8}`",
}
LAGS = (1, 2, 5, 10, 20, 50, 100, 200)
SCALES = (1, 2, 5, 10, 20, 60, 120, 300, 600)


@dataclass
class Day:
    """One session of one instrument: times in seconds from the open, prices in ticks, sizes in shares."""

    name: str
    time: np.ndarray  # of each change of the best prices
    bid: np.ndarray
    ask: np.ndarray
    trade_time: np.ndarray  # of each market order
    trade_sign: np.ndarray
    trade_size: np.ndarray
    event_time: np.ndarray
    levels: list[float] = field(default_factory=list)  # mean size at the best price, the next, ...

    def mids(self, seconds: float) -> np.ndarray:
        """The mid on a grid, ticks."""
        grid = np.arange(0.0, SESSION_SECONDS + 1e-9, seconds)
        place = np.clip(np.searchsorted(self.time, grid, "right") - 1, 0, None)
        return (self.bid[place] + self.ask[place]) / 2

    def spread(self) -> tuple[float, float]:
        """(mean in ticks, share of time at one tick)."""
        lasts = np.diff(np.append(self.time, SESSION_SECONDS))
        width = self.ask - self.bid
        good = (width > 0) & (lasts > 0)
        return float(np.average(width[good], weights=lasts[good])), float(
            np.average(width[good] == 1, weights=lasts[good])
        )


# ---- the synthetic market ----


def synthetic(name: str, seed: int = 1) -> Day:
    config = load_config({"mode": "simulation", "seed": seed, "market": MODES[name]})
    instruments = make_instruments([config.catalog()["AAPL"]])
    market = paper_market(make_venues(config, instruments), config, OPEN)
    rows = np.concatenate([market.record("AAPL", OPEN), market.record("AAPL", OPEN + SESSION_SECONDS * SECOND)])
    return from_rows(name, rows)


def from_rows(name: str, rows: np.ndarray) -> Day:
    """Replays rows by order into levels by price, over all venues."""
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    best: list[tuple[float, int, int]] = []
    trades: list[list[float]] = []
    sums, looks, next_look = np.zeros(10), 0, 0.0
    columns = [rows[c].tolist() for c in ("time_ns", "action", "side", "price_e9", "quantity")]
    for t, action, side, price, quantity in zip(*columns, strict=True):
        levels, tick, seconds = sides[side], price // 10**7, (t - OPEN) / SECOND
        if action == 1:
            levels[tick] = levels.get(tick, 0) + quantity
        elif levels[tick] == quantity:
            del levels[tick]
        else:
            levels[tick] -= quantity
        if seconds < 0:
            continue
        if action == 4:
            if trades and trades[-1][0] == seconds and trades[-1][1] == -side:
                trades[-1][2] += quantity
            else:
                trades.append([seconds, -side, quantity])
        if sides[1] and sides[-1]:
            bid, ask = max(sides[1]), min(sides[-1])
            if not best or best[-1][1:] != (bid, ask):
                best.append((seconds, bid, ask))
        if seconds >= next_look:
            for s in (1, -1):
                nearest = sorted(sides[s], reverse=s > 0)[:10]
                sums[: len(nearest)] += [sides[s][k] for k in nearest]
            looks, next_look = looks + 2, next_look + 60
    time, bid, ask = np.array(best).T
    trade = np.array(trades)
    events = (rows["time_ns"] - OPEN) / SECOND
    return Day(
        name, time, bid, ask, trade[:, 0], trade[:, 1], trade[:, 2], np.unique(events[events >= 0]), list(sums / looks)
    )


# ---- recorded days ----


def lobster(folder: Path, symbol: str, levels: int) -> Day:
    stem = f"{symbol}_2012-06-21_34200000_57600000"
    message = _table(folder / "lobster" / f"{stem}_message_{levels}.csv.xz")
    book = _table(folder / "lobster" / f"{stem}_orderbook_{levels}.csv.xz")
    seconds = message[:, 0] - 34_200
    shown = message[:, 1] == 4
    orders = [[t, -side, size] for t, side, size in message[shown][:, [0, 5, 3]]]
    merged: list[list[float]] = []
    for t, side, size in orders:  # one market order's executions have one time
        if merged and merged[-1][0] == t and merged[-1][1] == side:
            merged[-1][2] += size
        else:
            merged.append([t, side, size])
    trade = np.array(merged)
    sizes = (book[:, 1::4].mean(axis=0) + book[:, 3::4].mean(axis=0)) / 2
    return Day(
        symbol,
        seconds,
        book[:, 2] / 100,
        book[:, 0] / 100,
        trade[:, 0] - 34_200,
        trade[:, 1],
        trade[:, 2],
        seconds,
        list(sizes),
    )


def nasdaq(folder: Path, symbol: str) -> Day:
    """Market orders of a day with the best prices before each."""
    table = _table(folder / "nasdaq_nov2014" / f"{symbol}_20141103_market_orders.csv.xz", skip=1)
    seconds = table[:, 0] / 1000 - 34_200
    table, seconds = (
        table[(seconds >= 0) & (seconds < SESSION_SECONDS)],
        seconds[(seconds >= 0) & (seconds < SESSION_SECONDS)],
    )
    scale = 100.0 if table[:, 1].mean() > 10_000 else 0.01
    return Day(symbol, seconds, table[:, 1] / scale, table[:, 2] / scale, seconds, -table[:, 7], table[:, 6], seconds)


def _table(path: Path, skip: int = 0) -> np.ndarray:
    with lzma.open(path, "rt") as lines:
        return np.loadtxt(lines, delimiter=",", skiprows=skip)


# ---- facts ----


def autocorrelation(x: np.ndarray, lags: Any) -> list[float]:
    centred = x - x.mean()
    return [float((centred[:-lag] * centred[lag:]).mean() / centred.var()) for lag in lags]


def kurtosis(x: np.ndarray) -> float:
    centred = x - x.mean()
    return float((centred**4).mean() / centred.var() ** 2)


def hill(sizes: np.ndarray) -> float:
    """Exponent of the tail above the 95 % quantile (Hill 1975)."""
    cut = np.quantile(sizes, 0.95)
    return float(1 / np.log(sizes[sizes > cut] / cut).mean())


def signature(day: Day) -> list[float]:
    """Variance of mid changes a second, by the time over which they are taken, over that of 300 seconds."""
    variances = [float((np.diff(day.mids(scale)) ** 2).mean() / scale) for scale in SCALES]
    return [v / variances[SCALES.index(300)] for v in variances]


def fano(times: np.ndarray, seconds: float) -> float:
    """Variance over mean of counts: 1 of a Poisson process. Taken within each half hour, so that the day's shape is
    not in it."""
    counts = np.histogram(times, np.arange(0, SESSION_SECONDS + 1, seconds))[0]
    parts = np.array_split(counts, 13)
    return float(np.mean([part.var() / part.mean() for part in parts]))


def curve(day: Day) -> np.ndarray:
    shares = np.histogram(day.trade_time, np.linspace(0, SESSION_SECONDS, 14), weights=day.trade_size)[0]
    return shares / shares.sum()


def response(day: Day) -> list[float]:
    """Mean of sign times the change of the mid from just before a trade to just before the l-th after it, over the
    mean spread."""
    place = np.clip(np.searchsorted(day.time, day.trade_time, "left") - 1, 0, None)
    mids = (day.bid[place] + day.ask[place]) / 2
    width = day.spread()[0]
    return [float((day.trade_sign[:-lag] * (mids[lag:] - mids[:-lag])).mean() / width) for lag in LAGS]


# ---- own orders ----

IMPACT_MODES: dict[str, dict[str, Any]] = {
    "no reaction": {},
    "exponential": {"reaction": {"reversion": 1.0, "decay": "exponential", "seconds": 120}},
    "power law": {"reaction": {"reversion": 1.0, "decay": "power", "seconds": 10}},
}
CHILDREN, EVERY, AFTER = 160, 5.0, (10, 30, 60, 120, 300, 600, 900, 1200)


def _mids(task: tuple[int, dict[str, Any], int]) -> list[float]:
    seed, market, quantity = task
    config = {"mode": "simulation", "seed": seed, "market": {"depth": 3, "volume_curve": "flat", **market}}
    core = make_core(load_config(config), clock=SimulatedClock(OPEN))
    om, out = OrderManager(engine=core), []
    for seconds in [*(EVERY * k for k in range(CHILDREN)), *(EVERY * CHILDREN + s for s in (0, *AFTER))]:
        core.advance(OPEN + round(seconds * SECOND))
        core.touch("AAPL")
        out.append(om.quote("AAPL").mid * 100)
        if quantity and seconds < EVERY * CHILDREN:
            om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": quantity, "order_type": "market"})
    om.close()
    return out


def impacts(seeds: int = 300) -> dict[str, np.ndarray]:
    """(seeds, looks) by mode: the mid with a TWAP of market orders less the mid of the same seed without it, ticks."""
    with ProcessPoolExecutor() as pool:
        return {
            name: np.array(list(pool.map(_mids, [(s, market, 400) for s in range(seeds)], chunksize=10)))
            - np.array(list(pool.map(_mids, [(s, market, 0) for s in range(seeds)], chunksize=10)))
            for name, market in IMPACT_MODES.items()
        }


def exponent(moved: np.ndarray) -> tuple[float, float]:
    """Of impact by size, from 10 children on; and its error by bootstrap over seeds."""
    sizes = np.unique(np.geomspace(10, CHILDREN, 8).astype(int))
    rng = np.random.default_rng(0)

    def fit(sample: np.ndarray) -> float:
        means = sample[:, sizes].mean(axis=0)
        good = means > 0
        return float(np.polyfit(np.log(sizes[good]), np.log(means[good]), 1)[0]) if good.sum() > 2 else math.nan

    return fit(moved), float(np.nanstd([fit(moved[rng.integers(0, len(moved), len(moved))]) for _ in range(200)]))


def correlations() -> tuple[list[list[str]], list[list[str]]]:
    """Rows of two tables: symbols with a common factor, venues by how many arrivals look at the consolidated quote."""
    common = []
    for strength in (0.0, 0.3, 0.6):
        core = make_core(
            load_config(
                {
                    "mode": "simulation",
                    "seed": 3,
                    "market": {"depth": 2, "common_factor": {"strength": strength, "interval_seconds": 20}},
                }
            ),
            clock=SimulatedClock(OPEN),
        )
        mids = np.empty((3900, 2))
        for k in range(3900):
            for j, symbol in enumerate(("AAPL", "MSFT")):
                core.touch(symbol)
                core.market.touch(symbol, OPEN + 6 * k * SECOND)
                quote = core.venues.quote(symbol)
                mids[k, j] = quote.mid
        core.close()
        common.append(
            [f"{strength:g}", *(f"{np.corrcoef(np.diff(mids[::n], axis=0).T)[0, 1]:.2f}" for n in (1, 10, 50))]
        )
    venues = []
    routing = {
        "venues": {v: {"kind": "exchange", "cost_per_share": 0} for v in "AB"},
        "dark_pools": {},
        "wholesalers": {},
    }
    for link in (1.0, 0.5, 0.0):
        core = make_core(
            load_config(
                {"mode": "simulation", "seed": 3, "routing": routing, "market": {"venue_correlation": link, "depth": 2}}
            ),
            clock=SimulatedClock(OPEN),
        )
        mids = np.empty((23_400, 2))
        for k in range(23_400):
            core.market.touch("AAPL", OPEN + k * SECOND)
            for j, venue in enumerate("AB"):
                bids, asks = core.market.depth("AAPL", venue, 1)
                mids[k, j] = (bids[0][0] + asks[0][0]) / 2e7 if bids and asks else mids[k - 1, j]
        core.close()
        venues.append([f"{link:g}", *(f"{np.corrcoef(np.diff(mids[::n], axis=0).T)[0, 1]:.2f}" for n in (1, 5, 60))])
    return common, venues


def spread_law() -> tuple[float, float, float]:
    """(slope, R2, constant) of log mean spread on the log of the law, over flows with a flat table of rates; the
    constant is that of s alpha / mu = c + 1.86 eps^(3/4), from the flows of the smallest tick."""
    logs, constants = [], []
    for reach in (6.0, 19.0, 60.0):
        for eps in (0.01, 0.02, 0.05, 0.1):
            ticks, delta = min(1024, int(25 * reach)), 2 * reach * eps
            model = FlowModel(limit_rates=[1.0] * ticks, cancel_rates=[delta] * ticks, market_rate=reach, order_size=1)
            config = load_config(
                {"routing": {"venues": {"A": {"kind": "exchange", "cost_per_share": 0}}, "dark_pools": {}}}
            )
            venues = make_venues(config, make_instruments([config.catalog()["META"]]))
            rate = 4 * ticks / 60
            flow = SyntheticMarket(
                venues, [1.0] + [0.0] * (len(venues.names) - 1), start_ns=OPEN, warmup_seconds=720 / delta, depth=1,
                events_per_second=rate, model=model,
            )  # fmt: skip
            spreads = []
            for k in range(2000):
                flow.touch("META", OPEN + round(k * 300 / rate * SECOND))
                bids, asks = flow.depth("META", "A", 1)
                if bids and asks:
                    spreads.append((asks[0][0] - bids[0][0]) / 10**7)
            logs.append((math.log(santa_fe_spread(2.0, 2 * reach, delta)), math.log(np.mean(spreads))))
            if reach == 60.0:
                constants.append(np.mean(spreads) / reach - 1.86 * eps**0.75)
    x, y = np.array(logs).T
    return float(np.polyfit(x, y, 1)[0]), float(np.corrcoef(x, y)[0, 1] ** 2), float(np.mean(constants))


# ---- the page ----


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def facts(days: list[Day], quoted: set[str]) -> str:
    """One row a fact, one column a day; a dash where a recording does not have it."""
    rows = []

    def row(name: str, value: Any, only_quoted: bool = True) -> None:
        rows.append([name, *(value(day) if not only_quoted or day.name in quoted else "–" for day in days)])

    row("market orders", lambda d: f"{len(d.trade_time):,}", False)
    row("mean spread, ticks", lambda d: f"{d.spread()[0]:.2f}")
    row("time at a spread of one tick", lambda d: f"{d.spread()[1]:.0%}")
    row(
        "size at the second to the first best price",
        lambda d: f"{d.levels[1] / d.levels[0]:.2f}" if len(d.levels) > 1 else "–",
    )
    row("volatility, ticks in 5 min", lambda d: f"{np.diff(d.mids(300)).std():.1f}")
    row("variance a second over 1 s to 300 s (signature)", lambda d: f"{signature(d)[0]:.2f}")
    row("kurtosis of 10 s changes", lambda d: f"{kurtosis(np.diff(d.mids(10))):.1f}")
    row("kurtosis of 60 s changes", lambda d: f"{kurtosis(np.diff(d.mids(60))):.1f}")
    row("sign autocorrelation at 1, 10, 100 trades",
        lambda d: ", ".join(f"{c:.2f}" for c in autocorrelation(d.trade_sign, (1, 10, 100))), False)  # fmt: skip
    row("autocorrelation of absolute 10 s changes at 1, 6, 30",
        lambda d: ", ".join(f"{c:.2f}" for c in autocorrelation(np.abs(np.diff(d.mids(10))), (1, 6, 30))))  # fmt: skip
    row("volume of the first, the seventh, the last half hour",
        lambda d: ", ".join(f"{curve(d)[k]:.0%}" for k in (0, 6, 12)), False)  # fmt: skip
    row("tail exponent of market order sizes (Hill, upper 5 %)", lambda d: f"{hill(d.trade_size):.1f}", False)
    row("variance over mean of market orders in 1 s, 10 s, 60 s",
        lambda d: ", ".join(f"{fano(d.trade_time, s):.1f}" for s in (1, 10, 60)), False)  # fmt: skip
    row("response to a trade after 1, 10, 100 trades, of the spread",
        lambda d: ", ".join(f"{response(d)[LAGS.index(k)]:.2f}" for k in (1, 10, 100)))  # fmt: skip
    return table(["", *(day.name for day in days)], rows)


def pictures(days: list[Day], quoted: set[str], moved: dict[str, np.ndarray]) -> dict[str, str]:
    recorded = [day.name for day in days if day.name not in MODES]
    seen = [day for day in days if day.name in quoted]
    ladder = {
        d.name: (range(1, len(d.levels[:5]) + 1), np.array(d.levels[:5]) / d.levels[0])
        for d in seen
        if len(d.levels) > 1
    }
    tails = {}
    for day in days:
        ordered = np.sort(day.trade_size)
        keep = np.unique(np.geomspace(1, len(ordered), 60).astype(int)) - 1
        tails[day.name] = (ordered[::-1][keep], (keep + 1) / len(ordered))
    looks = [*(EVERY * k / 60 for k in range(CHILDREN)), *((EVERY * CHILDREN + s) / 60 for s in (0, *AFTER))]
    return {
        "depth": chart("Size by level, over the best", "level", "size", ladder, dashed=recorded),
        "signature": chart("Signature plot", "seconds", "variance a second, over 300 s",
                           {d.name: (SCALES, signature(d)) for d in seen}, log="x", dashed=recorded),
        "signs": chart("Signs of market orders", "trades apart", "autocorrelation",
                       {d.name: (LAGS, autocorrelation(d.trade_sign, LAGS)) for d in days}, log="xy", dashed=recorded),
        "volatility": chart("Absolute changes in 10 s", "intervals apart", "autocorrelation",
                            {d.name: (range(1, 61, 3), autocorrelation(np.abs(np.diff(d.mids(10))), range(1, 61, 3)))
                             for d in seen}, dashed=recorded),
        "volume": chart("Volume by half hour", "half hour", "share of the day",
                        {d.name: (range(1, 14), curve(d)) for d in days}, dashed=recorded),
        "sizes": chart("Sizes of market orders", "shares", "chance of more", tails, log="xy", dashed=recorded),
        "clustering": chart("Market orders in a window", "seconds", "variance over mean",
                            {d.name: ((1, 2, 5, 10, 30, 60), [fano(d.trade_time, s) for s in (1, 2, 5, 10, 30, 60)])
                             for d in days}, log="xy", dashed=recorded),
        "response": chart("Response to a trade", "trades later", "mid, of the spread",
                          {d.name: (LAGS, response(d)) for d in seen}, log="x", dashed=recorded),
        "impact": chart("Impact of an own TWAP, and after it", "minutes", "ticks",
                        {name: (looks, m.mean(axis=0)) for name, m in moved.items()}),
    }  # fmt: skip


def main() -> None:
    folder = os.environ.get("GRANDMODEL_DATA")
    days = [synthetic(name) for name in MODES]
    quoted = set(MODES)
    if folder:
        days += [lobster(Path(folder), "AMZN", 5), lobster(Path(folder), "AAPL", 1)]
        quoted |= {"AMZN", "AAPL"}
        days += [nasdaq(Path(folder), symbol) for symbol in ("INTC", "MSFT")]
    moved = impacts()
    common, venues = correlations()
    drawn = pictures(days, quoted, moved)
    (DOCS / "pictures").mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        (DOCS / "pictures" / f"{name}.svg").write_text(svg)
    own = []
    for name, m in moved.items():
        slope, error = exponent(m)
        end, last = m[:, CHILDREN], m[:, -1]
        own.append(
            [
                name,
                f"{slope:.2f} ± {error:.2f}",
                *(f"{x.mean():.1f} ± {x.std(ddof=1) / math.sqrt(len(x)):.1f}" for x in (end, last)),
            ]
        )
    pi = queue_distribution(1.85, 0.94, 0.71)
    slope, explained, constant = spread_law()
    page = (Path(__file__).parent / "synthetic_market.md.in").read_text()
    for key, text in {
        "modes": "\n".join(f"- **{name}**: {what}" for name, what in WHAT.items()),
        "facts": facts(days, quoted),
        "impact": table(["reaction", "exponent of impact by size", "ticks at the end", "ticks 20 minutes later"], own),
        "common": table(["`strength`", "6 s", "1 min", "5 min"], common),
        "venues": table(["`venue_correlation`", "1 s", "5 s", "1 min"], venues),
        "law": f"{slope:.2f}, R² {explained:.3f}; the paper found 0.99 ± 0.10 over stocks, R² 0.96",
        "constant": f"{constant:.2f}",
        "queue": ", ".join(f"{p:.5f}" for p in pi[:4]),
        "first": ", ".join(f"{mid_up_first(1, k, 1.85, 0.94, 0.71):.4f}" for k in range(1, 6)),
    }.items():
        page = page.replace("{" + key + "}", text)
    (DOCS / "synthetic_market.md").write_text(page)
    print(DOCS / "synthetic_market.md")


if __name__ == "__main__":
    main()
