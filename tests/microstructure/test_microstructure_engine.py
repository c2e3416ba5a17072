"""`MicrostructureEngine`: the mission's calls as they stand, what they are made of, histories, other markets, bad
values."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading

import numpy as np
import pytest
from support import make_core
from support_replay import ADD, DELETE, EXECUTE, at, recording
from support_replay import engine as replay_engine

from grandmodel.execution import ConsolidatedBook, OrderBook, OrderManager, Unknown
from grandmodel.execution._core.book import LEVEL_DTYPE
from grandmodel.execution._core.flow import BookAnalysis, BookSnapshot
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution.clock import run
from grandmodel.execution.config import ConfigError
from grandmodel.execution.engine import ExecutionEngine
from grandmodel.execution.instruments import UnknownSymbol
from grandmodel.execution.microstructure.flow import FlowEstimators
from grandmodel.execution.microstructure.history import BLOCK, PaperHistory
from grandmodel.execution.microstructure.microstructure_engine import MicrostructureEngine
from grandmodel.execution.microstructure.scores import TimingAction

MISSION = """
import asyncio

async def mission(config):
    from grandmodel.execution.microstructure.microstructure_engine import MicrostructureEngine

    engine = MicrostructureEngine(config)

    # Analyze current market conditions
    market_analysis = await engine.analyze_market_conditions('AAPL')

    print(f"Bid-Ask Spread: {market_analysis.spread:.4f}")
    print(f"Market Depth: {market_analysis.depth_score}")
    print(f"Liquidity Score: {market_analysis.liquidity_score}")
    print(f"Predicted Impact: {market_analysis.predicted_impact:.4f}")
    print(f"Optimal Timing: {market_analysis.optimal_timing}")

    # Real-time order book analysis
    order_book_data = await engine.get_order_book_snapshot('AAPL')

    analysis = engine.analyze_order_book(order_book_data)

    print(f"Book Imbalance: {analysis.imbalance:.3f}")
    print(f"Effective Spread: {analysis.effective_spread:.4f}")
    print(f"Price Impact (100 shares): {analysis.price_impact_100:.4f}")
    print(f"Price Impact (1000 shares): {analysis.price_impact_1000:.4f}")

    # Multi-timeframe liquidity analysis
    liquidity_metrics = engine.assess_liquidity(
        symbol='AAPL',
        timeframes=['1min', '5min', '15min'],
        lookback_periods=[10, 20, 50]
    )

    for timeframe, metrics in liquidity_metrics.items():
        print(f"{timeframe} Liquidity:")
        print(f"  Average Spread: {metrics.avg_spread:.4f}")
        print(f"  Volume Rate: {metrics.volume_rate:.0f} shares/min")
        print(f"  Turnover: {metrics.turnover:.2f}")
        print(f"  Market Impact: {metrics.market_impact:.4f}")

