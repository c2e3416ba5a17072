"""The file `control`: two marks by turns, each with the journal's identity and how far the log had come."""

from __future__ import annotations

import os
import struct
from typing import Any

from ..framing import MARK_BYTES, crc32c
from ..values import JournalError
from .layout import boot_id, check_layout, check_version, layout_hash, summed

_MARK = struct.Struct("<8sIIQ16s16s6q4i256s")
_BODY = struct.Struct("<Q16s16s6q4i256s")  # the same behind magic, version and checksum
_WRITTEN = (
    "uuid", "boot", "counter", "epoch", "forced", "position", "sequence",
    "segments", "clean", "state", "error", "durability", "tail",
)  # fmt: skip


class Mark:
    """What `control` says: identity, and how far the log had come."""

    version: int
    layout: int
    uuid: bytes
    boot: bytes
    counter: int
    epoch: int
    forced: int
    position: int
    sequence: int
    segments: int
    clean: int
    state: int
    error: int
    durability: int
    tail: str | None

    def __init__(self, fields: tuple[Any, ...]) -> None:
        (_, self.version, _, self.layout, self.uuid, self.boot, self.counter, self.epoch, self.forced, self.position,
         self.sequence, self.segments, self.clean, self.state, self.error, self.durability, tail) = fields  # fmt: skip
        self.tail = os.fsdecode(tail.rstrip(b"\0")) or None


def read_mark(path: str, notes: list[str] | None = None) -> Mark:
    """The mark of a journal's control file that counts; what need not stop anybody goes to `notes`."""
    name = os.path.join(path, "control")
    try:
        with open(name, "rb") as file:
            raw = file.read(2 * MARK_BYTES + 1)
    except FileNotFoundError:
        raise JournalError(f"{path}: not a journal (it has no file control)") from None
    if len(raw) != 2 * MARK_BYTES:
        raise JournalError(f"{name}: {len(raw)} bytes long, must be {2 * MARK_BYTES}")
    marks, damaged = [], []
    for index in range(2):
        piece = raw[index * MARK_BYTES : (index + 1) * MARK_BYTES]
        if not any(piece):
            continue
        if len(piece) < MARK_BYTES or piece[:8] != b"GMMARK01":
            damaged.append(index)
            continue
        fields = _MARK.unpack_from(piece)
        check_version(name, fields[1])
        if crc32c(piece[16:]) != fields[2]:
            damaged.append(index)
            continue
        check_layout(name, fields[3])
        marks.append(Mark(fields))
    if not marks:
        raise JournalError(f"{name}: neither of its marks is whole")
    best = max(marks, key=lambda mark: mark.counter)
    if damaged:
        if best.boot == boot_id():
            raise JournalError(f"{name}: its mark {damaged[0] + 1} does not match its checksum")
        if notes is not None:
            notes.append(f"{name}: one mark was torn when the machine stopped; the one before it counts")
    if len(marks) == 2 and marks[0].uuid != marks[1].uuid:
        raise JournalError(f"{name}: its marks belong to different journals")
    return best


def write_mark(path: str, mark: Mark, **changes: Any) -> None:
    """Writes a mark in the place of the older one, forced: what `mark` says, with `changes`, and counted on."""
    fields = {name: getattr(mark, name) for name in _WRITTEN}
    fields.update(changes, counter=mark.counter + 1)
    tail = os.fsencode(fields.pop("tail") or "")
    raw = summed(b"GMMARK01", _BODY.pack(layout_hash(), *fields.values(), tail).ljust(MARK_BYTES - 16, b"\0"))
    fd = os.open(os.path.join(path, "control"), os.O_RDWR | os.O_CLOEXEC)
    try:
        os.pwrite(fd, raw, MARK_BYTES * (fields["counter"] & 1))
        os.fsync(fd)
    finally:
        os.close(fd)
