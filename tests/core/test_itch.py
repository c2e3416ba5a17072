"""The ITCH 5.0 parser: against plain Python, cut at every place, and under damage."""

import os
import struct

import numpy as np
import pytest
from reference.feeds import ITCH, directory, itch, read_itch

from grandmodel.execution._core.itch import ItchParser
from grandmodel.execution._core.records import MESSAGE_DTYPE
from grandmodel.execution._core.values import MarketDataError

FIELDS = (
    "action",
    "order_id",
    "side",
    "price_e9",
    "quantity",
    "counterparty",
    "flags",
    "symbol",
    "time_ns",
    "sequence",
)
ROUNDS = 200_000 if os.environ.get("GRANDMODEL_LONG") else 3_000


def a_day():
    """One of every type, and those of every state."""
    ns = 34_200_000_000_000
    return [
        itch("S", 0, 1, "O"),
        directory(1, "AAPL"),
        directory(65535, "ZVZZT"),
        itch("H", 1, 5, "AAPL", "T", " ", ""),
        itch("H", 1, 5, "AAPL", "H", " ", "T1"),
        itch("H", 1, 5, "AAPL", "Q", " ", ""),
        itch("H", 1, 5, "AAPL", "P", " ", ""),
        itch("Y", 1, 6, "AAPL", "0"),
        itch("L", 1, 7, "ABCD", "AAPL", "Y", "N", "A"),
        itch("V", 0, 8, 1, 2, 3),
        itch("W", 0, 9, "1"),
        itch("K", 1, 9, "AAPL", 34200, "A", 100_0000),
        itch("J", 1, 9, "AAPL", 1, 2, 3, 0),
        itch("h", 1, 9, "AAPL", "Q", "H"),
        itch("A", 1, ns, 11, "B", 100, "AAPL", 150_2500),
        itch("F", 1, ns, 12, "S", 4_000_000_000, "AAPL", 1_999_999_900, "ABCD"),
        itch("A", 65535, ns, 2**63 - 1, "S", 1, "ZVZZT", 1),
        itch("E", 1, ns + 1, 11, 40, 77),
        itch("C", 1, ns + 1, 12, 5, 78, "N", 151_0000),
        itch("C", 1, ns + 1, 12, 5, 79, "Y", 151_0000),
        itch("X", 1, ns + 2, 11, 10),
        itch("U", 1, ns + 3, 11, 13, 60, 150_2600),
        itch("D", 1, ns + 4, 13),
        itch("P", 1, ns + 5, 0, "B", 300, "AAPL", 150_3000, 80),
        itch("Q", 1, ns + 6, 5_000_000_000, "AAPL", 150_3000, 81, "O"),
        itch("Q", 1, ns + 6, 0, "AAPL", 0, 82, "C"),
        itch("B", 1, ns + 7, 77),
        itch("I", 1, ns + 8, 1, 2, "B", "AAPL", 1, 2, 3, "O", " "),
        itch("N", 1, ns + 9, "AAPL", "A"),
        itch("O", 1, ns + 9, "AAPL", "Y", 1, 2, 3, 4, 5, 6),
        itch("S", 0, 86_399_999_999_999, "C"),
    ]


def tuples(rows):
    return list(zip(*(rows[name].tolist() for name in FIELDS), strict=True))


def test_every_type_against_plain_python():
    data = b"".join(a_day())
    parser = ItchParser(10**18)
    rows, used = parser.parse(data)
    assert used == len(data)
    assert rows.dtype == MESSAGE_DTYPE
    assert tuples(rows) == read_itch(data, 10**18)
    assert len(rows) == 15
    assert parser.records == len(a_day())
    assert set(parser.counts) == set(ITCH)
    assert parser.skipped == {
        "S": 2,
        "R": 2,
        "Y": 1,
        "L": 1,
        "V": 1,
        "W": 1,
        "K": 1,
        "J": 1,
        "h": 1,
        "Q": 1,
        "B": 1,
        "I": 1,
        "N": 1,
        "O": 1,
    }
    assert parser.symbols == {1: "AAPL", 65535: "ZVZZT"}
    assert ItchParser().parse(b"")[1] == 0


@pytest.mark.parametrize("capacity", [1, 2, 1000])
def test_cut_anywhere_it_is_the_same(capacity):
    data = b"".join(a_day())
    whole = tuples(ItchParser().parse(data)[0])
    for step in (1, 2, 3, 7, 20, 50, 333):
        parser, rest, got = ItchParser(), b"", []
        for begin in range(0, len(data), step):
            rest += data[begin : begin + step]
            while True:
                rows, used = parser.parse(rest, capacity)
                got += tuples(rows)
                rest = rest[used:]
                if not used:
                    break
        assert rest == b""
        assert got == whole


