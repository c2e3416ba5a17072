"""A journal's orders against the session's auctions, the day before and an index: two captured days by their prints."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest
from reference import session_prices as reference
from typer.testing import CliRunner

from grandmodel.execution import OrderManager, Unknown, cli
from grandmodel.execution._core.capture import CaptureFile
from grandmodel.execution.analytics.day_summary import BENCHMARKS, summarise
from grandmodel.execution.analytics.journal_costs import analyse_journal
from grandmodel.execution.analytics.order_view import order_view
from grandmodel.execution.analytics.references import References
from grandmodel.execution.analytics.trade_cost_analyzer import TradeCostAnalyzer
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.sessions import session

MINUTE = 60 * 10**9
SYMBOLS = ("AAPL", "MSFT", "JPM")
TRADE, OWN, AUCTION = 9, 1, 2
BETAS = {"AAPL": 1.25, "JPM": 0.8}


def make_session(folder, day, *, from_minute=-6, to_minute=396, index=None, name=None):
    """A day of an exchange that keeps its hours, from before the open to after the close: an order every half hour."""
    name = day if name is None else name
    hours = session("XNYS", date.fromisoformat(day))
    assert hours is not None
    catalog = load_config({}).catalog()
    more = {} if index is None else {"analytics": {"index": index}}
    config = load_config({
        "mode": "simulation", "seed": 3, "journal": {"path": str(folder / f"{name}.gmj"),
                                                    "capture": str(folder / f"{name}.gmc")},
        "market": {"hours": {"keep": True}, "events_per_second": 3},
        "instruments": {symbol: {"beta": beta} for symbol, beta in BETAS.items()}, **more,
    })  # fmt: skip
    clock = SimulatedClock(hours.open_ns + from_minute * MINUTE)
    core = make_core(config, clock=clock, instruments=[catalog[symbol] for symbol in SYMBOLS])

    async def trade():
        for number in range(max(0, from_minute) // 30, min(to_minute, 390) // 30):
            await clock.sleep_until(hours.open_ns + (30 * number + 10) * MINUTE)
            order = {"symbol": SYMBOLS[number % 3], "side": "buy" if number % 2 else "sell", "quantity": 100,
                     "order_type": "market"}  # fmt: skip
            if number % 4 == 3:
                quote = core.quote(order["symbol"])
                order |= {"order_type": "limit", "limit_price": quote.bid_e9 / 1e9, "side": "buy"}
            await OrderManager(engine=core).submit_order(order)
        await clock.sleep_until(hours.open_ns + to_minute * MINUTE)
        for symbol in SYMBOLS:
            core.touch(symbol)

    run(trade(), clock=clock, seed=3)
    core.close()
    return folder / f"{name}.gmj", folder / f"{name}.gmc"


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("days")
    return make_session(folder, "2025-01-02"), make_session(folder, "2025-01-03", index="MSFT")


def prints_of(capture):
    """{symbol: [(time, price, auction, own, quantity)]}, of the file's rows."""
    found = {}
    for symbols, rows in ((list(r.symbols), rows) for r, rows in CaptureFile(capture).chunks()):
        for row in rows[rows["action"] == TRADE]:
            flags = int(row["flags"])
            told = (int(row["time_ns"]), int(row["price_e9"]), bool(flags & AUCTION), bool(flags & OWN),
                    int(row["quantity"]))  # fmt: skip
            found.setdefault(symbols[row["symbol"]], []).append(told)
    return found


def test_the_capture_says_which_prints_are_an_auctions(days):
    hours = session("XNYS", date(2025, 1, 3))
    for rows in prints_of(days[1][1]).values():
        auctions = [row for row in rows if row[2]]
        assert {row[0] < hours.open_ns + MINUTE for row in auctions} == {True, False}  # at the open, and at the close
        assert all(row[0] <= hours.open_ns + MINUTE or row[0] >= hours.close_ns for row in auctions)
        assert len({row[1] for row in auctions if row[0] < hours.open_ns + MINUTE}) == 1
        assert sum(not row[2] for row in rows) > len(auctions)


