"""The LOBSTER reader: a pair made by hand, every kind of broken file, and real days where there are any."""

import gzip
import lzma
import os
import re
import shutil
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.execution._core.book import OrderBook
from grandmodel.execution._core.lobster import (
    HALTED,
    QUOTING_RESUMED,
    TRADING_RESUMED,
    parse_books,
    parse_messages,
)
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE
from grandmodel.execution._core.values import MarketDataError
from grandmodel.execution.simulation import LobsterDay, read_lobster

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data"
MESSAGES = DATA / "HAND_2012-06-21_34200000_57600000_message_3.csv"
BOOKS = DATA / "HAND_2012-06-21_34200000_57600000_orderbook_3.csv"
SAMPLES = Path(os.environ.get("GRANDMODEL_DATA", TESTS.parents[1] / "shared" / "data")) / "lobster"
MIDNIGHT_NS = 1_340_251_200_000_000_000  # 2012-06-21 00:00 in New York (UTC-4)

LINE = b"34200.5,1,7,100,1000000,1\n"
ADD, REDUCE, DELETE, EXECUTE, EXECUTE_HIDDEN, HALT, CROSS_TRADE = 1, 2, 3, 4, 5, 7, 11


# ---- the hand-made pair


def test_the_hand_made_pair():
    day = read_lobster(MESSAGES, BOOKS)
    assert isinstance(day, LobsterDay)
    assert (day.symbol, day.date, day.levels, len(day)) == ("HAND", date(2012, 6, 21), 3, 26)
    assert day.name == MESSAGES.name
    assert (day.tick_e9, day.tick_size) == (10_000_000, 0.01)
    assert (day.start_ns, day.end_ns) == (MIDNIGHT_NS + 34_200 * 10**9, MIDNIGHT_NS + 57_600 * 10**9)
    m = day.messages
    assert m.dtype == MESSAGE_DTYPE
    assert m["sequence"].tolist() == list(range(1, 27))
    assert (m["time_ns"][:3] - MIDNIGHT_NS).tolist() == [
        34_200_000_000_001,
        34_200_500_000_000,
        34_200_500_000_002,
    ]
    assert m["time_ns"][-1] - MIDNIGHT_NS == 57_599_999_999_999
    assert m[0][["order_id", "price_e9", "quantity", "action", "side"]].tolist() == (
        301,
        100 * 10**9,
        100,
        ADD,
        1,
    )
    assert m[5][["order_id", "price_e9", "quantity", "action", "side"]].tolist() == (
        0, 100_015_000_000, 75, EXECUTE_HIDDEN, -1,
    )  # fmt: skip
    halts = m[m["action"] == HALT]
    assert halts["flags"].tolist() == [HALTED, QUOTING_RESUMED, TRADING_RESUMED]
    assert halts["price_e9"].tolist() == [NO_PRICE] * 3
    assert halts["side"].tolist() == halts["quantity"].tolist() == [0, 0, 0]
    assert not m.flags.writeable
    assert not day.books.flags.writeable
    assert day.books.shape == (26, 3, 4)
    assert day.books[0, 0].tolist() == [100_020_000_000, 150, 100_000_000_000, 300]
    assert day.books[-1, 2].tolist() == [NO_PRICE, 0, 99_980_000_000, 100]
    assert row_delta_mismatches(day) == 0
    assert repr(day)
    with pytest.raises(AttributeError):
        day.symbol = "OTHER"


def row_delta_mismatches(day):
    """Rows whose book is not the row above changed by their message, where the row above could know."""
    wrong = 0
    before = sides(day.books[0])
    for k in range(1, len(day)):
        after = sides(day.books[k])
        m = day.messages[k]
        action, side, price = int(m["action"]), int(m["side"]), int(m["price_e9"])
        expected = [dict(before[0]), dict(before[1])]
        if action in (ADD, REDUCE, DELETE, EXECUTE):
            change = int(m["quantity"]) if action == ADD else -int(m["quantity"])
            level = expected[side < 0]
            level[price] = level.get(price, 0) + change
            if level[price] == 0:
                del level[price]
        for s in (0, 1):
            known = sorted(expected[s], reverse=s == 0)[: day.levels]
            shown = sorted(after[s], reverse=s == 0)[: len(known)]
            wrong += known != shown or any(expected[s][p] != after[s][p] for p in known)
        before = after
    return wrong


