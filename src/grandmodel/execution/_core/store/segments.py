"""Segments: the files of records, one after the other."""

from __future__ import annotations

import os
import re
import struct
from typing import Any

from ..framing import PAGE, check_records, crc32c
from ..values import JournalError
from .layout import CHUNK, check_layout, check_version, layout_hash, summed
from .marks import Mark

SEGMENT_NAME = re.compile(r"(\d{8})\.segment$")
_HEAD = struct.Struct("<8sIIQ16s16s4q")
_ZEROS = bytes(CHUNK)


class Segment:
    """One file of records. `size` counts its records' bytes, with the zeros that may follow them."""

    uuid: bytes
    boot: bytes
    number: int
    position: int  # where in the log it begins
    sequence: int  # of its first record
    epoch: int

    def __init__(self, path: str, fields: tuple[Any, ...], size: int) -> None:
        (_, _, _, _, self.uuid, self.boot, self.number, self.position, self.sequence, self.epoch) = fields
        self.path = path
        self.size = size

    def cut(self, used: int) -> None:
        """Leaves `used` bytes of records in the file."""
        if self.size != used:
            os.truncate(self.path, PAGE + used)
            self.size = used


def read_segments(path: str, mark: Mark) -> tuple[list[Segment], str | None]:
    """The segments of a journal, their heads checked and each ended where the next begins.

    Behind them the path of one that was begun, but has not even its head (as if it were not there), or None."""
    names = sorted(name for name in os.listdir(path) if SEGMENT_NAME.match(name))
    segments: list[Segment] = []
    for index, name in enumerate(names):
        full = os.path.join(path, name)
        number = int(name[:8])
        if number != index + 1:
            raise JournalError(f"{path}: {index + 1:08d}.segment is missing, {name} is there")
        with open(full, "rb") as file:
            page = file.read(PAGE)
            size = os.fstat(file.fileno()).st_size
        if len(page) < PAGE and index == len(names) - 1 and number > mark.segments:
            return segments, full
        segment = _read_head(full, page, size, mark)
        if segment.number != number:
            raise JournalError(f"{full}: says that it is segment {segment.number}")
        if segments:
            before = segments[-1]
            if not 0 <= segment.position - before.position <= before.size:
                raise JournalError(
                    f"{before.path}: cut: {before.size} bytes of records, "
                    f"{segment.position - before.position} before {name} begins"
                )
            before.size = segment.position - before.position
        elif segment.position != 0 or segment.sequence != 1:
            raise JournalError(f"{full}: begins at byte {segment.position} of the log, must be at its begin")
        segments.append(segment)
    return segments, None


def _read_head(full: str, page: bytes, size: int, mark: Mark) -> Segment:
    if len(page) < PAGE or page[:8] != b"GMSEGM01":
        raise JournalError(f"{full}: not a segment of a journal")
    fields = _HEAD.unpack_from(page)
    check_version(full, fields[1])
    if crc32c(page[16:]) != fields[2]:
        raise JournalError(f"{full}: its header page does not match its checksum")
    check_layout(full, fields[3])
    segment = Segment(full, fields, size - PAGE)
    if segment.uuid != mark.uuid:
        raise JournalError(f"{full}: belongs to another journal")
    return segment


def add_segment(
    path: str, mark: Mark, number: int, position: int, sequence: int, epoch: int, boot: bytes, records: bytes
) -> Segment:
    """Writes a segment of `records`, forced."""
    name = os.path.join(path, f"{number:08d}.segment")
    body = struct.pack("<Q16s16s4q", layout_hash(), mark.uuid, boot, number, position, sequence, epoch).ljust(
        PAGE - 16, b"\0"
    )
    page = summed(b"GMSEGM01", body)
    try:
        if os.path.exists(name):  # begun by an engine that was pushed aside at that moment: the survey had none
            os.unlink(name)
        with open(name, "xb", buffering=0) as file:
            for piece in (page, records):
                done = 0
                while done < len(piece):
                    done += file.write(piece[done:])
            os.fdatasync(file.fileno())
    except OSError as error:
        raise JournalError(f"{name}: cannot be written: {error.strerror}") from None
    return Segment(name, _HEAD.unpack_from(page), len(records))


def check_segment(segment: Segment, stop: int | None = None) -> tuple[int, int]:
    """Checks a segment's records; a JournalError names the first that is wrong.

    Parameters
    ----------
    stop : bytes of records to check; None: to the end of the file, and what follows the last record must be zero

    Returns
    -------
    (bytes of records, sequence after the last)
    """
    used, sequence, fault = walk_segment(segment, stop)
    if fault is not None:
        raise JournalError(fault)
    return used, sequence


def walk_segment(
    segment: Segment, stop: int | None = None, start: int = 0, first: int | None = None, whole: bool = True
) -> tuple[int, int, str | None]:
    """As check_segment, with what is wrong as a third value instead of an error.

    Parameters
    ----------
    start, first : the byte of records to begin at, and the sequence of the record there
    whole : what follows the last record must be zero to the segment's end; False: nobody looks, as it is still written
    """
    most = CHUNK if whole else 1 << 18
    end = segment.size if stop is None else stop
    at, sequence = start, segment.sequence if first is None else first
    with open(segment.path, "rb") as file:
        while at < end:
            file.seek(PAGE + at)
            piece = file.read(min(most, end - at))
            if not piece:
                return at, sequence, f"{segment.path}: cut: ends at byte {PAGE + at}, must reach {PAGE + end}"
            last = at + len(piece) >= end
            used, after, fault = check_records(piece, sequence, segment.path, PAGE + at)
            if fault is not None and (last or used == 0 or not fault.endswith("cut short")):
                return at + used, after, fault
            at, sequence = at + used, after
            if fault is None and used < len(piece):  # a zero commit word
                if stop is not None:
                    return at, sequence, f"{segment.path}: record {sequence} at byte {PAGE + at} is missing"
                rest = piece[used:] if whole else b""
                while rest:
                    if rest != _ZEROS[: len(rest)]:  # compared as memory: byte by byte it takes a hundred times as long
                        never = f"record {sequence} at byte {PAGE + at} was never committed, but something follows it"
                        return at, sequence, f"{segment.path}: {never}"
                    rest = file.read(CHUNK)
                break
    return at, sequence, None
