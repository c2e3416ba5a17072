"""Real files read whole: the counts, prices and books that their vendors, or independent readings, give."""

import json
import lzma
from dataclasses import replace

import numpy as np
import pytest

from grandmodel.execution import MESSAGE_DTYPE, OrderBook
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError
from grandmodel.execution.market_data.messages import Action, Flag
from grandmodel.execution.simulation import ColumnMap, read_lobster, read_market_data

E9 = 10**9
UNIT = 100_000
NEW_YORK_OPEN, NEW_YORK_CLOSE = 34_200 * E9, 57_600 * E9


@pytest.fixture(scope="module")
def facts(market_data):
    return json.loads((market_data / "facts.json").read_text())


def vwap(rows):
    return (
        sum(p * q for p, q in zip(rows["price_e9"].tolist(), rows["quantity"].tolist(), strict=True))
        / int(rows["quantity"].sum())
        / 1e9
    )


def of_day(rows, midnight):
    ns = rows["time_ns"] - midnight
    return rows[(ns >= NEW_YORK_OPEN) & (ns < NEW_YORK_CLOSE)]


# ---- LOBSTER


@pytest.mark.parametrize(
    ("stem", "depth"), [("AMZN_2012-06-21_34200000_57600000", 5), ("AAPL_2012-06-21_34200000_57600000", 1)]
)
def test_a_lobster_day_with_its_book_is_that_book_row_by_row(market_data, stem, depth):
    """The stream of levels, applied one by one: after each message's last row the book is the file's row."""
    messages = market_data / "lobster" / f"{stem}_message_{depth}.csv.xz"
    books = market_data / "lobster" / f"{stem}_orderbook_{depth}.csv.xz"
    day = read_lobster(messages, books)
    data = read_market_data(messages, orderbook=books)
    assert (data.book, data.depth, data.drifts) == ("L2", depth, None)
    book = OrderBook(kind="L2")
    standing = np.full(day.books.shape, -1, np.int64)
    for rows in data:
        states = book.trace(rows, depth)
        place = rows["sequence"] - 1
        standing[place] = states  # the last row of a message wins
    silent = standing[:, 0, 1] == -1  # messages outside the levels change nothing
    last = np.maximum.accumulate(np.where(silent, 0, np.arange(len(standing))))
    assert np.array_equal(standing[last], day.books)
    assert book.problems == {}
    assert data.records == len(day)
    traded = np.concatenate([rows[np.isin(rows["action"], (Action.TRADE, Action.EXECUTE_HIDDEN))] for rows in data])
    assert int((traded["action"] == Action.TRADE).sum()) == data.counts["4"]


@pytest.mark.parametrize(
    ("stem", "depth", "expected"),
    [("AMZN_2012-06-21_34200000_57600000", 5, 155_934), ("AAPL_2012-06-21_34200000_57600000", 1, 118_496)],
)
def test_each_lobster_message_turns_one_row_of_the_book_into_the_next(market_data, stem, depth, expected):
    """A book by order seeded with row k-1 and given message k is row k, in every level that row k-1 could know."""
    day = read_lobster(
        market_data / "lobster" / f"{stem}_message_{depth}.csv.xz",
        market_data / "lobster" / f"{stem}_orderbook_{depth}.csv.xz",
    )
    width = 2 + 2 * depth
    book = OrderBook(capacity=64, ticks=4096)
    equal = 0
    for begin in range(1, len(day), 20_000):
        end = min(begin + 20_000, len(day))
        n = end - begin
        feed = np.zeros((n, width), MESSAGE_DTYPE)
        feed["flags"][:, :-1] = Flag.SNAPSHOT
        feed["action"][:, 0] = Action.CLEAR
        before, after = day.books[begin - 1 : end - 1], day.books[begin:end]
        for k in range(depth):
            for side, column, first in ((1, 1 + 2 * k, 2), (-1, 2 + 2 * k, 0)):
                there = before[:, k, first] != NO_PRICE
                feed["action"][:, column] = np.where(there, Action.ADD, Action.HALT)
                feed["side"][:, column] = side
                feed["price_e9"][:, column] = before[:, k, first]
                feed["quantity"][:, column] = before[:, k, first + 1]
        feed[:, -1] = day.messages[begin:end]
        states = book.trace(feed.ravel(), depth)[width - 1 :: width]
        for k in range(n):
            equal += all(
                _agrees(states[k, :, cells], before[k, :, cells], after[k, :, cells], side)
                for side, cells in ((-1, slice(0, 2)), (1, slice(2, 4)))
            )
    assert equal == expected