def test_open_close_and_the_close_before_are_the_twins(days):
    found = analyse_journal(*days[1], references=References(previous=days[0][1]))
    hours, before = (session("XNYS", date(2025, 1, day)) for day in (3, 2))
    here, then = (prints_of(capture) for _, capture in days[::-1])
    o = found.orders
    assert len(found) == 13
    for place in range(len(found)):
        symbol = found.names.symbol_text(int(o["symbol"][place]))
        rows, earlier = ([row[:3] for row in told[symbol]] for told in (here, then))
        expected = {
            "open": reference.opening(rows, hours.open_ns, hours.close_ns),
            "close": reference.closing(rows, hours.open_ns, hours.close_ns),
            "previous_close": reference.closing(earlier, before.open_ns, before.close_ns),
        }  # fmt: skip
        average, side = float(o["average_price"][place]), int(o["side"][place])
        for name, price_e9 in expected.items():
            assert o[name][place] == price_e9 / 1e9, (symbol, name)
            if o["fills"][place]:
                bps = side * (average / (price_e9 / 1e9) - 1) * 1e4
                assert o[f"{name}_bps"][place] == pytest.approx(bps, rel=1e-9)
    assert len({float(price) for price in o["previous_close"]}) == 3


def test_a_journal_of_two_days_knows_the_close_between_them(days, tmp_path):
    """One journal and one capture, an engine that is started again the next morning: two runs, and a night between. The
    first of them says what that day's own capture does, also behind the last of its orders."""
    make_session(tmp_path, "2025-01-02", name="both")
    journal, capture = make_session(tmp_path, "2025-01-03", name="both")
    found = analyse_journal(journal, capture)
    o, earlier, later = found.orders, prints_of(days[0][1]), prints_of(capture)
    first, second = (session("XNYS", date(2025, 1, day)) for day in (2, 3))
    assert len(found) == 26
    for place in range(len(found)):
        symbol = found.names.symbol_text(int(o["symbol"][place]))
        told = [row[:3] for row in earlier[symbol]]
        told += [row[:3] for row in later[symbol] if row[0] > first.close_ns + 3600 * 10**9]
        hours = first if o["decision_ns"][place] < first.close_ns else second
        assert o["close"][place] == reference.closing(told, hours.open_ns, hours.close_ns) / 1e9
        before = reference.closing(told, first.open_ns, first.close_ns) / 1e9
        assert o["previous_close"][place] == before if hours is second else np.isnan(o["previous_close"][place])
    assert not found.market.covers(first.close_ns + 3600 * 10**9)
    given_close = analyse_journal(journal, capture, references=References(previous_closes={"AAPL": 100})).orders
    apple = np.array([found.names.symbol_text(int(n)) == "AAPL" for n in o["symbol"]])
    day_one = o["decision_ns"] < first.close_ns
    assert (given_close["previous_close"][apple & day_one] == 100.0).all()  # of the session before the first day alone
    assert (given_close["previous_close"][apple & ~day_one] == o["previous_close"][apple & ~day_one]).all()


def test_given_closes_come_before_those_of_a_capture(days):
    known = References(previous=days[0][1], previous_closes={"AAPL": "123.45"})
    o = (found := analyse_journal(*days[1], references=known)).orders
    apple = [found.names.symbol_text(int(number)) == "AAPL" for number in o["symbol"]]
    assert (o["previous_close"][apple] == 123.45).all()
    assert (o["previous_close"][np.logical_not(apple)] != 123.45).all()


def test_market_adjusted_is_arrival_less_beta_times_the_index(days):
    """The capture's own configuration names MSFT as the index, and the betas of two of three symbols."""
    found = analyse_journal(*days[1])
    o, rows = found.orders, prints_of(days[1][1])["MSFT"]
    assert found.references.index == "MSFT"
    checked = 0
    for place in range(len(found)):
        symbol = found.names.symbol_text(int(o["symbol"][place]))
        begin, end = int(o["route_ns"][place]), int(o["end_ns"][place])
        meanwhile = [(p, q) for t, p, _, own, q in rows if begin < t <= end and not own]
        told = float(o["market_adjusted_bps"][place])
        if symbol not in BETAS or not o["fills"][place] or (end > begin and not meanwhile):
            assert told != told
            continue
        mid = int(found.market.mids_at(np.array([found.market.index]), np.array([begin]))[0])
        average, arrival = float(o["average_price"][place]) * 1e9, int(o["arrival_e9"][place])
        expected = reference.market_adjusted_bps(
            int(o["side"][place]), average, arrival, BETAS[symbol], meanwhile or [(mid, 1)], mid
        )
        assert told == pytest.approx(expected, abs=1e-6), symbol
        checked += 1
    assert checked > 4
    worked = [p for p in range(len(found)) if o["end_ns"][p] > o["route_ns"][p] and o["fills"][p]]
    moved = [p for p in worked if o["market_adjusted_bps"][p] == o["market_adjusted_bps"][p]]
    assert moved  # one that was worked, whose index moved meanwhile
    assert all(o["index_bps"][p] != 0 for p in moved)


