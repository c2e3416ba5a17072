"""`read_market_data`: formats are guessed, files are streams, and an error names file and record."""

import gzip
import json
import lzma
import zipfile

import numpy as np
import pytest
from reference.feeds import directory, itch

from grandmodel.execution import MESSAGE_DTYPE, OrderBook
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError
from grandmodel.execution.market_data import source
from grandmodel.execution.market_data.messages import Action, Flag
from grandmodel.execution.simulation import ColumnMap, read_market_data

E9 = 10**9
LINE = "34200.1,1,5,100,2231800,1\n"


def itch_day(n=3000):
    """A short day: two symbols, orders added, executed, deleted."""
    out = [itch("S", 0, 1, "O"), directory(1, "AAPL"), directory(2, "MSFT")]
    for k in range(1, n):
        ns = 34_200 * E9 + k * 1000
        out.append(
            itch("A", 1 + k % 2, ns, k, "BS"[k % 2], 100, ("MSFT", "AAPL")[k % 2 == 0], 1_500_000 + (k % 50) * 100)
        )
        if k > 100:
            out.append(itch("E", 1 + (k - 100) % 2, ns, k - 100, 40, k))
            out.append(itch("D", 1 + (k - 100) % 2, ns, k - 100))
    return b"".join(out)


def test_compressed_files_are_the_same(tmp_path):
    data = itch_day()
    paths = [
        tmp_path / name for name in ("01302019.NASDAQ_ITCH50", "01302019.NASDAQ_ITCH50.gz", "01302019.NASDAQ_ITCH50.xz")
    ]
    paths[0].write_bytes(data)
    paths[1].write_bytes(gzip.compress(data))
    paths[2].write_bytes(lzma.compress(data))
    read = [read_market_data(path) for path in paths]
    rows = [one.read() for one in read]
    assert {one.format for one in read} == {"itch"}
    assert all(np.array_equal(rows[0], other) for other in rows[1:])
    assert read[0].records == 3 + 2999 + 2 * 2899
    assert rows[0]["time_ns"][0] // E9 == 1_548_858_600  # 2019-01-30 09:30 in New York
    again = read[0].read()
    assert np.array_equal(again, rows[0])  # a second reading
    for number, name in read[0].symbols.items():
        book = OrderBook("0.0001", symbol=number)
        book.apply(rows[0])
        assert book.problems == {}
        only = read_market_data(paths[0], symbols=[name]).read()
        assert np.array_equal(only, rows[0][rows[0]["symbol"] == number])
    assert read[0].number_of("MSFT") == 2
    with pytest.raises(MarketDataError, match="no symbol 'IBM'"):
        read[0].number_of("IBM")


def test_a_large_file_is_a_stream(tmp_path):
    """Blocks end anywhere; no more than some of them is in memory."""
    data = itch_day(40_000)
    path = tmp_path / "day.itch"
    path.write_bytes(data)
    assert len(data) > 2 * source.BLOCK
    chunks = [len(rows) for rows in read_market_data(path, date="2019-01-30")]
    assert len(chunks) > 2
    assert sum(chunks) == 39_999 + 2 * 39_899
    cut = tmp_path / "cut.itch"
    cut.write_bytes(data[:-5])
    reader = read_market_data(cut, date="2019-01-30")
    with pytest.raises(MarketDataError, match=r"cut.itch: record 119800: the file ends within it"):
        reader.read()
    assert reader.rows == sum(chunks) - 1  # what came before it was given
    short = tmp_path / "short.itch.gz"
    short.write_bytes(gzip.compress(data)[:-2000])
    with pytest.raises(MarketDataError, match=r"short.itch.gz: ends in the middle"):
        read_market_data(short, date="2019-01-30").read()
    damaged = tmp_path / "damaged.itch.xz"
    damaged.write_bytes(lzma.compress(data)[:50] + b"zzzz" * 100)
    with pytest.raises(MarketDataError, match=r"damaged.itch.xz: cannot be decompressed"):
        read_market_data(damaged, date="2019-01-30").read()