def _agrees(ours, before, after, side):
    """Levels beyond the last one of row k-1 are not ours to know, unless it showed that there are no more."""
    edge = before[-1, 0]

    def known(levels):
        return [row for row in levels.tolist() if row[1] and (edge == NO_PRICE or (edge - row[0]) * side <= 0)]

    return known(ours) == known(after)


def head_book(market_data):
    """The book by order, seeded with the first row of the 50-level head."""
    day = read_lobster(
        market_data / "lobster" / "AAPL_2012-06-21_message_50_head.csv.xz",
        market_data / "lobster" / "AAPL_2012-06-21_orderbook_50_head.csv.xz",
    )
    seed = np.zeros(100, MESSAGE_DTYPE)
    seed["action"], seed["flags"] = Action.ADD, Flag.SNAPSHOT
    seed["side"][:50], seed["side"][50:] = -1, 1
    seed["price_e9"] = np.concatenate([day.books[0, :, 0], day.books[0, :, 2]])
    seed["quantity"] = np.concatenate([day.books[0, :, 1], day.books[0, :, 3]])
    seed = seed[seed["quantity"] > 0]  # fewer than fifty levels may stand
    book = OrderBook()
    assert book.apply(seed, strict=True) == len(seed)
    return book, day


def test_the_head_of_a_deep_book(market_data):
    """The first row already has message 0 in it; the next 671 are ours, ten levels deep."""
    book, day = head_book(market_data)
    states = book.trace(day.messages[1:], 10)
    assert np.array_equal(states, day.books[1:, :10])


def test_a_deep_hour_against_the_best_prices_of_the_day(market_data):
    """A replay from the head row, 91,997 messages, against the level-1 file where both tell the same event: the figures
    of the data's own description. It drifts where levels beyond the fiftieth come into sight: the reader says it."""
    book, _ = head_book(market_data)
    data = read_market_data(market_data / "lobster" / "AAPL_2012-06-21_34200000_37800000_message_50.csv.xz")
    assert "drifts" in data.drifts
    hour = data.read()
    states = np.zeros((len(hour), 1, 4), np.int64)  # the head's first row has message 0 in it
    states[1:] = book.trace(hour[1:], 1)
    day = read_lobster(
        market_data / "lobster" / "AAPL_2012-06-21_34200000_57600000_message_1.csv.xz",
        market_data / "lobster" / "AAPL_2012-06-21_34200000_57600000_orderbook_1.csv.xz",
    )
    names = ["time_ns", "action", "order_id", "quantity", "price_e9", "side"]
    places, shared = {}, []
    for k, key in enumerate(hour[names].tolist()):
        places.setdefault(key, []).append(k)
    for k, key in enumerate(day.messages[names].tolist()):
        if places.get(key):
            shared.append((k, places[key].pop(0)))
    shared = [(k, j) for k, j in shared if j > 0]
    prices = sum(day.books[k, 0, 0] == states[j, 0, 0] and day.books[k, 0, 2] == states[j, 0, 2] for k, j in shared)
    sizes = sum(np.array_equal(day.books[k], states[j]) for k, j in shared)
    assert len(shared) in (25_640, 25_641)
    assert prices >= 25_625
    assert sizes >= 25_622


# ---- Databento


def dbn_book(path, tick="0.25"):
    pytest.importorskip("databento_dbn")
    data = read_market_data(path)
    book = OrderBook(tick)
    rows = data.read()
    book.apply(rows)
    return data, rows, book