def sides(row):
    """(bids, asks) as {price: size}."""
    return (
        {p: q for p, q in row[:, 2:].tolist() if p != NO_PRICE},
        {p: q for p, q in row[:, :2].tolist() if p != NO_PRICE},
    )


def test_the_hand_made_messages_in_a_book():
    """Orders from before the first line are unknown: counted, and the rest goes in."""
    day = read_lobster(MESSAGES)
    assert day.books is None
    assert day.levels == 3
    book = OrderBook()
    fitted = book.apply(day.messages)
    assert book.unknown_orders == 26 - fitted == 6
    assert book.problems == {"unknown_order": 6}
    assert "order_id is 201" in book.first_problem
    assert book.best_bid == 100.01
    assert book.best_ask == 100.03
    book.check_invariants()


# ---- names, compression, missing parts


@pytest.mark.parametrize(("suffix", "opener"), [("", open), (".xz", lzma.open), (".gz", gzip.open)])
def test_compressed(tmp_path, suffix, opener):
    paths = []
    for source in (MESSAGES, BOOKS):
        paths.append(tmp_path / (source.name + suffix))
        with opener(paths[-1], "wb") as stream:
            stream.write(source.read_bytes())
    day = read_lobster(*map(str, paths))
    expected = read_lobster(MESSAGES, BOOKS)
    assert day.messages.tolist() == expected.messages.tolist()
    assert np.array_equal(day.books, expected.books)


def test_a_name_that_tells_nothing(tmp_path):
    path = tmp_path / "m.csv"
    shutil.copy(MESSAGES, path)
    books = tmp_path / "b.csv"
    shutil.copy(BOOKS, books)
    with pytest.raises(MarketDataError, match="--date") as caught:
        read_lobster(path)
    assert "m.csv" in str(caught.value)
    with pytest.raises(MarketDataError, match="--symbol"):
        read_lobster(path, date="2012-06-21")
    for given_date in ("2012-06-21", date(2012, 6, 21), datetime(2012, 6, 21, 9, 30)):
        day = read_lobster(path, books, symbol="ABC", date=given_date)
        assert (day.symbol, day.date, day.levels) == ("ABC", date(2012, 6, 21), 3)
        assert day.start_ns == MIDNIGHT_NS + 34_200_000_000_001
    assert read_lobster(path, symbol="ABC", date="2012-06-21").levels is None
    with pytest.raises(MarketDataError, match="YYYY-MM-DD"):
        read_lobster(path, symbol="ABC", date="21.6.2012")
    with pytest.raises(TypeError, match="date"):
        read_lobster(path, symbol="ABC", date=20120621)
    assert read_lobster(MESSAGES, symbol="ABC", date="2024-01-03").messages["time_ns"][0] == (
        1_704_258_000_000_000_000 + 34_200_000_000_001  # winter: UTC-5
    )