def test_lines_are_cut_where_they_end(monkeypatch):
    text = b"".join(b"%d\n" % k for k in range(500)) + b"last"
    for size in (1, 2, 3, 7, 64, 10_000):
        pieces = [text[k : k + size] for k in range(0, len(text), size)]
        got = list(source.whole_lines(pieces, "f"))
        assert b"".join(got) == text
        assert all(piece.endswith(b"\n") for piece in got[:-1])
    monkeypatch.setattr(source, "LINE_MAX", 100)
    with pytest.raises(MarketDataError, match="f: a line has more than 100 bytes"):
        list(source.whole_lines([b"x" * 60, b"x" * 60], "f"))


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("AMZN_2012-06-21_34200000_57600000_message_5.csv", LINE.encode(), "lobster"),
        ("x.bin", itch("S", 0, 1, "O"), "itch"),
        ("S081321-v50.txt", itch("S", 0, 1, "O"), "itch"),
        ("x.txt", b"S28800011AAK27GA0000DTS000100SH    0000619200Y\n", "pitch"),
        ("x.txt", b'1723161255030314667 {"e":"trade"}\n', "binance"),
        ("20131008_trade.csv", b"31669457,1821000,300,P,2000,0\n", "lean"),
        ("x.csv", b"a,b\n1,2\n", "csv"),
    ],
)
def test_formats_are_guessed(tmp_path, name, content, format):
    from grandmodel.execution.market_data.reader import _guess

    path = tmp_path / name
    path.write_bytes(content)
    assert _guess(path) == format


def test_what_cannot_be_guessed_is_said(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"\x01\x02\x03")
    with pytest.raises(MarketDataError, match=r"x.bin: what it holds cannot be told, name the format: lobster, itch"):
        read_market_data(path)
    with pytest.raises(MarketDataError, match="format is 'xml', must be one of"):
        read_market_data(path, "xml")
    for missing in ("none.bin", "none.itch"):
        with pytest.raises(MarketDataError, match=f"{missing}: no such file"):
            read_market_data(tmp_path / missing)
    with pytest.raises(MarketDataError, match="is no file"):
        read_market_data(tmp_path)
    with pytest.raises(TypeError, match="symbols is not for format 'pitch', which takes date"):
        read_market_data(path, "pitch", symbols=["A"])
    for bad, error in (("2019-13-01", MarketDataError), (5, TypeError)):
        with pytest.raises(error, match="date is"):
            read_market_data(path, "pitch", date=bad)


# ---- LOBSTER


def lobster(tmp_path, text, name="AMZN_2012-06-21_34200000_57600000_message_1.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_lobster_file_alone_says_that_it_drifts(tmp_path):
    data = read_market_data(lobster(tmp_path, LINE * 3))
    assert data.book == "L3"
    assert data.depth == 1
    assert "the best 1 levels" in data.drifts
    assert data.read()["sequence"].tolist() == [1, 2, 3]
    assert data.counts == {"1": 3}
    with pytest.raises(MarketDataError, match=r"message_1.csv: line 4: type is 9, must be 1 to 7"):
        read_market_data(lobster(tmp_path, LINE * 3 + LINE.replace(",1,5", ",9,5"))).read()
    with pytest.raises(MarketDataError, match=r"line 2: time is '34199.9', before that of the line above"):
        read_market_data(lobster(tmp_path, LINE + LINE.replace("34200.1", "34199.9"))).read()
    with pytest.raises(MarketDataError, match="order book file, which tells no times"):
        read_market_data(lobster(tmp_path, "", "AMZN_2012-06-21_34200000_57600000_orderbook_1.csv"))
    with pytest.raises(MarketDataError, match="the name tells no date"):
        read_market_data(lobster(tmp_path, LINE, "x_message_1.csv"))


def test_lobster_lines_keep_their_numbers_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 50)
    path = lobster(tmp_path, LINE * 20 + "x\n")
    with monkeypatch.context() as patch:
        patch.setattr(source, "lines", lambda path: source.whole_lines(source.blocks(path, 50), str(path)))
        with pytest.raises(MarketDataError, match=r"line 21: has 1 columns"):
            read_market_data(path).read()


