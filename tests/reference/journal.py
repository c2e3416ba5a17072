"""A reader of journal directories, in plain Python, written from the layout in store.h and records.h alone."""

import struct
from pathlib import Path

SIZES = {1: 128, 2: 256, 3: 128, 4: 128, 5: 128, 6: 128, 7: 128}


class DamagedError(Exception):
    pass


def _table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = _table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def last_mark(directory):
    raw = (Path(directory) / "control").read_bytes()
    marks = []
    for at in (0, 512):
        piece = raw[at : at + 512]
        if piece[:8] == b"GMMARK01" and crc32c(piece[16:]) == struct.unpack_from("<I", piece, 12)[0]:
            names = ("counter", "epoch", "forced", "position", "sequence", "segments", "clean")
            mark = dict(zip(names, struct.unpack_from("<6qi", piece, 56), strict=True))
            mark["uuid"] = piece[24:40]
            mark["tail"] = piece[120:376].rstrip(b"\0").decode()
            marks.append(mark)
    if not marks:
        raise DamagedError("control")
    return max(marks, key=lambda mark: mark["counter"])


def records_of(data, sequence):
    """The whole records at the begin of `data`, the first of them `sequence`: (kind, time_ns, order_id, payload)."""
    at = 0
    while at + 8 <= len(data):
        (commit,) = struct.unpack_from("<Q", data, at)
        if commit == 0:
            return
        if at + 32 > len(data):
            raise DamagedError(f"record {sequence} is cut")
        _, crc, kind, size, time_ns, order_id = struct.unpack_from("<QIHHqq", data, at)
        if commit != 0x474D << 48 | sequence or SIZES.get(kind) != size or at + size > len(data):
            raise DamagedError(f"record {sequence}")
        if crc32c(data[at + 12 : at + size], sequence * 0x9E3779B9 & 0xFFFFFFFF) != crc:
            raise DamagedError(f"record {sequence}")
        yield kind, time_ns, order_id, data[at + 32 : at + size]
        at += size
        sequence += 1


def read(directory):
    """Every record of a journal, its tail's included."""
    directory = Path(directory)
    mark = last_mark(directory)
    found, stream_end = [], 0
    segments = sorted(directory.glob("*.segment"))
    drained = None
    if not mark["clean"]:
        tail = Path(mark["tail"]).read_bytes()
        ring_bytes, _made_by = struct.unpack_from("<qq", tail, 56)
        _epoch, drained = struct.unpack_from("<qq", tail, 128)
    heads = []
    for number, path in enumerate(segments, 1):
        page = path.read_bytes()[:4096]
        if page[:8] != b"GMSEGM01" or crc32c(page[16:]) != struct.unpack_from("<I", page, 12)[0]:
            raise DamagedError(path.name)
        if page[24:40] != mark["uuid"] or struct.unpack_from("<q", page, 56)[0] != number:
            raise DamagedError(path.name)
        heads.append(struct.unpack_from("<qq", page, 64))
    for place, path in enumerate(segments):
        position, sequence = heads[place]
        end = heads[place + 1][0] if place + 1 < len(segments) else drained
        data = path.read_bytes()[4096:]
        if end is not None:
            if len(data) < end - position:
                raise DamagedError(f"{path.name} is cut")
            data = data[: end - position]
        if sequence != len(found) + 1:
            raise DamagedError(f"{path.name} begins with {sequence}")
        found += records_of(data, sequence)
        stream_end = position + sum(SIZES[kind] for kind, *_ in found[sequence - 1 :])
        if end is not None and stream_end != end:
            raise DamagedError(f"{path.name} ends early")
    if drained is not None:
        if stream_end != drained:
            raise DamagedError("the tail begins elsewhere")
        start = 4096 + drained % ring_bytes
        found += records_of(tail[start:] + tail[4096:start], len(found) + 1)
    elif stream_end != mark["position"] or len(found) != mark["sequence"]:
        raise DamagedError("the log is shorter than it was")
    return found
