"""Delimited text as integers: exactly, or an error that names line and column."""

import os
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution._core.columns import ColumnParser
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

ROUNDS = 200_000 if os.environ.get("GRANDMODEL_LONG") else 3_000
INT64_MAX = 2**63 - 1


def one(kind, text, unit=1):
    """The value of one field, or None if it is refused."""
    try:
        cells = ColumnParser([("x", kind, unit)]).parse(f"{text}\n".encode("latin-1"))
    except MarketDataError:
        return None
    assert cells.shape == (1, 1)
    return int(cells[0, 0])


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**12), max_value=10**12),
    st.sampled_from([1, 10, 10**4, 10**9, 3]),
)
def test_decimals_are_exact(value, unit):
    product = Fraction(value) * unit
    fits = product.denominator == 1 and abs(product) <= INT64_MAX
    for text in (str(value), f"{value:f}"):
        if len(text) > 60 or abs(value.adjusted()) > 30:
            continue
        assert one("decimal", text, unit) == (int(product) if fits else None), text


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0", 1, 0),
        ("-0", 1, 0),
        ("0.0", 10**9, 0),
        ("1.5", 10, 15),
        ("+1.5", 10, 15),
        ("-1.50000000000000000000000", 10, -15),
        ("1e-05", 10**9, 10_000),
        ("1E3", 1, 1000),
        ("1e+3", 1, 1000),
        (".5", 10, 5),
        ("5.", 10, 50),
        ("000000000000000000000012", 1, 12),
        ("9223372036854775807", 1, INT64_MAX),
        ("-9223372036854775807", 1, -INT64_MAX),
        ("9223372036854775808", 1, None),
        ("9.223372036854775807", 10**9, None),
        ("9223372036.854775807", 10**9, INT64_MAX),
        ("9223372036.854775808", 10**9, None),
        ("1.5", 1, None),
        ("0.1", 3, None),
        ("1e41", 1, None),
        ("1e-41", 1, None),
        ("0e40", 1, 0),
        ("1e18", 1, 10**18),
        ("1e19", 1, None),
        ("", 1, None),
        (".", 1, None),
        ("-", 1, None),
        ("+", 1, None),
        ("1e", 1, None),
        ("e5", 1, None),
        ("1.2.3", 1, None),
        ("1 ", 1, None),
        ("nan", 1, None),
        ("inf", 1, None),
        ("0x10", 1, None),
        ("1_000", 1, None),
        ("--1", 1, None),
        ("+-1", 1, None),
        ("1e99999999999999999999", 1, None),
        ("1" * 400, 1, None),
        ("0." + "0" * 400, 1, 0),
        ("0." + "0" * 400 + "1", 1, None),
    ],
)
def test_decimals_by_hand(text, unit, value):
    parser = ColumnParser([("x", "decimal", unit), ("y", "skip", 1)])
    if value is None and text != "":
        with pytest.raises(MarketDataError, match="line 1: x is "):
            parser.parse(f"{text},\n".encode())
    else:
        assert parser.parse(f"{text},\n".encode()).tolist() == [[NO_PRICE if text == "" else value]]


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),
    st.integers(0, 999),
    st.sampled_from(["Z", "", "+05:30", "-04:00"]),
)
def test_times_are_exact(when, nano, zone):
    shift = {"+05:30": timedelta(hours=5, minutes=30), "-04:00": -timedelta(hours=4)}.get(zone, timedelta(0))
    ns = ((when - shift) - datetime(1970, 1, 1)) // timedelta(microseconds=1) * 1000 + nano
    text = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond:06d}{nano:03d}{zone}"
    parser = ColumnParser([("t", "iso", 1)])
    assert parser.parse(f"{text}\n{text.replace('T', ' ')}".encode()).tolist() == [[ns], [ns]]
    assert parser.zoned is (zone != "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-02-30T00:00:00",
        "2023-02-29T00:00:00",
        "2024-13-01T00:00:00",
        "2024-00-01T00:00:00",
        "2024-01-00T00:00:00",
        "2024-01-01T24:00:00",
        "2024-01-01T00:60:00",
        "2024-01-01T00:00:60",
        "1969-12-31T23:59:59",
        "2024-01-01T00:00:00.",
        "2024-01-01T00:00",
        "2024-01-01T00:00:00.1234567890",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+05",
        "2024-01-01T00:00:00ZZ",
        "2024-01-01_00:00:00",
    ],
)
def test_refused_times(text):
    with pytest.raises(MarketDataError, match="line 1"):
        ColumnParser([("t", "iso", 1), ("x", "skip", 1)]).parse(f"{text},\n".encode())