def test_files_that_do_not_belong_together(tmp_path):
    short = tmp_path / BOOKS.name
    short.write_bytes(b"".join(BOOKS.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(MarketDataError, match=r"26 rows.*25") as caught:
        read_lobster(MESSAGES, short)
    assert str(MESSAGES) in str(caught.value)
    assert str(short) in str(caught.value)
    with pytest.raises(MarketDataError, match="a message file belongs here"):
        read_lobster(BOOKS)
    with pytest.raises(MarketDataError, match="an order book file belongs here"):
        read_lobster(MESSAGES, MESSAGES)
    for name, what in (("HAND_2012-06-22", "days"), ("OTHER_2012-06-21", "symbols")):
        other = tmp_path / BOOKS.name.replace("HAND_2012-06-21", name)
        shutil.copy(BOOKS, other)
        with pytest.raises(MarketDataError, match=f"different {what}"):
            read_lobster(MESSAGES, other)
    wider = tmp_path / BOOKS.name.replace("_3", "_5")
    shutil.copy(BOOKS, wider)
    with pytest.raises(MarketDataError, match="line 1: has 12 columns, must have 20"):
        read_lobster(MESSAGES, wider)
    zero = tmp_path / BOOKS.name.replace("_3", "_0")
    shutil.copy(BOOKS, zero)
    with pytest.raises(MarketDataError, match="0 levels"):
        read_lobster(MESSAGES, zero)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(MarketDataError, match="no such file") as caught:
        read_lobster(tmp_path / MESSAGES.name)
    assert MESSAGES.name in str(caught.value)
    with pytest.raises(MarketDataError, match=r"orderbook_3.csv: no such file"):
        read_lobster(MESSAGES, tmp_path / BOOKS.name)
    wrong_day = tmp_path / MESSAGES.name.replace("06-21", "06-31")
    shutil.copy(MESSAGES, wrong_day)
    with pytest.raises(MarketDataError, match="date in the name"):
        read_lobster(wrong_day)
    directory = tmp_path / MESSAGES.name
    directory.mkdir()
    with pytest.raises(MarketDataError, match="cannot be read"):
        read_lobster(directory)
    whole = lzma.compress(MESSAGES.read_bytes())
    for suffix, content in ((".xz", whole[:-20]), (".xz", b"no archive"), (".gz", b"no archive"),
                            (".gz", gzip.compress(MESSAGES.read_bytes())[:-20])):  # fmt: skip
        path = tmp_path / (MESSAGES.name + suffix)
        path.write_bytes(content)
        with pytest.raises(MarketDataError, match="cannot be") as caught:
            read_lobster(path)
        assert path.name in str(caught.value)


# ---- lines


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("34200", 34_200_000_000_000),
        ("34200.0", 34_200_000_000_000),
        ("34200.017459617", 34_200_017_459_617),
        ("34200.1", 34_200_100_000_000),
        ("34200.000000001", 34_200_000_000_001),
        ("43002.632812672004", 43_002_632_812_672),  # a float's noise, as in the AMZN sample
        ("43002.6328126719996", 43_002_632_812_672),
        ("43002.9999999996", 43_003_000_000_000),
        ("86399.999999999", 86_399_999_999_999),
    ],
)
def test_times_are_exact(text, ns):
    row = parse_messages(f"{text},1,7,100,1000000,1\n".encode(), 5)
    assert row["time_ns"].tolist() == [ns + 5]


