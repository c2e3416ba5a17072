"""The estimators on real markets: the figures that independent readings of the same files give."""

import json
import lzma

import numpy as np
import pytest
from support_mat import read_mat

from grandmodel.execution.microstructure import (
    book_walks,
    fit_micro_price,
    flow_bars,
    interval_sums,
    kyle_lambda,
    lee_ready,
    mean_quoted_spread,
    order_flow_imbalance,
    prevailing_mid,
    quoted_spreads,
    realized_variance,
    recovery,
    spreads_at_horizons,
    sweep_times,
    time_weighted_spread,
    two_scale_variance,
    volume_curve,
)
from grandmodel.execution.simulation import read_lobster

E9, MS = 10**9, 10**6
OPEN, CLOSE = 34_200 * E9, 57_600 * E9


@pytest.fixture(scope="module")
def facts(market_data):
    return json.loads((market_data / "facts.json").read_text())


def table(path, columns, converters=None, skip=0):
    with lzma.open(path, "rt") as lines:
        return np.loadtxt(lines, delimiter=",", usecols=columns, skiprows=skip, converters=converters, unpack=True)


def carried(values):
    """NaN is what stood before."""
    known = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(known)]


# ---- sweeps of a real book: NASDAQ, November 2014 --------------------------------------------------------------------


@pytest.fixture(scope="module", params=["EBAY", "INTC", "MSFT"])
def nasdaq(request, market_data):
    folder = market_data / "nasdaq_nov2014"
    stem = f"{request.param}_20141103"
    orders = table(folder / f"{stem}_market_orders.csv.xz", None, skip=1).T
    orders = orders[(orders[:, 0] * MS >= OPEN) & (orders[:, 0] * MS < CLOSE)]
    return request.param, orders, read_mat(folder / f"{stem}.mat")["LOB"]


def test_every_market_order_paid_what_walking_the_book_before_it_says(nasdaq, facts):
    name, orders, _ = nasdaq
    bid_price, bid_size, ask_price, ask_size = (orders[:, 10 + 10 * k : 20 + 10 * k] for k in range(4))
    buys = orders[:, [7]] < 0  # the file's -1 is a buy
    walks = book_walks(np.where(buys, ask_price, bid_price), np.where(buys, ask_size, bid_size), orders[:, 6])
    fact = facts[f"nov2014 {name}"]
    assert len(orders) == fact["mo_rth"]
    assert (walks.unfilled_quantity == 0).all()
    # The file rounds averages to 1e-4 of its unit, which is 1e-4 dollars: every one of them agrees to the last digit.
    assert np.abs(walks.average_price - orders[:, 5]).max() <= 0.5e-4
    assert (walks.marginal_price == orders[:, 8]).all()
    paid = (walks.average_price * orders[:, 6]).sum() / orders[:, 6].sum() / 10_000
    assert paid == pytest.approx(fact["rth_vwap"], abs=5e-7)


def test_mean_spread_of_the_grid(nasdaq, facts):
    """Of columns of the recording's own int32, Fortran order; prices of 0 are nobody."""
    name, _, book = nasdaq
    bid, ask = (np.where(book[side][:, 0] > 0, book[side][:, 0], np.nan) for side in ("BuyPrice", "SellPrice"))
    assert mean_quoted_spread(bid, ask) == pytest.approx(facts[f"nov2014 {name}"]["mean_grid_spread_bp"], abs=5e-5)


def test_order_flow_imbalance_explains_what_the_paper_says(nasdaq):
    """Cont, Kukanov, Stoikov: ten seconds, fits by half-hours, mean R2 65 % (44 to 79 by stock); the impact
    positive."""
    _, _, book = nasdaq
    time = book["EventTime"][:, 0].astype(np.int64) * MS
    flow = order_flow_imbalance(
        book["BuyPrice"][:, 0], book["BuyVolume"][:, 0], book["SellPrice"][:, 0], book["SellVolume"][:, 0]
    )
    sums = interval_sums(time[1:], flow, begin_ns=OPEN, end_ns=CLOSE, intervals=2_340)
    grid = np.arange(OPEN, CLOSE + 1, 10 * E9)
    ticks = np.diff(prevailing_mid(grid, time, book["BuyPrice"][:, 0], book["SellPrice"][:, 0], strict=False)) / 100
    fits = [kyle_lambda(ticks[k : k + 180], sums[k : k + 180]) for k in range(180, 2_340, 180)]
    assert all(fit.slope > 0 for fit in fits)
    assert 0.44 < np.mean([fit.r_squared for fit in fits]) < 0.79