def test_lobster_rows_must_belong_together(tmp_path):
    path = lobster(tmp_path, LINE * 3)
    row = "2239500,100,2231800,100\n"
    books = tmp_path / "AMZN_2012-06-21_34200000_57600000_orderbook_1.csv"
    books.write_text(row * 3)
    rows = read_market_data(path, orderbook=books).read()
    assert rows["action"].tolist() == [Action.SET_LEVEL] * 2  # the book has not changed since
    assert rows["flags"].tolist() == [0, Flag.LAST]
    for count, text in ((2, "has more rows than the 2 of"), (4, "has more than the 3 rows of")):
        books.write_text(row * count)
        with pytest.raises(MarketDataError, match=text):
            read_market_data(path, orderbook=books).read()
    books.write_text(row * 2 + row.replace("2231800", "x"))
    with pytest.raises(MarketDataError, match="bid price 1 is 'x'"):
        read_market_data(path, orderbook=books).read()


def test_unused_levels_leave_no_rows(tmp_path):
    path = lobster(tmp_path, LINE * 3, "AMZN_2012-06-21_34200000_57600000_message_2.csv")
    books = tmp_path / "AMZN_2012-06-21_34200000_57600000_orderbook_2.csv"
    none = "9999999999,0,-9999999999,0"
    books.write_text(
        f"2239500,100,2231800,100,{none}\n{none},{none}\n2239500,100,-9999999999,0,2239600,7,-9999999999,0\n"
    )
    rows = read_market_data(path, orderbook=books).read()
    book = OrderBook(kind="L2")
    states = book.trace(rows, 2)
    assert book.problems == {}
    last = states[rows["flags"] & Flag.LAST != 0]
    assert last[0, 0].tolist() == [2_239_500 * 10**5, 100, 2_231_800 * 10**5, 100]
    assert last[1].tolist() == [[NO_PRICE, 0] * 2] * 2
    assert last[2, 1].tolist() == [2_239_600 * 10**5, 7, NO_PRICE, 0]


# ---- Binance


def capture_lines():
    body = {"e": "depthUpdate", "s": "X", "U": 5, "u": 7, "b": [["1.50", "2"]], "a": []}
    return [
        {"data": body},
        {"lastUpdateId": 6, "bids": [["1.4", "1"]], "asks": [["1.6", "0.00000001"]]},
        {"data": {**body, "U": 8, "u": 9, "b": [["1.40", "0.000"]]}},
        {"data": {"e": "trade", "s": "X", "t": 1, "p": "1.55", "q": "3", "m": False}},
        {"data": {"u": 9, "s": "X", "b": "1.5", "B": "2", "a": "1.6", "A": "0.00000001"}},
        {"data": {**body, "U": 10, "u": 10, "b": [], "a": []}},
        {"data": {"e": "kline", "s": "X"}},
    ]


def binance(tmp_path, lines, **options):
    path = tmp_path / "x.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{1_723_161_255_030_314_667 + k} {text}\n" for k, text in enumerate(texts)))
    return read_market_data(path, **options)


def test_binance_by_hand(tmp_path):
    data = binance(tmp_path, capture_lines())
    rows = data.read()
    assert rows["action"].tolist() == [8, 10, 10, 10, 10, 9]
    assert rows["flags"].tolist() == [4, 4, 4 | 8, 8, 8, 0]
    assert rows["quantity"].tolist() == [0, 10**8, 1, 2 * 10**8, 0, 3 * 10**8]
    assert rows["side"].tolist() == [0, 1, -1, 1, 1, -1]
    assert (data.gaps, data.skipped) == (0, {"bookTicker": 1, "kline": 1})
    book = OrderBook("0.01", kind="L2")
    book.apply(rows)
    assert (book.best_bid, book.best_ask, len(book)) == (1.5, 1.6, 2)
    assert len(binance(tmp_path, capture_lines(), quotes=True).read()) == 8
    coarse = binance(tmp_path, capture_lines()[3:4], quantity_step="0.5")
    assert coarse.read()["quantity"].tolist() == [6]
    assert coarse.quantity_step == "0.5"
    for bad in ("0", "x", "3", "0.3", ""):
        with pytest.raises(ValueError, match="quantity_step"):
            binance(tmp_path, capture_lines(), quantity_step=bad)