def test_types_and_limits():
    data = b"".join(b"1.5,%d,7,100,1000000,-1\n" % kind for kind in range(1, 7))
    rows = parse_messages(data, symbol=3, venue=2)
    assert rows["action"].tolist() == [ADD, REDUCE, DELETE, EXECUTE, EXECUTE_HIDDEN, CROSS_TRADE]
    assert rows["side"].tolist() == [-1] * 6
    assert rows["symbol"].tolist() == [3] * 6
    assert rows["venue"].tolist() == [2] * 6
    most = parse_messages(b"1,1,9223372036854775807,9223372036854775807,92233720368547,1")
    assert most["order_id"][0] == most["quantity"][0] == 2**63 - 1
    assert most["price_e9"][0] == 92_233_720_368_547 * 100_000


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"34200.5,1,7,100,1000000\n", "has 5 columns, must have 6"),
        (b"34200.5,1,7,100,1000000,1,\n", "has 7 columns, must have 6"),
        (b"34200.5,1,7,100,1000000,1,1\n", "has 7 columns"),
        (b"34200.5\n", "has 1 columns"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"34200.5,1,7,100,1000000,1 \n", "direction is '1 '"),
        (b"34200.5,1,7,100,1000000,-\n", "direction is '-'"),
        (b"34200.5,1,7,100,1000000,\n", "direction is ''"),
        (b"34200.5,1,7,100,1000000,0\n", "direction is 0"),
        (b"34200.5,1,7,100,1000000,2\n", "direction is 2"),
        (b"34200.5,1,7,100,1e6,1\n", "price is '1e6'"),
        (b"34200.5,1,7,100,0x10,1\n", "price is '0x10'"),
        (b"34200.5,1,7,100,+5,1\n", r"price is '\+5'"),
        (b"34200.5,1,7,100,0,1\n", "price is 0"),
        (b"34200.5,1,7,100,-5,1\n", "price is -5"),
        (b"34200.5,1,7,100,92233720368548,1\n", "price is 92233720368548"),
        (b"34200.5,1,7,0,1000000,1\n", "size is 0"),
        (b"34200.5,1,7,-100,1000000,1\n", "size is -100"),
        (b"34200.5,1,7,10.5,1000000,1\n", "size is '10.5'"),
        (b"34200.5,1,7,9223372036854775808,1000000,1\n", "size is '9223372036854775808'"),
        (b"34200.5,1,7,99999999999999999999999,1000000,1\n", "size is '9999"),
        (b"34200.5,1,0,100,1000000,1\n", "order id is 0"),
        (b"34200.5,1,-7,100,1000000,1\n", "order id is -7"),
        (b"34200.5,0,7,100,1000000,1\n", "type is 0"),
        (b"34200.5,8,7,100,1000000,1\n", "type is 8"),
        (b"34200.5,-1,7,100,1000000,1\n", "type is -1"),
        (b"34200.5,A,7,100,1000000,1\n", "type is 'A'"),
        (b"34200.5,7,0,0,2,-1\n", "price of a halt is 2"),
        (b"34200.4,1,7,100,1000000,1\n", "before that of the line above"),
        (b"34200.499999999,1,7,100,1000000,1\n", "before that of the line above"),
        (b"34200.,1,7,100,1000000,1\n", r"time is '34200\.'"),
        (b".5,1,7,100,1000000,1\n", r"time is '\.5'"),
        (b"-1,1,7,100,1000000,1\n", "time is '-1'"),
        (b"nan,1,7,100,1000000,1\n", "time is 'nan'"),
        (b"86400,1,7,100,1000000,1\n", "time is '86400'"),
        (b"9999999999,1,7,100,1000000,1\n", "time is '9999999999'"),
        (b"34200.5000000000000000001,1,7,100,1000000,1\n", "time is"),
        (b" 34200.5,1,7,100,1000000,1\n", "time is ' 34200"),
        (b"\x00\x00\x00\n", "has 1 columns"),
        (b"\xff\xfe,1,7,100,1000000,1\n", "time is"),
        (b"34200.6,1,7,100,1000000,1\r\r\n", "direction is"),
    ],
)
def test_broken_message_lines(bad, what):
    with pytest.raises(MarketDataError, match=f"^day.csv: line 3: .*{what}"):
        parse_messages(LINE + LINE + bad + LINE, name="day.csv")
    with pytest.raises(MarketDataError, match="line 3"):
        parse_messages(LINE.replace(b"\n", b"\r\n") * 2 + bad)


def test_line_ends():
    expected = parse_messages(LINE * 3).tolist()
    assert parse_messages((LINE * 3)[:-1]).tolist() == expected
    assert parse_messages(LINE.replace(b"\n", b"\r\n") * 3).tolist() == expected
    assert parse_messages((LINE.replace(b"\n", b"\r\n") * 3)[:-2]).tolist() == expected
    for source in (bytearray(LINE * 3), memoryview(LINE * 3), np.frombuffer(LINE * 3, np.uint8)):
        assert parse_messages(source).tolist() == expected
    for parse in (parse_messages, parse_books):
        with pytest.raises(MarketDataError, match=r"^day.csv: the file is empty"):
            parse(b"", name="day.csv")
        with pytest.raises(MarketDataError, match="line 1"):
            parse(b"\n" * 100_000)
        with pytest.raises(TypeError):
            parse(None)
        with pytest.raises((TypeError, ValueError)):
            parse("text")