def test_integers_hex_and_names():
    assert one("integer", "-9223372036854775807") == -INT64_MAX
    assert one("integer", "9223372036854775808") is None
    assert one("integer", "-5", 1000) == -5000
    assert one("integer", "9223372036854775807", 2) is None
    for bad in ("1.0", "", "+1", "1e3", "0x1", " 1"):
        assert one("integer", f"{bad}") is None
    assert one("hex", "fF") == 255
    for bad in ("", "g", "0x1", "1234567890123456"):
        assert one("hex", bad) is None
    parser = ColumnParser([("a", "name", 1), ("b", "skip", 1), ("c", "name", 1)], delimiter=";")
    assert parser.parse(b"x;1;y\r\n;2;x\ny;3;" + b"z" * 31).tolist() == [[0, 1], [2, 0], [1, 3]]
    assert parser.names == ["x", "y", "", "z" * 31]
    assert parser.parse(b"y;;q\n").tolist() == [[1, 4]]  # numbers stay
    assert parser.records == 4
    many = ColumnParser([("a", "name", 1)])
    texts = [f"n{k}" for k in range(5000)]
    assert many.parse("\n".join(texts + texts).encode()).ravel().tolist() == [*range(5000), *range(5000)]
    assert many.names == texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n\n3,4\n", "f: line 12: is empty"),
        ("1,2\n3\n", "f: line 12: has 1 columns, must have 2: '3'"),
        ("1,2\n3,4,5\n", "f: line 12: has 3 columns, must have 2: '3,4,5'"),
        ("1,2\n3,x\n", "f: line 12: two is 'x', must be an integer that, times 1, has 64 bits"),
        ('1,2\n"3",4\n', "f: line 12: one is '\"3\"': quoted fields are not read"),
        ("1,2\n3," + "9" * 100, "f: line 12: two is '" + "9" * 60 + "', must be"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(MarketDataError) as caught:
        ColumnParser([("one", "integer", 1), ("two", "integer", 1)], name="f", before=10).parse(text.encode())
    assert str(caught.value).startswith(message)


def test_mixed_zones_and_refused_plans():
    with pytest.raises(MarketDataError, match="line 2: t is '2024-01-01T00:00:00': some times have a zone"):
        ColumnParser([("t", "iso", 1)]).parse(b"2024-01-01T00:00:00Z\n2024-01-01T00:00:00\n")
    assert ColumnParser([("t", "iso", 1)]).zoned is None
    assert datetime.fromtimestamp(one("iso", "2024-02-29T23:59:59.5Z") / 1e9, UTC) == datetime(
        2024, 2, 29, 23, 59, 59, 500_000, UTC
    )
    for plan, delimiter, error in (
        ([], ",", ValueError), ([("x", "float", 1)], ",", ValueError), ([("x", "integer", 0)], ",", ValueError),
        ([("x", "integer", True)], ",", TypeError), ([("x", "skip", 1)] * 513, ",", ValueError),
        ([("x", "skip", 1)], "", ValueError),
        ([("x", "skip", 1)], ",,", ValueError), ([("x", "skip", 1)], "\n", ValueError),
        ([("x", "skip", 1)], None, ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            ColumnParser(plan, delimiter=delimiter)


def test_damaged_text_ends_with_a_place_or_is_read():
    rng = np.random.default_rng(8)
    plan = [
        ("t", "iso", 1),
        ("p", "decimal", 10**9),
        ("q", "integer", 100),
        ("s", "name", 1),
        ("skipped", "skip", 1),
        ("h", "hex", 1),
    ]
    line = b"2024-10-21T11:54:29.221230963Z,233.6200,17,AAPL,zzz,1f\n"
    alphabet = b'0123456789.,-+eEZT:\n\r"AaFf \x00\xff'
    faults = read = 0
    for _ in range(ROUNDS):
        data = bytearray(line * int(rng.integers(1, 5)))
        for _ in range(int(rng.integers(1, 4))):
            place = int(rng.integers(len(data)))
            if rng.random() < 0.6:
                data[place] = alphabet[int(rng.integers(len(alphabet)))]
            else:
                del data[place : place + int(rng.integers(1, 20))]
            if not data:
                break
        try:
            cells = ColumnParser(plan, name="f").parse(bytes(data))
            assert cells.shape[1] == 5
            assert len(cells) == bytes(data).count(b"\n") + (not data.endswith(b"\n") and len(data) > 0)
        except MarketDataError as error:
            faults += str(error).startswith("f: line ")
        else:
            read += 1
    assert faults + read == ROUNDS
    assert faults > ROUNDS // 3