def test_the_micro_price_of_a_day(nasdaq):
    """More on the bid, higher: strictly by bucket; sides exchanged, the sign turns; within a tick."""
    _, _, book = nasdaq
    columns = [book[name][:, 0] for name in ("BuyPrice", "SellPrice", "BuyVolume", "SellVolume")]
    fitted = fit_micro_price(*columns, tick=100, buckets=10, spreads=2)
    assert fitted.reason == ""
    assert fitted.outside < 0.02 * fitted.observations
    assert (np.diff(fitted.adjustment, axis=0) > 0).all()
    np.testing.assert_allclose(fitted.adjustment, -fitted.adjustment[::-1], rtol=1e-9)
    assert np.abs(fitted.adjustment).max() < 100


# ---- quotes and trades of the consolidated tape ----------------------------------------------------------------------


@pytest.mark.parametrize("day", ["20131008", "20131009"])
def test_lean_ticks(market_data, facts, day):
    folder, fact = market_data / "lean" / "tick", facts[f"lean tick ibm {day}"]
    ms, bid, ask, suspicious = table(folder / f"ibm_{day}_quote.csv.xz", (0, 1, 3, 7))
    kept = suspicious == 0
    time = (ms[kept] * MS).astype(np.int64)
    bid, ask = (carried(np.where(side[kept] > 0, side[kept], np.nan)) for side in (bid, ask))
    quoted = time_weighted_spread(time, bid, ask, begin_ns=OPEN, end_ns=CLOSE)
    assert quoted.bps == pytest.approx(fact["tw_spread_bp"], abs=5e-5)
    assert quoted.locked_or_crossed_ns == fact["ms_locked_or_crossed"] * MS
    assert quoted.missing_ns == 0
    ms, price, size, suspicious = table(folder / f"ibm_{day}_trade.csv.xz", (0, 1, 2, 5))
    kept = (suspicious == 0) & (ms * MS >= OPEN) & (ms * MS < CLOSE)
    at, price, size = (ms[kept] * MS).astype(np.int64), price[kept], size[kept]
    side = lee_ready(at, price, time, bid, ask)
    bars = flow_bars(at, price, size, side, begin_ns=OPEN, interval_ns=300 * E9, intervals=78, price_unit=1e-4)
    assert (bars.volume.sum(), bars.outside) == (fact["rth_volume"], 0)
    assert (price * size).sum() / size.sum() / 1e4 == pytest.approx(fact["rth_vwap"], abs=5e-7)
    spreads = spreads_at_horizons(at, price, size, time, bid, ask, side=side)
    for horizon in spreads.horizons.values():
        assert horizon.effective_bps == pytest.approx(horizon.realized_bps + horizon.impact_bps, abs=1e-9)
    assert 0 < spreads.effective_bps < 2 * quoted.bps
    assert kyle_lambda(bars.price_change[1:], bars.signed_volume[1:]).slope > 0


def test_taq(market_data, facts):
    """The best of each venue's last quote, as thin as the other venues are in this file: mostly crossed, and so it
    says."""
    fact = facts["taq 2018-01-02"]
    venues = {}
    number = {1: lambda text: venues.setdefault(text, len(venues)), 0: nanoseconds}
    folder = market_data / "taq"
    time, venue, bid, ask = table(folder / "XXX_2018-01-02_quotes.csv.xz", (0, 1, 2, 4), number, 1)
    assert len(time) == fact["quote_rows"]
    bids, asks = np.full((len(time), len(venues)), np.nan), np.full((len(time), len(venues)), np.nan)
    rows = np.arange(len(time)), venue.astype(int)
    bids[rows], asks[rows] = bid, ask
    known = np.zeros((len(time), len(venues)), int)
    known[rows] = rows[0]
    known = np.maximum.accumulate(known)
    bids, asks = (np.take_along_axis(side, known, axis=0) for side in (bids, asks))
    bids, asks = np.where(bids > 0, bids, np.nan), np.where(asks > 0, asks, np.nan)
    best_bid, best_ask = np.nanmax(bids, axis=1), np.nanmin(asks, axis=1)
    quoted = time_weighted_spread((time * 1e3).astype(np.int64), best_bid, best_ask, begin_ns=OPEN, end_ns=CLOSE)
    assert quoted.bps == pytest.approx(fact["tw_nbbo_spread_bp"], abs=5e-5)
    assert quoted.locked_or_crossed_ns / E9 == pytest.approx(fact["sec_locked_crossed"], abs=5e-4)
    assert (quoted_spreads(best_bid, best_ask) <= 0).mean() > 0.5


def nanoseconds(text):
    """Microseconds after midnight: as exact in a double as the file's digits."""
    text = text if isinstance(text, str) else text.decode()
    hours, minutes, seconds = text[11:].split(":")
    return (int(hours) * 3600 + int(minutes) * 60) * 1e6 + round(float(seconds) * 1e6)


