"""ITCH 5.0 and PITCH in plain Python, from their specifications: a writer of ITCH, readers that give tuples."""

import struct

NO_PRICE = -(2**63)
# type: struct format behind type, locate, tracking number and six bytes of time
ITCH = {
    "S": "c", "R": "8sccIcc2scccccIc", "H": "8scc4s", "Y": "8sc", "L": "4s8sccc", "V": "qqq", "W": "c",
    "K": "8sIcI", "J": "8sIIII", "h": "8scc", "A": "qcI8sI", "F": "qcI8sI4s", "E": "qIq", "C": "qIqcI", "X": "qI",
    "D": "q", "U": "qqII", "P": "qcI8sIq", "Q": "q8sIqc", "B": "q", "I": "qqc8sIIIcc", "N": "8sc", "O": "8scIIIqII",
}  # fmt: skip


def itch(kind, locate, ns, *fields):
    """One message behind its length; texts are padded to their width."""
    layout = ITCH[kind]
    padded = [f.encode() if isinstance(f, str) else f for f in fields]
    padded = [f.ljust(w) if isinstance(f, bytes) else f for f, w in zip(padded, _widths(layout), strict=True)]
    body = kind.encode() + struct.pack(">HH", locate, 0) + ns.to_bytes(6, "big") + struct.pack(">" + layout, *padded)
    return struct.pack(">H", len(body)) + body


def _widths(layout):
    digits = ""
    for c in layout:
        if c.isdigit():
            digits += c
            continue
        yield int(digits or 1)
        digits = ""


def directory(locate, symbol, ns=0):
    return itch("R", locate, ns, symbol, "Q", "N", 100, "N", "C", "Z ", "P", "N", "N", "1", "N", 0, "N")


def read_itch(data, midnight_ns=0):
    """Of each message that has a row: (action, order id, side, price_e9, quantity, counterparty, flags, symbol,
    time_ns, sequence)."""
    rows, at, record = [], 0, 0
    while at + 2 <= len(data):
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + 2 + length]
        at += 2 + length
        record += 1
        kind, locate = chr(body[0]), struct.unpack_from(">H", body, 1)[0]
        fields = struct.unpack(">" + ITCH[kind], body[11:])
        tail = (locate, midnight_ns + int.from_bytes(body[5:11], "big"), record)
        made = None
        if kind in "AF":
            made = (1, fields[0], 1 if fields[1] == b"B" else -1, fields[4] * 100_000, fields[2], 0, 0)
        elif kind == "E":
            made = (4, fields[0], 0, NO_PRICE, fields[1], fields[2], 0)
        elif kind == "C":
            made = (4, fields[0], 0, fields[4] * 100_000, fields[1], fields[2], 0 if fields[3] == b"Y" else 32)
        elif kind == "X":
            made = (2, fields[0], 0, NO_PRICE, fields[1], 0, 0)
        elif kind == "D":
            made = (3, fields[0], 0, NO_PRICE, 0, 0, 0)
        elif kind == "U":
            made = (6, fields[0], 0, fields[3] * 100_000, fields[2], fields[1], 0)
        elif kind == "P":
            made = (5, 0, 0, fields[4] * 100_000, fields[2], fields[5], 0)
        elif kind == "Q" and fields[0] > 0:
            made = (11, 0, 0, fields[2] * 100_000, fields[0], fields[3], 0)
        elif kind == "H":
            made = (7, 0, 0, NO_PRICE, 0, 0, {b"T": 3, b"Q": 2}.get(fields[1], 1))
        if made:
            rows.append(made + tail)
    return rows


def read_pitch(text):
    """Of each line with a row: (action, order id, side, price_e9, quantity, symbol, ms); symbol None: not told."""
    rows, resting = [], {}
    for line in text.splitlines():
        line = line.removeprefix("S")
        ms, kind, body = int(line[:8]), line[8], line[9:]
        wide = 8 if kind in "dr" else 6
        if kind in "AdPr":
            side = 1 if body[12] == "B" else -1
            symbol, price = body[19 : 19 + wide].strip(), int(body[19 + wide : 29 + wide]) * 100_000
            made = (1 if kind in "Ad" else 5, int(body[:12], 36), side, price, int(body[13:19]), symbol, ms)
            if kind in "Ad":
                resting[made[1]] = (side, price, symbol)
        elif kind in "EX":
            side, price, symbol = resting.get(int(body[:12], 36), (0, NO_PRICE, None))
            made = (4 if kind == "E" else 2, int(body[:12], 36), side, price, int(body[12:18]), symbol, ms)
        elif kind == "s":
            made = (8, 0, 0, NO_PRICE, 0, body[:8].strip(), ms)
        elif kind == "H":
            made = (7, 0, 0, NO_PRICE, 0, body[:8].strip(), ms)
        else:
            continue
        rows.append(made)
    return rows