@pytest.mark.parametrize(
    ("name", "records", "bid", "ask", "levels", "resting"),
    [
        ("esh4-glbx-mdp3-20231224.mbo.dbn.zst", 8725, (4799.0, 16), (4799.5, 23), (892, 559), 8725),
        ("esm4-glbx-mdp3-20240508T000000-000002.mbo.dbn.zst", 13796, (5214.0, 28), (5214.25, 17), (976, 571), 13598),
    ],
)
def test_cme_books_by_order(market_data, name, records, bid, ask, levels, resting):
    data, rows, book = dbn_book(market_data / "dbn" / name)
    assert data.records == len(rows) == records
    assert data.book == "L3"
    assert book.problems == {}
    assert len(book) == resting
    bids, asks = book.levels(10_000)
    assert (len(bids), len(asks)) == levels
    assert (bids[0]["price_e9"] / 1e9, bids[0]["quantity"]) == bid
    assert (asks[0]["price_e9"] / 1e9, asks[0]["quantity"]) == ask
    assert book.is_synchronised
    book.check_invariants()


def test_cme_actions_and_trades(market_data, facts):
    data, rows, _ = dbn_book(market_data / "dbn" / "esm4-glbx-mdp3-20240508T000000-000002.mbo.dbn.zst")
    assert data.counts == {"R": 1, "A": 13678, "C": 80, "M": 27, "T": 5, "F": 5}
    assert data.symbols == {0: "ESM4"}
    assert int((rows["flags"] & Flag.SNAPSHOT != 0).sum()) == 13601
    traded = rows[(rows["action"] == Action.TRADE) & (rows["flags"] & Flag.UNPRINTED == 0)]
    assert int(traded["quantity"].sum()) == 6
    assert vwap(traded) == 5214.25
    fills = rows[(rows["action"] == Action.TRADE) & (rows["flags"] & Flag.UNPRINTED != 0)]
    assert int(fills["quantity"].sum()) == 6
    assert (fills["order_id"] > 0).all()
    named = read_market_data(data.path, symbols=["ESM4"])
    assert len(named.read()) == len(rows)
    assert len(read_market_data(data.path, symbols=["ESH9"]).read()) == 0


def test_cme_best_prices(market_data):
    data, rows, book = dbn_book(market_data / "dbn" / "esu4-glbx-mdp3-20240701T2358-0002.mbp-1.dbn.zst")
    assert data.records == 2288
    assert data.counts == {"T": 120, "C": 989, "A": 1061, "M": 118}
    assert (data.book, data.depth) == ("L2", 1)
    traded = rows[rows["action"] == Action.TRADE]
    assert int(traded["quantity"].sum()) == 253
    assert round(vwap(traded), 6) == 5529.033597
    levels = OrderBook("0.25", kind="L2")
    assert levels.apply(rows) == len(rows)
    bids, asks = levels.levels(5)
    assert len(bids) == len(asks) == 1
    assert bids[0]["order_count"] > 0
    assert not levels.is_crossed
    assert book.problems["action"] == len(rows) - len(traded)  # levels are nothing for a book by order


@pytest.mark.parametrize(
    ("name", "rows", "kind"),
    [
        ("mbo.v3.dbn", 2, "messages"),
        ("mbp-1.v3.dbn.zst", 4, "messages"),
        ("mbp-10.v3.dbn.zst", 40, "messages"),
        ("trades.v3.dbn.zst", 2, "messages"),
        ("ohlcv-1s.v3.dbn.zst", 2, "bars"),
    ],
)
def test_dbn_schemas(market_data, name, rows, kind):
    pytest.importorskip("databento_dbn")
    data = read_market_data(market_data / "dbn" / "schema_samples" / f"test_data.{name}")
    assert len(data.read()) == rows
    assert data.kind == kind
    assert data.symbols == {0: "ESH1"}
    if kind == "bars":
        assert data.read()["close_e9"].tolist()[0] == 372_050 * E9
        assert data.read()["volume"].tolist()[0] == 57
    if "mbp-10" in name:
        book = OrderBook("0.25", kind="L2")
        book.apply(data.read())
        bids, asks = book.levels(20)
        assert (len(bids), len(asks)) == (10, 10)
        assert bids[0].tolist()[1:] == (24, 15) or bids[0]["quantity"] > 0


