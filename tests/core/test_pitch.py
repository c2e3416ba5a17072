"""The PITCH parser: against plain Python, by hand, and under damage."""

import os

import numpy as np
import pytest
from reference.feeds import read_pitch

from grandmodel.execution._core.pitch import PitchParser
from grandmodel.execution._core.values import MarketDataError

ROUNDS = 200_000 if os.environ.get("GRANDMODEL_LONG") else 3_000
DAY = """\
S28800011AAK27GA0000DTS000100SH    0000619200Y
S28800012dBK27GA00000KB001000SSOLONG 0000763800YABCD
S28800013EAK27GA0000DT00004000004AQ00003
S28800014XAK27GA0000DT000060
S28803240P4K27GA00003PB000100DXD   0000499600000N4AQ00003
S28803240r4K27GA00003PS000100DXDLONG 0000499600000N4AQ00003
S28803241B000N4AQ00003
S28803242HSSOLONG TA00
S28803242HSSOLONG HA00
S28803243IDXD     O00004996000000000100000000020000004996000000499600
S28803244JDXD     O00004996000000000100
S28803245RDXD     B
S28803246XZK27GA0000DT000060
S28803247sSSOLONG 
S28803248XBK27GA00000K001000
"""  # noqa: W291


def lines(*wanted):
    return "".join(f"{line}\n" for line in wanted).encode()


def good():
    return DAY.encode()


def test_every_type_against_plain_python():
    parser = PitchParser(10**18, venue=4)
    rows = parser.parse(good().replace(b"S28800012d", b"28800012d"))  # with and without the S
    twin = read_pitch(good().decode())
    names = parser.symbols
    got: list[tuple[object, ...]] = [
        (int(r["action"]), int(r["order_id"]), int(r["side"]), int(r["price_e9"]), int(r["quantity"]),
         names.get(int(r["symbol"])), (int(r["time_ns"]) - 10**18) // 10**6)
        for r in rows
    ]  # fmt: skip
    cleared = next(k for k, made in enumerate(twin) if made[0] == 8)
    assert [g[:1] + g[4:] for g in got[:cleared]] == [t[:1] + t[4:] for t in twin[:cleared]]
    assert got[:4] == [(a, i, s, p, q, n, ms) for a, i, s, p, q, n, ms in twin[:4]]
    assert parser.skipped == {"B": 1, "I": 1, "J": 1, "R": 1}
    assert parser.unknown == 2  # one came before the file, one was cleared
    assert rows["symbol"][-1] == -1
    assert parser.resting == 0
    assert set(rows["venue"].tolist()) == {4}
    assert rows["flags"][rows["action"] == 7].tolist() == [3, 1]
    assert len(PitchParser().parse(b"")) == 0


ADD = "S28800011AAK27GA0000DTS000100SH    0000619200Y"


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        ("", "is empty"),
        ("S", "length"),
        ("S2880001", "length"),
        ("S28800011ZAK27", "message type is 'Z'"),
        ("S28800011\xffAK27", "message type is"),
        (ADD[:-1], "has a length that is not its type's"),
        (ADD + "Y", "has a length that is not its type's"),
        (ADD.replace("28800011", "86400000"), "time is '86400000'"),
        (ADD.replace("28800011", "2880001 "), "time is '2880001 '"),
        (ADD, "order id is 'AK27GA0000DT'"),  # it rests already
        (ADD.replace("AAK27GA0000DT", "A000000000000"), "order id is '000000000000'"),
        (ADD.replace("AAK27GA0000DT", "Aak27ga0000dt"), "order id is 'ak27ga0000dt'"),
        (ADD.replace("DTS", "DVX"), "side is 'X'"),
        (ADD.replace("DT", "DV").replace("S000100", "S000000"), "shares are '000000'"),
        (ADD.replace("DT", "DV").replace("S000100", "S00 100"), "shares are '00 100'"),
        (ADD.replace("DT", "DV").replace("SH    ", "      "), "symbol is '      '"),
        (ADD.replace("DT", "DV").replace("SH    ", "S H   "), "symbol is 'S H   '"),
        (ADD.replace("DT", "DV").replace("0000619200", "0000000000"), "price is '0000000000'"),
        (ADD.replace("DT", "DV").replace("0000619200", "-000619200"), "price is '-000619200'"),
        ("S28800014XAK27GA0000DT000101", "shares are '000101'"),
        ("S28800014EAK27GA0000DT000100N4AQ0000 00", "length"),
        ("S28800014EAK27GA0000DT000100N4AQ0000 003", "execution id is 'N4AQ0000 003'"),
        ("S28803242HDXD     XA00", "trading status is 'X'"),
    ],
)
def test_what_is_wrong_is_named(bad, text):
    parser = PitchParser(name="p.txt")
    with pytest.raises(MarketDataError) as caught:
        parser.parse(f"{ADD}\n{bad}\n".encode("latin-1"))
    assert str(caught.value).startswith("p.txt: line 2: ")
    assert text in str(caught.value)


def test_many_orders_come_and_go():
    """The table of resting orders grows, and closes its gaps: what is looked up is what was put."""
    rng = np.random.default_rng(2)
    parser = PitchParser()
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    def name(k):
        out = ""
        for _ in range(12):
            k, digit = divmod(k, 36)
            out = digits[digit] + out
        return out

    resting, text, expected = [], [], []
    for k in range(1, 30_001):
        if resting and rng.random() < 0.45:
            order, symbol = resting.pop(int(rng.integers(len(resting))))
            text.append(f"28800000X{name(order)}000100")
            expected.append(symbol)
        else:
            symbol = f"S{k % 300}"
            text.append(f"28800000A{name(k * 7919)}B000100{symbol:<6}0000619200Y")
            resting.append((k * 7919, symbol))
            expected.append(symbol)
    rows = parser.parse("\n".join(text).encode())
    names = parser.symbols
    assert [names[number] for number in rows["symbol"].tolist()] == expected
    assert parser.resting == len(resting)
    assert parser.unknown == 0


def test_damaged_files_end_with_a_place_or_are_read():
    rng = np.random.default_rng(5)
    faults = read = 0
    for _ in range(ROUNDS):
        data = bytearray(good())
        for _ in range(int(rng.integers(1, 5))):
            place = int(rng.integers(len(data)))
            what = int(rng.integers(3))
            if what == 0:
                data[place] = int(rng.integers(256))
            elif what == 1:
                del data[place : place + int(rng.integers(1, 60))]
            else:
                data[place:place] = data[max(0, place - 47) : place]
            if not data:
                break
        parser = PitchParser(name="f")
        try:
            rows = parser.parse(bytes(data))
            assert len(rows) <= bytes(data).count(b"\n") + 1
            assert (rows["quantity"] >= 0).all()
        except MarketDataError as error:
            faults += str(error).startswith(f"f: line {parser.records + 1}: ")
        else:
            read += 1
    assert faults + read == ROUNDS
    assert faults > ROUNDS // 2