BOOK_LINE = b"1000200,10,1000000,20,9999999999,0,999900,5\n"


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"1000200,10,1000000,20\n", "has 4 columns, must have 8"),
        (b"1000200,10,1000000,20,9999999999,0,999900\n", "has 7 columns"),
        (BOOK_LINE[:-1] + b",1\n", "has 9 columns"),
        (b"\n", "is empty"),
        (b"1000200,10,1000000,20,9999999999,0,999900,\n", "bid size 2 is ''"),
        (b"1000200,10,1000000,20,9999999999,0,999900,5x\n", "bid size 2 is '5x'"),
        (b"10002.5,10,1000000,20,9999999999,0,999900,5\n", "ask price 1 is '10002.5'"),
        (b"1000200,0,1000000,20,9999999999,0,999900,5\n", "ask size 1 is 0"),
        (b"1000200,10,1000000,-20,9999999999,0,999900,5\n", "bid size 1 is -20"),
        (b"0,10,1000000,20,9999999999,0,999900,5\n", "ask price 1 is 0"),
        (b"1000200,10,-1,20,9999999999,0,999900,5\n", "bid price 1 is -1"),
        (b"1000200,10,1000000,20,9999999999,7,999900,5\n", "ask price 2 marks an unused level"),
        (b"1000200,10,1000000,20,1000100,7,999900,5\n", "ask price 2 is 1000100, levels must"),
        (b"1000200,10,1000000,20,1000300,7,1000000,5\n", "bid price 2 is 1000000, levels must"),
        (b"9999999999,0,1000000,20,1000300,7,999900,5\n", "ask price 2 is 1000300, levels must"),
        (b"1000200,10,-9999999999,0,1000300,7,999900,5\n", "bid price 2 is 999900, levels must"),
    ],
)
def test_broken_book_lines(bad, what):
    with pytest.raises(MarketDataError, match=f"^day.csv: line 2: .*{what}"):
        parse_books(BOOK_LINE + bad + BOOK_LINE, 2, name="day.csv")