# ---- Binance


@pytest.mark.parametrize(("name", "equal"), [("spot_btcusdt", 564), ("usdm_btcusdt", 629), ("cm_btcusd_perp", 1124)])
def test_binance_depth_equals_book_ticker_at_equal_update_ids(market_data, facts, name, equal):
    fact = facts[f"binance {name}_20240808"]
    data = read_market_data(market_data / "binance" / f"{name}_20240808.jsonl.xz", quotes=True)
    rows = data.read()
    assert data.gaps == 0
    assert data.records == sum(data.counts.values())
    assert data.counts == fact["events"]
    depth, ticker = rows[rows["venue"] == 0], rows[rows["venue"] == 1]
    book = OrderBook("0.01" if name.startswith("spot") else "0.1", kind="L2")
    states = book.trace(depth, 1)[:, 0]
    assert book.problems == {}
    assert book.is_synchronised
    whole = (depth["flags"] & Flag.LAST != 0) & (depth["action"] == Action.SET_LEVEL)
    tops = dict(zip(depth["sequence"][whole].tolist(), states[whole].tolist(), strict=True))
    compared = same = 0
    for bid, ask in zip(ticker[0::2], ticker[1::2], strict=True):
        top = tops.get(int(bid["sequence"]))
        if top is not None:
            compared += 1
            same += top == [ask["price_e9"], ask["quantity"], bid["price_e9"], bid["quantity"]]
    assert same == compared == equal
    traded = depth[depth["action"] == Action.TRADE]
    expected = {
        "spot_btcusdt": (212.03315, 96.65118, 61707.681617),
        "usdm_btcusdt": (2429.366, 1251.576, 61680.982153),
        "cm_btcusd_perp": (83241.0, 35603.0, 61685.615703),
    }[name]
    assert int(traded["quantity"].sum()) == round(expected[0] * 1e8)
    assert int(traded["quantity"][traded["side"] == -1].sum()) == round(
        expected[1] * 1e8
    )  # the maker sold: a buyer took
    assert round(vwap(traded), 6) == expected[2]


def test_a_dropped_binance_update_is_noticed(market_data, tmp_path):
    with lzma.open(market_data / "binance" / "usdm_btcusdt_20240808.jsonl.xz") as stream:
        lines = [stream.readline() for _ in range(6000)]
    updates = [k for k, line in enumerate(lines) if b'"depthUpdate"' in line]
    kept = tmp_path / "whole.jsonl"
    kept.write_bytes(b"".join(lines))
    assert read_market_data(kept).read() is not None
    del lines[updates[200]]
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines))
    data = read_market_data(cut)
    rows = data.read()
    assert data.format == "binance"
    assert data.gaps == 1
    assert int((rows["flags"] & Flag.GAP != 0).sum()) == 1
    book = OrderBook("0.1", kind="L2")
    book.apply(rows)
    assert (book.gaps, book.is_synchronised) == (1, False)


# ---- PITCH, ITCH


def test_pitch_file(market_data):
    data = read_market_data(market_data / "pitch" / "pitch_example_data_first10000.txt.xz", date="2010-01-04")
    rows = data.read()
    assert data.format == "pitch"
    assert data.counts == {"A": 5313, "X": 4663, "E": 11, "P": 13}
    assert len(rows) == 10_000
    executed = rows[np.isin(rows["action"], (Action.EXECUTE, Action.EXECUTE_HIDDEN))]
    by_symbol = {
        data.symbols[int(s)]: int(executed["quantity"][executed["symbol"] == s].sum())
        for s in np.unique(executed["symbol"])
    }
    assert sum(by_symbol.values()) == 8749
    top = sorted(by_symbol.items(), key=lambda item: -item[1])
    assert top[:9] == [
        ("OIH", 5000),
        ("SPY", 2000),
        ("ZVZZT", 577),
        ("AAPL", 290),
        ("FXP", 220),
        ("DRYS", 209),
        ("DIG", 200),
        ("DIA", 153),
        ("DXD", 100),
    ]
    ms = (rows["time_ns"] - rows["time_ns"].min()) // 10**6 + 28_800_011
    assert (int(ms[0]), int(ms[-1])) == (28_800_011, 28_872_463)
    assert data.drifts is None
    for number in np.unique(rows["symbol"]).tolist():  # every symbol's book takes every message
        book = OrderBook("0.0001", symbol=number, capacity=4096)
        book.apply(rows)
        assert book.problems == {}