@pytest.mark.parametrize("name", ["aapl 20140605", "ibm 20131008", "spy 20131008", "spy 20230803"])
def test_half_hours_of_minute_bars(market_data, facts, name):
    """The shares of the first and last half-hour."""
    import io
    import zipfile

    symbol, day = name.split()
    with zipfile.ZipFile(market_data / "lean" / "minute" / f"{symbol}_{day}_trade.zip") as archive:
        ms, volume = np.loadtxt(
            io.BytesIO(archive.read(archive.namelist()[0])), delimiter=",", usecols=(0, 5), unpack=True
        )
    curve = volume_curve((ms * MS).astype(np.int64), volume, [OPEN], [CLOSE], minimum_days=1)
    fact = facts[f"lean minute {name}"]
    assert curve.share[0] == pytest.approx(fact["first30"], abs=5e-5)
    assert curve.share[-1] == pytest.approx(fact["last30"], abs=5e-5)
    assert curve.share.sum() == pytest.approx(1, abs=1e-12)


# ---- a day by order: LOBSTER -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["AMZN 5", "AAPL 1"])
def lobster(request, market_data):
    symbol, depth = request.param.split()
    stem = market_data / "lobster" / f"{symbol}_2012-06-21_34200000_57600000"
    day = read_lobster(f"{stem}_message_{depth}.csv.xz", f"{stem}_orderbook_{depth}.csv.xz")
    return request.param, day.messages, day.books, int(day.messages["time_ns"][0]) // (86_400 * E9) * 86_400 * E9


def test_spreads_of_a_day_by_order(lobster, facts):
    """From strided views of the books, ask and bid in 1e-9 dollars."""
    name, messages, books, _ = lobster
    fact = facts[f"lobster {name}"]
    bid, ask = books[:, 0, 2], books[:, 0, 0]
    assert not bid.flags.c_contiguous
    close = int(messages["time_ns"][-1]) - round(fact["last_time"] * 1e9) + CLOSE
    quoted = time_weighted_spread(messages["time_ns"], bid, ask, end_ns=close)
    assert quoted.bps == pytest.approx(fact["tw_spread_bp"], abs=5e-5)
    assert quoted.mid / 1e9 == pytest.approx(fact["tw_mid"], abs=5e-7)
    assert quoted.locked_or_crossed_ns == 0 == fact["crossed_or_locked_rows"]
    assert mean_quoted_spread(bid, ask) == pytest.approx(fact["mean_spread_bp_per_message"], abs=5e-5)


def test_lee_ready_finds_the_side_that_the_recording_tells(lobster):
    """Executions of displayed orders are at the touch of the book before them: nothing but the side that took."""
    _, messages, books, _ = lobster
    executed = messages["action"] == 4
    trades, time = messages[executed], messages["time_ns"]
    got = lee_ready(trades["time_ns"], trades["price_e9"], time, books[:, 0, 2], books[:, 0, 0])
    agreed = (got == -trades["side"]).mean()
    assert agreed > 0.999, f"{agreed:.4f} of {len(trades)}"


def test_impact_and_resilience_of_a_day_by_order(lobster):
    _, messages, books, _ = lobster
    executed = messages["action"] == 4
    trades, time = messages[executed], messages["time_ns"]
    bid, ask = books[:, 0, 2], books[:, 0, 0]
    spreads = spreads_at_horizons(
        trades["time_ns"], trades["price_e9"], trades["quantity"], time, bid, ask, side=-trades["side"]
    )
    assert spreads.effective_bps > 0
    assert all(horizon.impact_bps > 0 for horizon in spreads.horizons.values())
    before = np.flatnonzero(executed) - 1
    side = np.where(trades["side"] > 0, books[before, 0, 3], books[before, 0, 1])
    sweeps = sweep_times(trades["time_ns"], trades["quantity"], side, consumed=0.99, apart_ns=10 * E9)
    back = recovery(sweeps, time, ask - bid, horizon_s=20.0)
    assert back.sweeps > 500
    assert back.excess[0] > 0
    assert back.recovered[5.0] < back.recovered[10.0] < 1
    assert 5 < back.tau_s < 60


def test_volatility_of_a_day_by_order(lobster):
    """The mid bounces: every-message variance is above the two-scale one, which five-minute returns are near to."""
    _, messages, books, _ = lobster
    mid = (books[:, 0, 0] + books[:, 0, 2]) / 2
    robust = two_scale_variance(mid, scale=400)
    grid = np.arange(int(messages["time_ns"][0]), int(messages["time_ns"][-1]), 300 * E9)[1:]
    slow = realized_variance(prevailing_mid(grid, messages["time_ns"], books[:, 0, 2], books[:, 0, 0]))
    assert realized_variance(mid) > robust
    assert 0.4 < slow / robust < 2.5