@pytest.mark.parametrize(
    ("line", "change", "text"),
    [
        (2, {"U": 9}, None),
        (2, {"u": 7, "U": 8}, "u is 7, must be >= U, 8"),
        (2, {"u": "9"}, "u is '9', must be an integer"),
        (2, {"u": True}, "u is True"),
        (2, {"U": None}, "U is None"),
        (2, {"b": 5}, "bids and asks must be lists"),
        (2, {"b": [["1"]]}, "a level must be"),
        (2, {"b": [[1.5, "2"]]}, "must be decimal texts"),
        (2, {"b": [["1.5", "-2"]]}, "price '1.5' and quantity '-2'"),
        (2, {"b": [["abc", "2"]]}, "price 'abc'"),
        (2, {"b": [["1,5", "2"]]}, "price '1'"),
        (2, {"b": [["1\n5", "2"]]}, "price '1"),
        (2, {"b": [["1.5", "0.000000001"]]}, "a multiple of 0.00000001"),
        (2, {"s": "Y"}, "symbol is 'Y', the lines above are of 'X'"),
        (3, {"m": "no"}, "m is 'no', must be true or false"),
        (3, {"p": None}, "decimal texts"),
        (3, {"t": -1}, "t is -1"),
        (3, {"q": "1e30"}, "quantity '1e30'"),
    ],
)
def test_a_wrong_binance_line_is_named(tmp_path, line, change, text):
    lines = capture_lines()
    lines[line]["data"].update(change)
    data = binance(tmp_path, lines)
    if text is None:
        data.read()
        assert data.gaps == 1
        return
    with pytest.raises(MarketDataError) as caught:
        data.read()
    assert f"x.jsonl: line {line + 1}: " in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"data": 5}', "[" * 100_000, '{"data": {"e": "trade", "s": "X"}}']
)
def test_no_json_no_message(tmp_path, text):
    with pytest.raises(MarketDataError, match=r"x.jsonl: line 8: "):
        binance(tmp_path, [*capture_lines(), text]).read()


def test_binance_without_a_snapshot_or_a_time(tmp_path):
    with pytest.raises(MarketDataError, match="no snapshot"):
        binance(tmp_path, capture_lines()[:1]).read()
    path = tmp_path / "y.jsonl"
    path.write_text("12 {}\n")
    with pytest.raises(MarketDataError, match=r"y.jsonl: line 1: begins with b'12'"):
        read_market_data(path, "binance").read()


def test_damaged_captures_end_with_a_place_or_are_read(tmp_path):
    rng = np.random.default_rng(4)
    binance(tmp_path, capture_lines())
    whole = (tmp_path / "x.jsonl").read_bytes()
    read = faults = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(len(data)))
            if rng.random() < 0.5:
                data[place] = int(rng.integers(256))
            else:
                del data[place : place + int(rng.integers(1, 30))]
        path = tmp_path / "z.jsonl"
        path.write_bytes(data)
        try:
            read_market_data(path, "binance").read()
            read += 1
        except MarketDataError as error:
            faults += "z.jsonl: " in str(error)
    assert read + faults == 400
    assert faults > 100


# ---- LEAN