def test_itch_file(market_data):
    data = read_market_data(market_data / "itch" / "nasdaq_itch50_first1000.itch")
    rows = data.read()
    assert data.format == "itch"
    assert data.records == 1000
    assert data.counts == {"R": 993, "H": 3, "Y": 3, "S": 1}
    assert rows["action"].tolist() == [Action.HALT] * 3
    assert len(data.symbols) == 993
    assert data.symbols[1] == "A"
    assert any("1970-01-01" in note for note in data.notes)


# ---- LEAN


@pytest.mark.parametrize("name", ["ibm_20131008", "ibm_20131009", "spy_20131008"])
def test_lean_ticks(market_data, name):
    figures = {
        "ibm_20131008": (33381, 33323, 5203752, 5564671, 179.869763, 181.89, 178.81, 0.3498),
        "ibm_20131009": (27042, 26915, 4104666, 4368369, 180.407815, 179.41, 181.34, 0.3243),
        "spy_20131008": (451545, 440353, 154413631, 178346557, 166.383778, 167.4, 165.47, 0.2095),
    }[name]
    data = read_market_data(market_data / "lean" / "tick" / f"{name}_trade.csv.xz")
    rows = data.read()
    midnight = _midnight(name[-8:])
    day = of_day(rows, midnight)
    assert (data.records, len(day), int(day["quantity"].sum()), int(rows["quantity"].sum())) == figures[:4]
    assert round(vwap(day), 6) == figures[4]
    assert (day["price_e9"][0] / 1e9, day["price_e9"][-1] / 1e9) == figures[5:7]
    off_exchange = day["quantity"][day["venue"] == data.venues.index("D")].sum() / day["quantity"].sum()
    assert round(float(off_exchange), 4) == figures[7]
    assert data.symbols == {0: name[:3].upper()}
    assert data.book is None


def _midnight(text):
    from datetime import date

    from grandmodel.execution.market_data.days import midnight_ns

    return midnight_ns(date(int(text[:4]), int(text[4:6]), int(text[6:])))


@pytest.mark.parametrize(
    ("name", "rows", "suspicious", "at_open", "at_close", "spread", "locked_ms"),
    [
        ("ibm_20131008", 125750, 1, (181.75, 182.57), (178.8, 178.81), 2.2158, 4348),
        ("ibm_20131009", 135492, 0, (179.37, 179.57), (181.26, 181.27), 3.2653, 2630),
    ],
)
def test_lean_quotes_are_the_national_best(market_data, name, rows, suspicious, at_open, at_close, spread, locked_ms):
    data = read_market_data(market_data / "lean" / "tick" / f"{name}_quote.csv.xz")
    feed = data.read()
    assert data.records == rows
    assert data.skipped.get("suspicious", 0) == suspicious
    book = OrderBook(kind="L2")
    tops = book.trace(feed, 1)[:, 0]
    assert book.problems == {}
    ms = (feed["time_ns"] - _midnight(name[-8:])) // 10**6
    opening = int(np.searchsorted(ms, 34_200_000, side="right")) - 1
    before = int(np.searchsorted(ms, 34_200_000)) - 1
    close = int(np.searchsorted(ms, 57_600_000)) - 1
    quotes = [(tops[k, 2] / 1e9, tops[k, 0] / 1e9) for k in (opening, before)]
    assert at_open in quotes
    assert (tops[close, 2] / 1e9, tops[close, 0] / 1e9) == at_close
    held = np.diff(np.clip(np.append(ms[opening:], 10**12), 34_200_000, 57_600_000))
    bid, ask = tops[opening:, 2], tops[opening:, 0]
    usual = ask > bid
    weighted = ((ask - bid) / ((ask + bid) / 2) * 1e4)[usual]
    assert round(float((weighted * held[usual]).sum() / held[usual].sum()), 3) == round(spread, 3)
    assert abs(int(held[~usual].sum()) - locked_ms) <= 1