def test_book_levels():
    rows = parse_books(BOOK_LINE * 2)
    assert rows.shape == (2, 2, 4)
    assert rows[1].tolist() == [
        [100_020_000_000, 10, 100_000_000_000, 20],
        [NO_PRICE, 0, 99_990_000_000, 5],
    ]
    with pytest.raises(MarketDataError, match="line 1: has 3 columns"):
        parse_books(b"1,2,3\n")
    with pytest.raises(MarketDataError, match="at most 1000 levels"):
        parse_books(b"1," * 4003 + b"1\n")
    for bad, error in ((0, ValueError), (1001, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="levels"):
            parse_books(BOOK_LINE, bad)


def test_no_tick_where_the_data_has_none(tmp_path):
    path = tmp_path / "ABC_2012-06-21_message_1.csv"
    path.write_bytes(b"34200.5,1,7,100,9999,1\n")
    assert read_lobster(path).tick_e9 == 100_000


# ---- mutations

NAMED = re.compile(r"^some file: (line \d+: |the file is empty)")


def rows_or_named_error(parse, content):
    """How many rows came out; None after an error that names file and line. Anything else fails the test."""
    message = None
    try:
        return len(parse(content, name="some file"))
    except MarketDataError as error:
        message = str(error)
    assert NAMED.match(message), message
    return None


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutations_never_crash(data):
    """Bytes changed, dropped, doubled, cut: rows, or an error that names file and line."""
    source, parse = data.draw(
        st.sampled_from(
            [
                (MESSAGES, parse_messages),
                (BOOKS, parse_books),
                (BOOKS, lambda d, name: parse_books(d, 3, name=name)),
            ]
        )
    )
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        what = data.draw(st.sampled_from(["change", "drop", "insert", "cut", "double", "line"]))
        if what == "change" and content:
            content[at] = data.draw(
                st.one_of(st.sampled_from(b"0123456789,.-\n\r \x00"), st.integers(0, 255))
            )
        elif what == "drop":
            del content[at : at + data.draw(st.integers(1, 30))]
        elif what == "insert":
            content[at:at] = data.draw(st.binary(max_size=8))
        elif what == "cut":
            del content[at:]
        elif what == "double":
            content[at:at] = content[at : at + 40]
        else:
            lines = bytes(content).splitlines(keepends=True)
            if lines:
                lines.insert(0, lines[-1])
            content = bytearray(b"".join(lines))
    rows = rows_or_named_error(parse, bytes(content))
    assert rows in (None, bytes(content).count(b"\n") + (content[-1:] != b"\n"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content):
    for parse in (parse_messages, parse_books):
        rows_or_named_error(parse, content)


# ---- real days


def sample(name):
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"needs {name} under GRANDMODEL_DATA (looked in {SAMPLES.parent})")
    return path


DAYS = {
    "AMZN": {
        "levels": 5, "rows": 155_935, "by_type": {1: 77_381, 2: 450, 3: 66_685, 4: 8_974, 5: 2_445},
        "first": 34_200_017_459_617, "last": 57_599_959_359_650, "visible": 613_248, "hidden": 197_507,
        "vwap": 222.640138, "vwap_all": 222.634765, "buys": 296_974, "sells": 316_274,
        "first_book": [223.95, 100, 223.18, 100], "last_book": [220.64, 100, 220.51, 249],
        "spread_bps": 6.0472,
    },
    "AAPL": {
        "levels": 1, "rows": 118_497, "by_type": {1: 54_818, 2: 252, 3: 28_437, 4: 23_658, 5: 11_332},
        "first": 34_200_004_241_176, "last": 57_599_913_117_637, "visible": 1_845_964, "hidden": 1_004_176,
        "vwap": 582.625662, "vwap_all": 582.724445, "buys": 854_238, "sells": 991_726,
        "first_book": [585.94, 200, 585.33, 18], "last_book": [577.67, 300, 577.54, 410],
        "spread_bps": 2.6552,
    },
}  # fmt: skip


@pytest.mark.parametrize("symbol", DAYS)
def test_real_days(symbol):
    facts = DAYS[symbol]
    name = f"{symbol}_2012-06-21_34200000_57600000_{{}}_{facts['levels']}.csv.xz"
    day = read_lobster(sample(name.format("message")), sample(name.format("orderbook")))
    m = day.messages
    assert (day.symbol, day.levels, len(day), day.tick_e9) == (
        symbol,
        facts["levels"],
        facts["rows"],
        10_000_000,
    )
    assert {k: int((m["action"] == k).sum()) for k in range(1, 6)} == facts["by_type"]
    assert m["time_ns"][0] - MIDNIGHT_NS == facts["first"]
    assert m["time_ns"][-1] - MIDNIGHT_NS == facts["last"]
    visible, hidden = m[m["action"] == EXECUTE], m[m["action"] == EXECUTE_HIDDEN]
    assert visible["quantity"].sum() == facts["visible"]
    assert hidden["quantity"].sum() == facts["hidden"]
    assert visible["quantity"][visible["side"] < 0].sum() == facts["buys"]
    assert visible["quantity"][visible["side"] > 0].sum() == facts["sells"]
    for rows, vwap in (([visible], facts["vwap"]), ([visible, hidden], facts["vwap_all"])):
        value = sum(int((r["price_e9"] * r["quantity"] // 100_000).sum()) for r in rows)
        shares = sum(int(r["quantity"].sum()) for r in rows)
        assert value / shares / 1e4 == pytest.approx(vwap, abs=5e-7)
    for k, expected in ((0, facts["first_book"]), (-1, facts["last_book"])):
        ask, ask_size, bid, bid_size = day.books[k, 0].tolist()
        assert [ask / 1e9, ask_size, bid / 1e9, bid_size] == expected
    ask, bid = day.books[:, 0, 0], day.books[:, 0, 2]
    assert int((ask <= bid).sum()) == 0
    assert float(np.mean((ask - bid) / ((ask + bid) / 2)) * 1e4) == pytest.approx(
        facts["spread_bps"], abs=5e-5
    )
    assert row_delta_mismatches(day) == 0


def test_the_head_at_fifty_levels():
    """A name without times; all but the first book's orders are known, so the top of the book comes out."""
    day = read_lobster(
        sample("AAPL_2012-06-21_message_50_head.csv.xz"), sample("AAPL_2012-06-21_orderbook_50_head.csv.xz")
    )
    assert (day.levels, len(day), day.books.shape) == (50, 672, (672, 50, 4))
    assert (day.start_ns - MIDNIGHT_NS, day.end_ns - MIDNIGHT_NS) == (34_200_004_241_176, 34_210_047_459_699)
    assert day.messages["quantity"][day.messages["action"] == EXECUTE].sum() == 1_970
    assert row_delta_mismatches(day) == 0