def test_each_thing_that_is_not_known_says_why(days):
    journal, capture = days[1]
    found = analyse_journal(journal, capture)
    filled = np.flatnonzero(found.orders["fills"]).tolist()
    by_symbol = {found.names.symbol_text(int(found.orders["symbol"][k])): k for k in filled}

    def why(analysed, name, place):
        value = order_view(analysed, place)["against_bps"][name]
        assert isinstance(value, Unknown), (name, value)
        return value.reason

    assert why(found, "previous_close", 0) == "none is given, and none in the capture"
    assert why(found, "market_adjusted", by_symbol["MSFT"]) == "no beta of MSFT is known"
    nobody = analyse_journal(journal, capture, references=References())
    assert why(nobody, "market_adjusted", 0) == why(nobody, "index", 0) == "no index named"
    absent = analyse_journal(journal, capture, references=References(index="SPY", betas={"AAPL": 1.0}))
    assert why(absent, "market_adjusted", by_symbol["AAPL"]) == "the capture has nothing of SPY"
    bare = analyse_journal(journal, references=References(index="MSFT", betas=BETAS))
    assert why(bare, "open", 0) == "there are no prints: give the capture"
    assert why(bare, "market_adjusted", by_symbol["AAPL"]) == "the journal has no prints: give the capture"


def test_a_capture_of_part_of_the_day_knows_its_own_end_alone(tmp_path):
    journal, capture = make_session(tmp_path, "2025-01-02", from_minute=60, to_minute=150)
    found = analyse_journal(journal, capture)
    view = order_view(found, 0)
    assert view["prices"]["open"].reason == "the prints begin after the open"
    assert view["prices"]["close"].reason == "the prints end before the close"


def test_the_analyzer_and_the_summary_have_them_all(days):
    from grandmodel.execution.journal_file import open_journal

    found = analyse_journal(*days[1])
    whole = summarise(found).whole.benchmarks_bps
    assert tuple(whole) == BENCHMARKS
    assert {name for name, value in whole.items() if isinstance(value, Unknown)} == {"previous_close"}
    from grandmodel.execution.analytics.order_analyses import OrderAnalyses

    assert open_journal(days[1][0]) is not None
    table = OrderAnalyses(found)
    for order_id in table.ids:
        place = found.place(order_id)
        view = order_view(found, place)["against_bps"]
        for name, value in table[order_id].benchmarks_bps.items():
            assert repr(value) == repr(view[name]), (order_id, name)


def test_a_trade_that_is_given_takes_its_benchmarks(days):
    """QUANT's sign: positive is bad, of buy and sell alike; index up 2 %, beta 1.5: 300 bps of a buy's cost is its."""
    trade = {"symbol": "AAPL", "quantity": 100, "average_price": 103.0, "arrival_price": 100.0, "decision_price": 100.0,
             "market_vwap": 102.0, "market_twap": 101.0, "market_pwp": 104.0, "open_price": 99.0, "close_price": 105.0,
             "previous_close": 98.0, "index_arrival": 500.0, "index_vwap": 510.0, "beta": 1.5}  # fmt: skip
    found = TradeCostAnalyzer().analyze_trade(trade).benchmarks_bps
    for name, price in (("arrival", 100), ("vwap", 102), ("twap", 101), ("pwp", 104), ("open", 99), ("close", 105),
                        ("previous_close", 98)):  # fmt: skip
        assert found[name] == pytest.approx((103 / price - 1) * 1e4)
    assert found["market_adjusted"] == pytest.approx(300 - 1.5 * 200)
    sold = TradeCostAnalyzer().analyze_trade({**trade, "side": "sell"}).benchmarks_bps
    assert all(sold[name] == pytest.approx(-found[name]) for name in BENCHMARKS)
    bare = TradeCostAnalyzer().analyze_trade({"symbol": "A", "quantity": 1, "average_price": 2}).benchmarks_bps
    assert [bare[name].reason for name in ("arrival", "open", "market_adjusted")] == [
        "no arrival price", "no market data: give open_price", "no beta: give beta",
    ]  # fmt: skip