BARS = {
    "aapl_20140605": (390, 10445282, 646.25, 647.35, 645.9433), "ibm_20131004": (389, 2729707, 184.22, 184.1, 184.3004),
    "spy_20131008": (390, 153859703, 167.45, 165.48, 166.3544),
    "spy_20230803": (390, 56894355, 448.04, 448.84, 449.1276),
}  # fmt: skip


@pytest.mark.parametrize("name", BARS)
def test_lean_minute_bars(market_data, name):
    data = read_market_data(market_data / "lean" / "minute" / f"{name}_trade.zip")
    assert data.kind == "bars"
    bars = of_day(data.read(), _midnight(name[-8:]))
    count, volume, first, last, average = BARS[name]
    assert (len(bars), int(bars["volume"].sum())) == (count, volume)
    assert (bars["open_e9"][0] / 1e9, bars["close_e9"][-1] / 1e9) == (first, last)
    typical = (bars["high_e9"] + bars["low_e9"] + bars["close_e9"]) / 3e9
    assert round(float((typical * bars["volume"]).sum() / volume), 4) == average
    quotes = read_market_data(market_data / "lean" / "minute" / f"{name}_quote.zip").read()
    assert set(quotes["side"].tolist()) == {1, -1}
    assert ((quotes["high_e9"] >= quotes["low_e9"]) & (quotes["low_e9"] > 0)).all()


# ---- CSV by a stated map


def test_databento_csv_by_a_column_map(market_data):
    columns = ColumnMap(
        time="ts_recv", price="price", quantity="size", side="side", action="action", sequence="sequence",
        symbol="symbol",
        actions={"T": Action.TRADE, "A": None, "C": None},
        bids=tuple((f"bid_px_{k:02d}", f"bid_sz_{k:02d}", f"bid_ct_{k:02d}") for k in range(10)),
        asks=tuple((f"ask_px_{k:02d}", f"ask_sz_{k:02d}", f"ask_ct_{k:02d}") for k in range(10)),
    )  # fmt: skip
    path = market_data / "mbp10" / "AAPL_2024-10-21_mbp10_5000.csv.xz"
    with pytest.raises(MarketDataError, match=r"line 22: bid_px_02 is '2 33.53', must be a decimal number"):
        read_market_data(path, columns=columns).read()  # so it stands in the file
    columns = replace(columns, bids=columns.bids[:2], asks=columns.asks[:2])
    data = read_market_data(path, columns=columns)
    rows = data.read()
    assert data.records == 5000
    assert (data.book, data.depth) == ("L2", 2)
    traded = rows[rows["action"] == Action.TRADE]
    assert (len(traded), int(traded["quantity"].sum())) == (286, 15959)
    assert round(vwap(traded), 6) == 233.813496
    book = OrderBook("0.01", kind="L2")
    tops = book.trace(rows, 1)[:, 0]
    assert book.problems == {}
    whole = tops[rows["flags"] & Flag.LAST != 0]
    assert len(whole) == 5000
    assert (whole[0, 2] / 1e9, whole[0, 0] / 1e9) == (233.67, 233.74)
    assert (whole[-1, 2] / 1e9, whole[-1, 0] / 1e9) == (233.51, 233.56)
    spread = (whole[:, 0] - whole[:, 2]) / ((whole[:, 0] + whole[:, 2]) / 2) * 1e4
    assert round(float(spread.mean()), 4) == 5.3582
    assert book.levels(1)[0][0]["order_count"] > 0