def test_lean_files(tmp_path):
    path = tmp_path / "20131008_trade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20131008_ibm_minute_trade.csv", "34200000,1,2,1,2,50\n34260000,,,,,0\n")
    data = read_market_data(path)
    assert (data.kind, data.symbols) == ("bars", {0: "IBM"})
    assert data.read()["close_e9"].tolist() == [200_000]
    assert data.skipped == {"empty side": 1}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", "")
    with pytest.raises(MarketDataError, match="holds 2 files, must hold one"):
        read_market_data(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(MarketDataError, match="cannot be decompressed"):
        read_market_data(path)
    ticks = tmp_path / "ibm_20131008_trade.csv"
    good = "31669457,1821000,300,P,2000,0\n"
    for bad, text in (
        ("86400000,1821000,300,P,2000,0", "line 2: time is 86400000"),
        ("31669456,1821000,300,P,2000,0", "line 2: time is 31669456, before"),
        ("31669458,0,300,P,2000,0", "line 2: price and size"),
        ("31669458,1821000,300,P,2000", "line 2: has 5 columns, must have 6"),
        ("31669458,1821000,x,P,2000,0", "line 2: size is 'x'"),
    ):
        ticks.write_text(good + bad + "\n")
        with pytest.raises(MarketDataError, match=f"ibm_20131008_trade.csv: {text}"):
            read_market_data(ticks).read()
    other = tmp_path / "20131008_openinterest.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("x.csv", "1,2\n")
    with pytest.raises(MarketDataError, match="neither trade nor quote"):
        read_market_data(other)


# ---- CSV and Parquet

TRADES = """\
when,px,qty,who,what,venue
2024-03-10T01:30:00,1.5,10,buy,T,N
2024-03-10T03:30:00,1.25,20,sell,T,P
2024-03-10T03:30:00,1,5,,X,N
"""


def csv_map(**changes):
    return ColumnMap(**{
        "time": "when", "zone": "America/New_York", "price": "px", "quantity": "qty", "side": "who", "action": "what",
        "actions": {"T": Action.TRADE, "X": None}, "venue": "venue", **changes,
    })  # fmt: skip


def test_csv_by_a_map(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TRADES)
    data = read_market_data(path, columns=csv_map())
    rows = data.read()
    assert rows["price_e9"].tolist() == [1_500_000_000, 1_250_000_000]
    assert rows["side"].tolist() == [1, -1]
    assert rows["sequence"].tolist() == [2, 3]  # lines of the file
    assert data.venues == ["N", "P"]
    assert (rows["time_ns"][1] - rows["time_ns"][0]) // E9 == 3600  # clocks went forward between them
    assert (data.records, data.book, data.counts) == (3, None, {"TRADE": 2})
    kept = read_market_data(path, columns=csv_map(keep={"venue": ("P",)}))
    assert len(kept.read()) == 1
    assert kept.skipped == {"not kept": 2}
    path.write_text(TRADES.replace("when,", "\ufeffwhen,").replace(",", ";").replace("\n", "\r\n"))
    assert np.array_equal(read_market_data(path, columns=csv_map(delimiter=";")).read(), rows)
    path.write_text(TRADES.partition("\n")[2])
    named = csv_map(columns=("when", "px", "qty", "who", "what", "venue"))
    assert read_market_data(path, columns=named).read()["sequence"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (",buy,", ",up,", "line 2: who is 'up', must be one of"),
        (",X,", ",Y,", "line 4: what is 'Y', must be one of 'T', 'X'"),
        ("1.25", "1.25x", "line 3: px is '1.25x', must be a decimal"),
        (",20,", ",-20,", "line 3: qty is negative"),
        (",20,", ",,", "line 3: qty is empty"),
        (",20,", ",1.5,", "line 3: qty is '1.5', must be a decimal number that is a multiple of 1/1"),
        ("qty", "q", "column 'qty' is not there; the columns are when, px, q,"),
        ("px,qty", "px,px,qty", "column 'px' is twice there"),
        ("2024-03-10T01:30:00,", "2024-03-10T01:30:00Z,", "line 3: when is .*: some times have a zone"),
        (TRADES, "", "the file is empty"),
    ],
)
def test_a_wrong_csv_line_is_named(tmp_path, old, new, text):
    path = tmp_path / "t.csv"
    path.write_text(TRADES.replace(old, new, 1))
    with pytest.raises(MarketDataError, match=f"t.csv: {text}"):
        read_market_data(path, columns=csv_map()).read()


def test_a_map_must_be_stated_and_make_sense(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TRADES)
    with pytest.raises(MarketDataError, match="what its columns mean must be stated"):
        read_market_data(path)
    with pytest.raises(TypeError, match="must be a ColumnMap"):
        read_market_data(path, columns={"time": "when"})
    for changes, text in (
        ({"time_unit": "minutes"}, "time_unit"),
        ({"since": "noon"}, "since"),
        ({"since": "midnight"}, "since"),
        ({"price": None}, "price"),
        ({"quantity": None}, "together"),
        ({"price_scale": 7}, "price_scale"),
        ({"price_scale": True}, "price_scale"),
        ({"quantity_step": "0.3"}, "quantity_step"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"bids": (("a",),)}, "bids"),
    ):
        with pytest.raises(ValueError, match=text):
            csv_map(**changes)
    with pytest.raises(ValueError, match="'px' is stated as two different things"):
        read_market_data(path, columns=csv_map(venue="px"))
    with pytest.raises(TypeError, match="date is given"):
        read_market_data(path, columns=csv_map(), date="2024-03-10")
    with pytest.raises(MarketDataError, match="neither name nor `date` tells the day"):
        read_market_data(path, columns=csv_map(time_unit="ms", since="midnight"))


