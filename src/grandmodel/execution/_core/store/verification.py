"""A journal checked from end to end."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Any

import numpy as np

from ..framing import PAGE, crc32c, kinds_of, whole_records
from ..values import JournalError
from .layout import CHUNK, INDEX_SEALED, SNAPSHOT_VERSION, STATES
from .locks import is_live
from .marks import read_mark
from .seals import Seal
from .segments import Segment, walk_segment
from .survey import Survey
from .tail import read_tail, tail_records


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Checks a journal from end to end: every file's identity, every record's place and checksum, every seal.

    Returns
    -------
    dict: records, bytes (of the stream), by_kind {kind: count}, sha256 (of the stream, hex), segments, seals, sealed
    (bytes that a seal covers), clean (stopped in order), from_tail (records that only the tail holds), notes

    Raises
    ------
    JournalError  naming the file, the record and what is wrong with it
    """
    path = os.fspath(path)
    if os.path.isfile(path):
        raise JournalError(f"{path}: is a file; a journal is a directory")
    if not os.path.isdir(path):
        raise JournalError(f"{path}: there is no such journal")
    live, drained = is_live(path), None
    if live:  # what is written while we read is left out: look how far the log is before what there is
        mark = read_mark(path)
        if mark.tail is None:
            raise JournalError(f"{path}: an engine has it open, and its mark names no tail")
        drained = read_tail(mark.tail, mark)[0]
    survey = Survey(path)
    segments = survey.segments
    if drained is not None:
        segments = [segment for segment in segments if segment.position < drained]
        if segments:
            segments[-1].size = max(segments[-1].size, drained - segments[-1].position)
    elif survey.tail is not None:
        drained = read_tail(survey.tail, survey.mark)[0]
    stream = _Stream(
        [seal for seal in survey.seals if not live or (drained is not None and seal.position <= drained)], path
    )
    sequence, end = _walk(survey, segments, drained, stream)
    records = b""
    if live:
        survey.notes.append("an engine is writing to it: what is in its tail was left out")
    elif survey.tail is not None:
        if drained != end:
            raise JournalError(
                f"{path}: its segments end at byte {end} of the log, the tail says that {drained} were written"
            )
        _, records, sequence = tail_records(survey.tail, survey.mark, sequence)
        stream.take(records)
    elif survey.mark.clean and (end, sequence - 1) != (survey.mark.position, survey.mark.sequence):
        where = segments[-1].path if segments else path
        raise JournalError(
            f"{where}: ends at record {sequence - 1}, byte {end}; it was closed at record {survey.mark.sequence}, byte "
            f"{survey.mark.position}"
        )
    elif end < survey.mark.forced:
        raise JournalError(f"{path}: ends at byte {end} of the log, {survey.mark.forced} had been forced to the disk")
    stream.finish(survey)
    if survey.mark.clean and not live:
        _check_caches(path)
    return {
        "records": sequence - 1, "bytes": stream.position, "sha256": stream.digest.hexdigest(),
        "by_kind": stream.by_kind(), "segments": len(segments), "seals": stream.checked,
        "sealed": survey.seals[stream.checked - 1].position if stream.checked else 0,
        "clean": bool(survey.mark.clean), "from_tail": int(kinds_of(records).sum()), "epoch": survey.mark.epoch,
        "state": STATES[survey.mark.state], "live": live, "notes": survey.notes,
    }  # fmt: skip


def _walk(survey: Survey, segments: list[Segment], drained: int | None, stream: _Stream) -> tuple[int, int]:
    """Checks the segments' records one after the other: (sequence behind the last, bytes of the log that they hold)."""
    sequence, end = 1, 0
    for index, segment in enumerate(segments):
        if segment.sequence != sequence:
            raise JournalError(f"{segment.path}: begins with record {segment.sequence}, must begin with {sequence}")
        stop = None
        if index + 1 < len(segments):
            stop = segment.size
        elif drained is not None:
            stop = drained - segment.position
            if stop > segment.size:
                raise JournalError(
                    f"{segment.path}: cut: ends at byte {PAGE + segment.size}, "
                    f"the tail says that byte {PAGE + stop} was written"
                )
            if stop < 0:
                break
        used, sequence, fault = walk_segment(segment, stop)
        torn = fault is not None
        if fault is not None:
            if survey.same_boot or survey.mark.clean or segment.position + used < survey.mark.forced:
                raise JournalError(fault)
            survey.notes.append(f"torn when the machine stopped: {fault}")
        stream.take_file(segment, used)
        end = segment.position + used
        if torn:
            break
    return sequence, end