def test_taq_by_column_maps_and_a_consolidated_book(market_data):
    from grandmodel.execution._core.consolidated import ConsolidatedBook

    trades = ColumnMap(
        time="DT",
        zone="America/New_York",
        price="PRICE",
        quantity="SIZE",
        venue="EX",
        symbol="SYMBOL",
        keep={"CORR": ("0",)},
    )
    data = read_market_data(market_data / "taq" / "XXX_2018-01-02_trades.csv.xz", columns=trades)
    rows = data.read()
    day = of_day(rows, _midnight("20180102"))
    assert data.records == 39470
    assert (len(day), int(day["quantity"].sum())) == (39195, 4315945)
    assert round(vwap(day), 4) == 157.1343
    share = {
        data.venues[int(v)]: round(float(day["quantity"][day["venue"] == v].sum() / day["quantity"].sum()), 4)
        for v in np.unique(day["venue"])
    }
    assert (share["D"], share["N"], share["T"]) == (0.4378, 0.1668, 0.103)
    quotes = ColumnMap(
        time="DT",
        zone="America/New_York",
        venue="EX",
        symbol="SYMBOL",
        bids=(("BID", "BIDSIZ"),),
        asks=(("OFR", "OFRSIZ"),),
    )
    data = read_market_data(market_data / "taq" / "XXX_2018-01-02_quotes.csv.xz", columns=quotes)
    feed = data.read()
    assert data.records == 66695
    book = ConsolidatedBook(data.venues, kind="L2")
    midnight = _midnight("20180102")
    at = 0
    for hour, best in ((10.0, (158.53, 158.54)), (12.0, (156.65, 156.68)), (15.5, (156.51, 156.52))):
        cut = int(np.searchsorted(feed["time_ns"], midnight + int(hour * 3600) * E9, side="right"))
        assert book.apply(np.ascontiguousarray(feed[at:cut])) == cut - at
        at = cut
        assert (book.best_bid, book.best_ask) == best
        assert book.bid_venues
        assert book.ask_venues
    assert book.problems == {}


# ---- what a market order would pay


@pytest.mark.parametrize(("name", "expected"), [("INTC", 6347), ("MSFT", 7918), ("EBAY", 4729)])
def test_the_walk_of_the_book_is_what_real_market_orders_paid(market_data, name, expected):
    """Each market order of the day against the ten levels before it: the average price of the walk is the one paid."""
    levels = (
        tuple((f"bid_px_{k}", f"bid_sz_{k}") for k in range(10)),
        tuple((f"ask_px_{k}", f"ask_sz_{k}") for k in range(10)),
    )
    columns = ColumnMap(
        time="time_ms", time_unit="ms", since="midnight", zone="America/New_York", price="avg_price", quantity="volume",
        price_scale=10_000, side="side", sides={"-1": -1, "1": 1}, action=Action.TRADE, bids=levels[0], asks=levels[1],
    )  # fmt: skip
    data = read_market_data(market_data / "nasdaq_nov2014" / f"{name}_20141103_market_orders.csv.xz", columns=columns)
    rows = data.read()
    book = OrderBook("0.0001", kind="L2")
    midnight = _midnight("20141103")
    order, fits, equal = None, 0, 0
    for piece in np.split(rows, np.flatnonzero(rows["flags"] & Flag.LAST != 0) + 1):
        if not len(piece):
            continue
        order = piece[0]
        assert book.apply(np.ascontiguousarray(piece[1:])) == len(piece) - 1, book.first_problem
        if not NEW_YORK_OPEN <= order["time_ns"] - midnight < NEW_YORK_CLOSE:
            continue
        side = book.levels(10)[1 if order["side"] == -1 else 0]  # -1 bought: it walks the offers
        left, paid = int(order["quantity"]), 0
        for level in side.tolist():
            part = min(left, level[1])
            paid, left = paid + part * level[0], left - part
        if left == 0:
            fits += 1
            equal += abs(paid / int(order["quantity"]) - int(order["price_e9"])) <= 1e-4 * E9
    assert equal == fits == expected