def test_only_some_symbols():
    data = b"".join(a_day())
    parser = ItchParser(symbols=["ZVZZT", "NONE"])
    rows, used = parser.parse(data)
    assert used == len(data)
    assert rows["symbol"].tolist() == [65535]
    assert rows["sequence"].tolist() == [17]
    assert parser.records == len(a_day())
    for bad, error in (
        ("AAPL", TypeError),
        ([], ValueError),
        ([1], TypeError),
        (["TOOLONGNAME"], ValueError),
        ([""], ValueError),
        (["é"], ValueError),
    ):
        with pytest.raises(error, match="symbols"):
            ItchParser(symbols=bad)
    with pytest.raises(ValueError, match="midnight_ns"):
        ItchParser(2**63 - 1)
    for bad, error in ((0, ValueError), (True, TypeError), (1.0, TypeError)):
        with pytest.raises(error, match="capacity"):
            parser.parse(b"", bad)


def at(message, offset, value):
    out = bytearray(message)
    out[2 + offset : 2 + offset + len(value)] = value
    return bytes(out)


ADD = itch("A", 1, 5, 11, "B", 100, "AAPL", 150_2500)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (b"\x00\x00A", "length is 0"),
        (struct.pack(">H", 35) + ADD[2:], "length is 35, not that of a message of type 'A'"),
        (at(ADD, 0, b"Z"), "type is 'Z'"),
        (at(ADD, 0, b"\xff"), "type is 'ÿ'"),
        (at(ADD, 5, b"\xff" * 6), "timestamp of type 'A' is 281474976710655"),
        (at(ADD, 19, b"X"), "side of type 'A' is 'X', must be 'B' or 'S'"),
        (at(ADD, 20, bytes(4)), "shares of type 'A' are 0, must be > 0"),
        (at(ADD, 32, bytes(4)), "price of type 'A' is 0"),
        (at(ADD, 11, bytes(8)), "order reference number of type 'A' is 0"),
        (at(ADD, 11, b"\xff" * 8), "order reference number of type 'A' is -1"),
        (itch("U", 1, 5, 11, 0, 5, 5), "order reference number of type 'U' is 0"),
        (itch("U", 1, 5, 11, 12, 5, 0), "price of type 'U' is 0"),
        (itch("D", 1, 5, 0), "order reference number of type 'D' is 0"),
        (itch("E", 1, 5, 11, 0, 5), "shares of type 'E' are 0"),
        (itch("Q", 1, 5, -1, "AAPL", 5, 5, "O"), "shares of type 'Q' are -1"),
        (itch("H", 1, 5, "AAPL", "X", " ", ""), "trading state is 'X'"),
        (at(directory(1, "AAPL"), 12, b"\x00"), "symbol of type 'R' has the byte 0"),
    ],
)
def test_what_is_wrong_is_named(bad, text):
    parser = ItchParser(name="day.itch")
    with pytest.raises(MarketDataError) as caught:
        parser.parse(ADD + bad + ADD)
    assert str(caught.value).startswith("day.itch: record 2: ")
    assert text in str(caught.value)


def test_damaged_files_end_with_a_place_or_are_read():
    """Random bytes changed, dropped or repeated: rows, or an error that names the record, and always an end."""
    rng = np.random.default_rng(11)
    day = b"".join(a_day()[1:])
    faults = read = 0
    for _ in range(ROUNDS):
        data = bytearray(day)
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(len(data)))
            what = int(rng.integers(4))
            if what == 0:
                data[place] = int(rng.integers(256))
            elif what == 1:
                del data[place : place + int(rng.integers(1, 40))]
            elif what == 2:
                data[place:place] = data[max(0, place - 30) : place]
            else:
                data = data[: max(place, 1)]
            if not data:
                break
        parser, rest, steps = ItchParser(name="f", symbols=["AAPL"] if rng.random() < 0.3 else None), bytes(data), 0
        try:
            while True:
                rows, used = parser.parse(rest, 5)
                steps += 1
                assert steps <= len(data) + 1
                if used == 0:
                    break
                rest = rest[used:]
                assert len(rows) <= 5
                assert (rows["quantity"] >= 0).all()
        except MarketDataError as error:
            faults += str(error).startswith(f"f: record {parser.records + 1}: ")
        else:
            read += 1
    assert faults + read == ROUNDS
    assert faults > ROUNDS // 3