asyncio.run(mission({}))
"""


@pytest.fixture(scope="module")
def engine():
    return MicrostructureEngine({"seed": 11})


def test_the_missions_calls_as_they_stand_in_a_fresh_process():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MISSION], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.strip().split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert "n/a" not in done.stdout
    assert 0.01 <= float(lines["Bid-Ask Spread"]) < 1
    assert 0 < float(lines["Market Depth"]) < 1
    assert 0 < float(lines["Liquidity Score"]) < 1
    assert lines["Optimal Timing"].split()[0] in list(TimingAction)
    assert -1 <= float(lines["Book Imbalance"]) <= 1
    assert float(lines["Price Impact (100 shares)"]) <= float(lines["Price Impact (1000 shares)"])
    assert done.stdout.count("Liquidity:") == 3
    assert float(lines["Volume Rate"].split()[0]) > 0


def test_each_call_works_when_called_and_when_awaited(engine):
    async def main():
        return (
            await engine.analyze_market_conditions("AAPL"),
            await engine.get_order_book_snapshot("AAPL"),
            await engine.analyze_order_book(engine.get_order_book_snapshot("AAPL")),
            await engine.assess_liquidity("AAPL", ["1min"], [5]),
            *await asyncio.gather(engine.analyze_market_conditions("MSFT"), engine.get_order_book_snapshot("MSFT")),
        )

    conditions, snapshot, analysis, metrics, other, book = asyncio.run(main())
    assert conditions.symbol == snapshot.symbol == "AAPL"
    assert other.symbol == book.symbol == "MSFT"
    assert isinstance(snapshot, BookSnapshot)
    assert isinstance(analysis, BookAnalysis)
    assert list(metrics) == ["1min"]
    assert engine.analyze_market_conditions("AAPL").source == "paper"


def test_what_conditions_are_made_of(engine):
    found = engine.analyze_market_conditions("AAPL", quantity=5000, side="buy", horizon_minutes=39)
    assert found.spread == found.book.spread
    assert found.spread_bps == pytest.approx(found.spread / found.mid * 1e4)
    assert set(found.liquidity_factors) == {"spread", "depth", "resilience", "volume"}
    assert all(0 <= value <= 1 for value in found.liquidity_factors.values() if not isinstance(value, Unknown))
    weights = {"spread": 0.35, "depth": 0.35, "resilience": 0.15, "volume": 0.15}
    known = {n: v for n, v in found.liquidity_factors.items() if not isinstance(v, Unknown)}
    total = sum(weights[n] for n in known)
    assert found.liquidity_score == pytest.approx(math.prod(v ** (weights[n] / total) for n, v in known.items()))
    assert found.impact_model == "almgren"
    instrument = engine.instrument("AAPL")
    assert instrument is not None
    v, theta, sigma = instrument.adv, instrument.shares_outstanding, instrument.volatility_daily
    permanent = 0.314 * sigma * (5000 / v) * (theta / v) ** 0.25
    temporary = 0.142 * sigma * (5000 / (v * 0.1)) ** 0.6
    assert found.predicted_impact == pytest.approx(permanent / 2 + temporary, rel=1e-9)
    assert found.predicted_impact_bps == pytest.approx(found.predicted_impact * 1e4)
    timing = found.optimal_timing
    assert timing.cost_now_bps == pytest.approx(found.spread_bps / 2 + found.predicted_impact_bps)
    assert "AAPL" in repr(found)
    assert "made-up past" in found.assumptions[0]


def test_all_at_once_is_a_walk_of_the_book(engine):
    found = engine.analyze_market_conditions("AAPL", quantity=1000, horizon_minutes=0)
    assert found.impact_model == "book_walk"
    assert found.predicted_impact == pytest.approx(found.book.price_impact_1000 / found.mid)
    too_much = engine.analyze_market_conditions("AAPL", quantity=10**9, horizon_minutes=0)
    assert too_much.impact_model == "square_root"


@pytest.mark.parametrize("model", ["almgren", "square_root", "i_star", "book_walk"])
def test_the_configured_model_is_used(model):
    found = MicrostructureEngine({"impact_model": model, "seed": 3}).analyze_market_conditions("AAPL")
    assert found.impact_model == model
    assert 0 < found.predicted_impact < 0.01


def test_a_wider_book_scores_lower_and_a_deeper_one_higher():
    base = MicrostructureEngine({"seed": 5})
    found = base.analyze_market_conditions("AAPL")
    assert found.liquidity_score > 0.2
    thin = MicrostructureEngine({"seed": 5, "reference_depth": 10**6}).analyze_market_conditions("AAPL")
    assert thin.depth_score < found.depth_score
    assert thin.liquidity_score < found.liquidity_score
    only = {"liquidity_weights": {"spread": 1, "depth": 0, "resilience": 0, "volume": 0}}
    spread_alone = MicrostructureEngine({"seed": 5, **only}).analyze_market_conditions("AAPL")
    assert spread_alone.liquidity_score == pytest.approx(spread_alone.spread_score)


def test_equal_seeds_give_equal_figures_and_others_do_not():
    async def figures(seed):
        engine = MicrostructureEngine({"seed": seed} if seed else {})
        found = engine.analyze_market_conditions("AAPL")
        metrics = engine.assess_liquidity("AAPL", ["5min"], [20])["5min"]
        return found.depth, found.liquidity_score, metrics.volume, metrics.avg_spread_bps

    assert run(figures(0), seed=4) == run(figures(0), seed=4) != run(figures(0), seed=5)
    assert run(figures(9), seed=4) == run(figures(9), seed=5)


# ---- liquidity by look-back


def test_equal_lengths_are_paired_and_others_are_not(engine):
    paired = engine.assess_liquidity("AAPL", ["1min", "5min"], [10, 4])
    assert [(m.timeframe, m.lookback, m.minutes) for m in paired.values()] == [("1min", 10, 10), ("5min", 4, 20)]
    assert [list(m.by_lookback) for m in paired.values()] == [[10], [4]]
    every = engine.assess_liquidity("AAPL", ["1min", "5min"], [4, 8, 10])
    assert [m.lookback for m in every.values()] == [4, 4]
    for metrics in every.values():
        assert list(metrics.by_lookback) == [4, 8, 10]
        assert metrics.by_lookback[4] is metrics
        assert metrics.by_lookback[10].lookback == 10
    assert every["1min"].by_lookback[10].volume == pytest.approx(paired["1min"].volume, rel=0.2)


def test_what_the_metrics_are(engine):
    metrics = engine.assess_liquidity("AAPL", ["5min"], [12])["5min"]
    bars = metrics.bars
    assert len(bars) == 60
    assert (np.diff(bars["start_ns"]) == 60 * 10**9).all()
    assert metrics.volume == bars["volume"].sum()
    assert metrics.volume_rate == pytest.approx(metrics.volume / 60)
    shares = engine.instrument("AAPL").shares_outstanding
    assert metrics.turnover == pytest.approx(metrics.volume / shares * 100)
    assert metrics.avg_spread == pytest.approx(np.average(bars["spread"], weights=bars["quoted_ns"]))
    assert metrics.avg_spread_bps == pytest.approx(metrics.avg_spread / 150 * 1e4, rel=0.01)
    assert metrics.impact_model == "almgren"
    quantity, days = 0.01 * metrics.volume / 12, 5 / 390
    v, theta, sigma = 60e6, 15.5e9, 0.017
    expected = 0.5 * 0.314 * sigma * quantity / v * (theta / v) ** 0.25 + 0.142 * sigma * (quantity / (v * days)) ** 0.6
    assert metrics.market_impact == pytest.approx(expected, rel=1e-9)
    assert metrics.market_impact_bps == pytest.approx(expected * 1e4, rel=1e-9)
    assert 0 < metrics.volatility_daily < 0.1
    assert metrics.source == "paper"
    assert metrics.history_bars > 0
    assert "made-up past" in metrics.assumptions[0]


def test_beyond_the_history_is_unknown_with_the_reason():
    engine = MicrostructureEngine({"market": {"history_minutes": 30}})
    near, far = engine.assess_liquidity("AAPL", ["1min"], [20, 60])["1min"].by_lookback.values()
    assert near.volume > 0
    for name in (
        "avg_spread",
        "avg_spread_bps",
        "volume",
        "volume_rate",
        "turnover",
        "market_impact",
        "volatility_daily",
    ):
        value = getattr(far, name)
        assert isinstance(value, Unknown), name
        assert "look-back is 60 minutes" in value.reason
    assert f"{far.avg_spread:.4f} {far.volume_rate:.0f}" == "n/a n/a"


def test_the_made_up_past_is_the_same_whatever_was_asked_before(engine):
    instrument = engine.instrument("AAPL")
    short = PaperHistory(instrument, engine.config, 10**18 // (60 * 10**9) * 60 * 10**9)
    long = PaperHistory(instrument, engine.config, 10**18 // (60 * 10**9) * 60 * 10**9)
    five = short.bars(5)
    many = long.bars(3 * BLOCK)
    assert five.tobytes() == many[-5:].tobytes()
    assert short.bars(3 * BLOCK).tobytes() == many.tobytes()
    assert (np.diff(many["start_ns"]) == 60 * 10**9).all()
    assert many["mid_open"][1:] == pytest.approx(many["mid_close"][:-1], abs=0.011)  # joined to the tick
    assert many["mid_close"][-1] == pytest.approx(instrument.reference_price, abs=0.011)
    assert (many["volume"] > 0).all()
    assert (many["depth"][many["depth"] == many["depth"]] > 0).all()
    assert len(short.bars(0)) == 0
    with pytest.raises(ValueError, match="the history has 780 bars"):
        short.bars(781)


def test_minutes_that_are_lived_take_the_place_of_the_made_up_ones():
    async def main():
        engine = MicrostructureEngine({"seed": 2})
        engine.follow("AAPL")
        before = engine.assess_liquidity("AAPL", ["1min"], [10])["1min"]
        await engine.core.clock.sleep(600)
        after = engine.assess_liquidity("AAPL", ["1min"], [10])["1min"]
        tape = engine.core.venues.tape("AAPL")
        return before, after, tape, engine.flow("AAPL")

    before, after, tape, flow = run(main())
    assert before.history_bars > 0
    assert after.history_bars == 0
    assert after.assumptions == ()
    assert flow.volume == tape["volume"]
    assert after.volume <= tape["volume"]


# ---- other markets, shared engines


def test_over_an_engine_with_its_own_configuration():
    with ExecutionEngine({"seed": 8, "microstructure": {"depth_levels": 3}}) as whole:
        engine = MicrostructureEngine(engine=whole)
        assert engine.core is whole.core
        assert len(engine.get_order_book_snapshot("AAPL")) == 3
        other = MicrostructureEngine({"depth_levels": 5}, engine=whole)
        assert len(other.get_order_book_snapshot("AAPL")) == 5
        assert engine.flow("AAPL").state()["messages"] == other.flow("AAPL").state()["messages"]
        with pytest.raises(ValueError, match="followed already with other settings"):
            MicrostructureEngine({"bar_seconds": 10}, engine=whole).follow("AAPL")


def test_own_fills_are_heard_and_orders_fare_as_without_it():
    def ids(follow):
        om = OrderManager({"seed": 6})
        if follow:
            MicrostructureEngine(engine=om).follow("AAPL")
        return [
            om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"})
            for _ in range(50)
        ]

    heard = ids(True)[0].core.listening("AAPL")
    assert heard.state()["buys"] + heard.state()["sells"] > 0

    async def fingerprint(follow):
        om = OrderManager({"seed": 6})
        if follow:
            MicrostructureEngine(engine=om).analyze_market_conditions("AAPL")
        for _ in range(20):
            await om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 300, "order_type": "market"})
            await om.core.clock.sleep(1)
        return om.core.journal.sha256()

    assert run(fingerprint(True)) == run(fingerprint(False))


def test_over_a_recording_only_what_was_heard_is_known():
    rows = recording(
        (ADD, 1, 1, 9999, 300), (ADD, 2, -1, 10001, 200), (ADD, 3, -1, 10002, 900), *[(ADD, 10 + k, 1, 9990,
        5) for k in range(117)],
        (EXECUTE, 2, -1, 10001, 200), (DELETE, 1, 1, 9999, 300), *[(ADD, 200 + k, 1, 9980, 5) for k in range(120)],
    )  # fmt: skip
    core, _ = replay_engine(rows)
    engine = MicrostructureEngine(engine=core)
    first = engine.analyze_market_conditions("X")
    assert first.source == "replay"
    assert isinstance(first.spread, Unknown)
    assert isinstance(first.liquidity_score, Unknown) or first.liquidity_score == 0.0
    at(core, 10)
    book = engine.analyze_order_book(engine.get_order_book_snapshot("X"))
    assert (book.book.best_bid, book.book.best_ask) == (99.99, 100.01)
    assert book.price_impact(1000, "buy") == pytest.approx((200 * 100.01 + 800 * 100.02) / 1000 - 100.0, rel=1e-9)
    assert book.price_impact_1000.reason == f"the bids show {book.bid_depth:.0f} of 1000"
    at(core, 240)
    heard = core.listening("X")
    assert heard.state()["volume"] == 200
    assert engine.instrument("X") is None
    metrics = engine.assess_liquidity("X", ["1min"], [1000])["1min"]
    assert isinstance(metrics.turnover, Unknown)
    assert isinstance(metrics.avg_spread, Unknown)


def test_instruments_of_the_configuration_serve_other_markets():
    core, _ = make_core()
    engine = MicrostructureEngine({"instruments": {"AAPL": {"shares_outstanding": 10**9}}}, engine=core)
    assert engine.instrument("AAPL").shares_outstanding == 10**9


def test_a_thread_that_trades_and_one_that_looks():
    om = OrderManager({"seed": 1})
    engine = MicrostructureEngine(engine=om)
    engine.follow("AAPL")
    done = threading.Event()
    failed = []

    def trade():
        try:
            while not done.is_set():
                om.submit_order({"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"})
        except Exception as error:  # told below
            failed.append(error)

    thread = threading.Thread(target=trade)
    thread.start()
    try:
        volume = 0
        for _ in range(30):
            state = engine.flow("AAPL").state()
            assert state["volume"] >= max(volume, state["buy_volume"] + state["sell_volume"])
            assert state["notional_e9"] > state["volume"] * 10**9
            volume = state["volume"]
            engine.get_order_book_snapshot("AAPL")
    finally:
        done.set()
        thread.join()
    assert not failed
    assert engine.flow("AAPL").volume > 0


# ---- books in other forms


def test_books_in_every_form_have_the_same_figures(engine):
    rows = np.zeros(4, MESSAGE_DTYPE)
    for k, (side, price, quantity) in enumerate([(1, 9999, 300), (1, 9998, 500), (-1, 10001, 100), (-1, 10003, 700)]):
        rows[k]["action"], rows[k]["order_id"], rows[k]["side"] = 1, k + 1, side
        rows[k]["price_e9"], rows[k]["quantity"] = price * 10**7, quantity
    book = OrderBook()
    book.apply(rows)
    venues = ConsolidatedBook(["A"])
    venues.apply(rows)
    lists = {
        "bids": [(99.99, 300), ("99.98", 500)],
        "asks": [[100.01, 100], (100.03, 700.0)],
        "symbol": "X",
        "time_ns": 5,
    }
    forms = [book, venues, book.levels(10), venues.levels(10), lists, [book.levels(2)[0], lists["asks"]]]
    figures = [engine.analyze_order_book(form).as_dict() for form in forms]
    assert all(each == figures[0] or str(each) == str(figures[0]) for each in figures)
    assert figures[0]["imbalance"] == pytest.approx(0.5)
    assert engine.analyze_order_book(lists).book.symbol == "X"
    assert engine.analyze_order_book({"bids": [], "asks": []}).depth == 0.0


@pytest.mark.parametrize(
    ("book", "words"),
    [
        (None, "book is NoneType"), ("AAPL", "book is str"), (7, "book is int"), ({"bids": []}, "no 'asks'"),
        ({"bids": [], "asks": [], "bid": 1}, "key 'bid'"), (([], [], []), "book is tuple"),
        ({"bids": [(1.0,)], "asks": []}, r"bids\[0\] is"), ({"bids": ["ab"], "asks": []}, r"bids\[0\] is 'ab'"),
        ({"bids": "xy", "asks": []}, "bids is str"),
        ({"bids": [(math.nan, 5)], "asks": []}, r"bids\[0\]: price is nan"),
        ({"bids": [(-1, 5)], "asks": []}, r"bids\[0\]: price is -1"), ({"bids": [(True, 5)], "asks": []},
        "price is True"),
        ({"bids": [(1, True)], "asks": []}, "quantity is True"), ({"bids": [(1, 0)], "asks": []}, "quantity is 0"),
        ({"bids": [(1, 2.5)], "asks": []}, "quantity is 2.5"), ({"bids": [(1, 2**63)], "asks": []}, "quantity is 9223"),
        ({"bids": [(2**63, 1)], "asks": []}, "price is 9223"), ({"bids": [("ein", 1)], "asks": []}, "price is 'ein'"),
        ({"bids": [(1, 1), (2, 1)], "asks": []}, r"bids\[1\]: price_e9 is 2000000000 .* below the one"),
        ({"asks": [(2, 1), (1, 1)], "bids": []}, r"asks\[1\]: price_e9 is 1000000000 .* above the one"),
        ((np.zeros(1), np.zeros(1)), r"bids\[0\] is"), ((np.zeros(1, LEVEL_DTYPE), np.zeros(0, LEVEL_DTYPE)),
        "quantity is 0"),
        ((np.zeros(1, [("price_e9", "<f8"), ("quantity", "<i8")]), []), "must be int64"),
        ((np.zeros((1, 1), LEVEL_DTYPE), []), "one dimension"),
    ],
)  # fmt: skip
def test_bad_books_are_named(engine, book, words):
    with pytest.raises((TypeError, ValueError), match=words):
        engine.analyze_order_book(book)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.analyze_market_conditions("APPL"), "nearest known: AAPL"),
        (lambda e: e.analyze_market_conditions(7), "symbol is 7"), (lambda e: e.analyze_market_conditions("Ä"),
        "unknown symbol"),
        (lambda e: e.analyze_market_conditions("AAPL", quantity=0), "quantity is 0"),
        (lambda e: e.analyze_market_conditions("AAPL", quantity=1.5), "quantity is 1.5"),
        (lambda e: e.analyze_market_conditions("AAPL", quantity=True), "quantity is True"),
        (lambda e: e.analyze_market_conditions("AAPL", quantity=2**63), "quantity is 9223"),
        (lambda e: e.analyze_market_conditions("AAPL", side="long"), "side is 'long'"),
        (lambda e: e.analyze_market_conditions("AAPL", horizon_minutes=math.nan), "horizon_minutes is nan"),
        (lambda e: e.analyze_market_conditions("AAPL", horizon_minutes=-1), "horizon_minutes is -1"),
        (lambda e: e.get_order_book_snapshot("AAPL", 0), "n is 0"), (lambda e: e.get_order_book_snapshot("AAPL",
        1.0), "levels is 1.0"),
        (lambda e: e.assess_liquidity("AAPL", "1min"), "timeframes is '1min'"), (lambda e: e.assess_liquidity("AAPL",
        []), "empty"),
        (lambda e: e.assess_liquidity("AAPL", ["1min", "1min"], [1, 2]), "different"),
        (lambda e: e.assess_liquidity("AAPL", ["minute"]), "timeframe is 'minute'"),
        (lambda e: e.assess_liquidity("AAPL", ["90s"]), "no whole number of bars"),
        (lambda e: e.assess_liquidity("AAPL", [5]), "timeframe is 5"),
        (lambda e: e.assess_liquidity("AAPL", ["1min"], []), "lookback_periods is empty"),
        (lambda e: e.assess_liquidity("AAPL", ["1min"], [0]), r"lookback_periods\[0\] is 0"),
        (lambda e: e.assess_liquidity("AAPL", ["1min"], [True]), r"lookback_periods\[0\] is True"),
        (lambda e: e.assess_liquidity("AAPL", ["1min"], [2**63]), "lookback_periods"),
        (lambda e: e.assess_liquidity("AAPL", ["1min"], 10), "lookback_periods is 10"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(engine, call, words):
    with pytest.raises((TypeError, ValueError, UnknownSymbol), match=words):
        call(engine)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"depth_level": 5}, "did you mean 'depth_levels'"), ({"bar_seconds": 0}, "bar_seconds"),
        ({"impact_model": "linear"}, "impact_model"),
        ({"reference_spread": 0}, "reference_spread"), ({"reference_depth": -1}, "reference_depth"),
        ({"liquidity_weights": {"width": 1}}, "liquidity_weights.width"), ({"symbols": "AAPL"}, "symbols"),
        ({"vpin_bucket": -1}, "vpin_bucket"), ({"pending_quantity": math.nan}, "pending_quantity"), ("x",
        "expected a mapping"),
    ],
)  # fmt: skip
def test_bad_configurations_are_named(config, words):
    with pytest.raises(ConfigError, match=words):
        MicrostructureEngine(config)


def test_an_engine_that_is_none():
    with pytest.raises(TypeError, match="engine is int"):
        MicrostructureEngine(engine=7).analyze_market_conditions("AAPL")


def test_symbols_of_the_configuration_are_followed_from_the_begin():
    engine = MicrostructureEngine({"symbols": ["MSFT", "AAPL"]})
    assert engine.core.listening("AAPL") is not None
    assert engine.core.listening("MSFT") is not None
    assert engine.core.listening("INTC") is None
    assert isinstance(engine.flow("INTC"), FlowEstimators)