def test_parquet_equals_csv(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "t.csv"
    path.write_text(TRADES)
    rows = read_market_data(path, columns=csv_map()).read()
    columns = 'CAST("when" AS {}) AS "when", CAST(px AS {}) AS px, qty, who, what, venue'
    select = f"SELECT {columns} FROM read_csv('{path}')"
    for k, (when, price) in enumerate(
        (("TIMESTAMP", "DOUBLE"), ("TIMESTAMP_NS", "DECIMAL(18, 4)"), ("VARCHAR", "DOUBLE"))
    ):
        file = tmp_path / f"{k}.parquet"
        duckdb.sql(f"COPY ({select.format(when, price)}) TO '{file}'")
        data = read_market_data(file, columns=csv_map())
        got = data.read()
        assert data.format == "parquet"
        for name in ("time_ns", "price_e9", "quantity", "side", "action", "venue"):
            assert got[name].tolist() == rows[name].tolist(), (when, price, name)
        assert got["sequence"].tolist() == [1, 2]
    third = "SELECT TIMESTAMP '2024-01-01' AS \"when\", 1/3 AS px, 5 AS qty, 'buy' AS who, 'T' AS what, 'N' AS venue"
    duckdb.sql(f"COPY ({third}) TO '{tmp_path / 'bad.parquet'}'")
    with pytest.raises(MarketDataError, match=r"bad.parquet: row 1: px is 0.333"):
        read_market_data(tmp_path / "bad.parquet", columns=csv_map()).read()
    with pytest.raises(MarketDataError, match="column 'nope' is not there"):
        read_market_data(tmp_path / "0.parquet", columns=csv_map(venue="nope")).read()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(MarketDataError, match=r"broken.parquet: "):
        read_market_data(tmp_path / "broken.parquet", columns=csv_map()).read()


# ---- DBN and captures


def test_damaged_dbn(tmp_path, market_data):
    pytest.importorskip("databento_dbn")
    plain = (market_data / "dbn" / "schema_samples" / "test_data.mbo.v3.dbn").read_bytes()
    path = tmp_path / "x.dbn"
    path.write_bytes(plain[:-10])
    with pytest.raises(MarketDataError, match=r"x.dbn: behind record 1: the file ends within a record"):
        read_market_data(path).read()
    for content in (b"", b"DBN\x03", b"garbage" * 50):
        path.write_bytes(content)
        with pytest.raises(MarketDataError, match=r"x.dbn: "):
            read_market_data(path).read()
    bad = bytearray(plain)
    bad[-56 + 38] = ord("Z")  # the action of the last record
    path.write_bytes(bytes(bad))
    with pytest.raises(MarketDataError, match=r"x.dbn: record 2: action b'Z'"):
        read_market_data(path).read()
    with pytest.raises(TypeError, match="symbols"):
        read_market_data(path, symbols="ESH1")


def test_dbn_without_its_package(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    path = tmp_path / "x.dbn"
    path.write_bytes(b"DBN")
    with pytest.raises(MarketDataError, match=r"pip install 'grandmodel-execution\[dbn\]'"):
        read_market_data(path)


def test_an_engines_own_capture(tmp_path):
    from support import make_core, order

    path = tmp_path / "day.gmc"
    core, gate = make_core(path=tmp_path / "day.gmj", capture=path)
    for _ in range(20):
        gate.submit_order(order())
    core.close()
    data = read_market_data(path)
    rows = data.read()
    assert data.format == "capture"
    assert (data.book, data.depth) == ("L2", 1)
    assert data.symbols[0] == "AAPL"
    assert data.venues[:2] == ["NYSE", "NASDAQ"]
    assert rows.dtype == MESSAGE_DTYPE
    from grandmodel.execution import ConsolidatedBook

    book = ConsolidatedBook(data.venues, kind="L2", symbol=0)
    assert book.apply(rows) == len(rows)
    assert book.best_bid < book.best_ask
    assert book.bid_venues
    raw = bytearray(path.read_bytes())
    raw[4096 + 64 * 20] ^= 1
    path.write_bytes(raw)
    with pytest.raises(MarketDataError, match=r"day.gmc: damaged"):
        read_market_data(path).read()