def _check_caches(path: str) -> None:
    """The files that are made from the log, after a stop in order: each must be what it was when it was closed."""
    for name, magic in (("orders.index", b"GMINDEX1"), ("clients.index", b"GMCLIEN1")):
        full = os.path.join(path, name)
        if not os.path.exists(full):
            continue
        with open(full, "rb") as file:
            index = bytearray(file.read())
        told = struct.unpack_from("<II", index, INDEX_SEALED) if len(index) >= PAGE else (0, 0)
        index[INDEX_SEALED + 4 : INDEX_SEALED + 8] = bytes(4)
        if index[:8] != magic or told[0] != 1 or crc32c(index) != told[1]:
            raise JournalError(
                f"{full}: is not what it was when the journal was closed; delete it, it is made again from the log"
            )
    for name in sorted(os.listdir(path)):
        if name.startswith("snapshot-") and name[9:].isdigit():
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                raw = file.read()
            whole = (
                len(raw) >= 128
                and raw[:12] == b"GMSNAP01" + struct.pack("<I", SNAPSHOT_VERSION)
                and not any(raw[80:128])
            )
            if not whole or struct.unpack_from("<I", raw, 12)[0] != crc32c(raw[16:80] + raw[128:]):
                raise JournalError(f"{full}: does not match its checksum; delete it, the log has all that is in it")


class _Stream:
    """The stream of records as it is read: its SHA-256, held against the seals on the way."""

    def __init__(self, seals: list[Seal], path: str) -> None:
        self.path = path
        self.seals = seals
        self.digest = hashlib.sha256()
        self.position = 0
        self.checked = 0
        self.counts = np.zeros(16, np.int64)

    def take(self, piece: bytes) -> None:
        """Whole records."""
        self.counts += kinds_of(piece)
        at = 0
        while self.checked < len(self.seals) and self.seals[self.checked].position <= self.position + len(piece) - at:
            upto = at + self.seals[self.checked].position - self.position
            self.digest.update(piece[at:upto])
            self.position += upto - at
            at = upto
            if self.digest.digest() != self.seals[self.checked].sha256:
                raise JournalError(
                    f"{os.path.join(self.path, 'seals')}: seal {self.checked + 1} does not match the first "
                    f"{self.position} bytes of the log"
                )
            self.checked += 1
        self.digest.update(piece[at:])
        self.position += len(piece) - at

    def take_file(self, segment: Segment, used: int) -> None:
        """Of a segment, in pieces of whole records: a read may end anywhere."""
        with open(segment.path, "rb") as file:
            file.seek(PAGE)
            held, left = b"", used
            while left > 0:
                piece = file.read(min(CHUNK, left))
                if not piece:
                    break
                left -= len(piece)
                whole = held + piece
                cut = len(whole) if left == 0 else whole_records(whole)
                self.take(whole[:cut])
                held = whole[cut:]

    def by_kind(self) -> dict[int, int]:
        return {kind: int(count) for kind, count in enumerate(self.counts) if count}

    def finish(self, survey: Survey) -> None:
        """All that a seal covers must have come."""
        if self.checked == len(self.seals):
            return
        position = self.seals[self.checked].position
        if survey.same_boot or survey.mark.clean or position <= survey.mark.forced:
            raise JournalError(
                f"{self.path}: cut: ends at byte {self.position} of the log, seal {self.checked + 1} covers {position}"
            )
        survey.notes.append(f"{self.path}: seals of records that went with the machine")