def tca(*arguments):
    result = CliRunner().invoke(cli.app, ["tca", *map(str, arguments)])
    return result.output if result.exit_code == 0 else str(result.exception)


def test_the_options_say_what_is_known(days, tmp_path):
    journal, (_, earlier) = days[1][0], days[0]
    found = json.loads(tca(journal, "--json", "--previous", earlier, "--index", "JPM", "--beta", "MSFT=1"))
    assert all(value is not None for value in found["whole"]["benchmarks_bps"].values())
    text = tca(journal, "--previous", earlier)
    assert max(map(len, text.splitlines())) <= 80
    assert "against, bps" in text
    closes = tmp_path / "closes.yaml"
    closes.write_text("{AAPL: 150.00, MSFT: 300.00, JPM: 200.00}")
    rows = tca(journal, "--csv", "--previous", closes).splitlines()
    assert "previous_close_bps,market_adjusted_bps" in rows[0]
    config = tmp_path / "config.yaml"
    config.write_text("analytics: {index: JPM, previous_closes: {AAPL: '150.00'}}\ninstruments: {MSFT: {beta: 1.0}}\n")
    one = tca(journal, "--order", "1", "--config", config)
    assert max(map(len, one.splitlines())) <= 80
    assert "market adjusted" in one
    assert "previous close" in one
    assert "no beta of" in tca(journal, "--order", "1", "--index", "JPM", "--config", _without_betas(tmp_path))
    assert tca(journal, "--beta", "AAPL") == "--beta is 'AAPL', must be SYMBOL=NUMBER, such as AAPL=1.2"
    assert tca(journal, "--previous", tmp_path / "no.gmc").endswith("there is no such file")
    assert "given.yaml['AAPL'] is 'x', must be a price" in tca(journal, "--previous", _file(tmp_path, "AAPL: x"))


def _without_betas(folder):
    path = folder / "plain.yaml"
    path.write_text("{}\n")
    return path


def _file(folder, text):
    path = folder / "given.yaml"
    path.write_text(text)
    return path


def test_an_index_that_nobody_trades_is_in_the_capture_and_changes_no_order(tmp_path):
    """A synthetic market lives on where it is looked at; what the configuration names as the index is."""
    from grandmodel.execution import SmartOrderRouter

    told = []
    for name, index in (("with", "XOM"), ("without", None)):
        clock = SimulatedClock()
        core = make_core(load_config({
            "mode": "simulation", "seed": 8, "market": {"events_per_second": 10},
            "journal": {"path": str(tmp_path / f"{name}.gmj"), "capture": str(tmp_path / f"{name}.gmc")},
            "analytics": {"index": index}, "instruments": {"AAPL": {"beta": 1.0}},
        }), clock=clock)  # fmt: skip
        order = {"symbol": "AAPL", "side": "buy", "quantity": 2000, "order_type": "market"}
        way = {"algorithm": "twap", "duration_minutes": 20}
        run(SmartOrderRouter(engine=core).execute_algorithm_order(order, way), clock=clock)
        core.close()
        told.append(analyse_journal(tmp_path / f"{name}.gmj", tmp_path / f"{name}.gmc"))
    one, other = told
    assert one.market.index is not None
    assert np.isfinite(one.orders["market_adjusted_bps"]).all()
    assert one.orders["index_bps"][0] != 0
    assert np.isnan(other.orders["market_adjusted_bps"]).all()
    for column in ("average_price", "total_e9", "vwap", "twap", "fills"):
        assert one.orders[column].tolist() == other.orders[column].tolist(), column
