"""The tail: the journal's ring as a file in memory, which outlives the process."""

from __future__ import annotations

import mmap
import os
import struct

from ..framing import PAGE, check_records, crc32c
from ..values import JournalError
from .layout import TAIL_LIVE, check_layout, check_version, layout_hash, summed
from .marks import Mark

_HEAD = struct.Struct("<8sIIQ16s16sqq")


def is_tmpfs(directory: str) -> bool:
    """True when a directory lies in memory: what is stored there outlives the process, and no disk is waited for."""
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return False
    best, kind = "", ""
    real = os.path.realpath(directory)
    for fields in mounts:
        point = fields[4].encode().decode("unicode_escape")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, fields[fields.index("-") + 1]
    return kind in ("tmpfs", "ramfs")


def make_tail(directory: str, name: str, uuid: bytes, boot: bytes, ring_bytes: int, epoch: int) -> tuple[str, int]:
    """Makes a tail file, its blocks allocated: (path, descriptor). JournalError when there is no room for it."""
    path = os.path.join(directory, name)
    page = summed(b"GMTAIL01", struct.pack("<Q16s16sqq56x", layout_hash(), uuid, boot, ring_bytes, epoch))
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, PAGE + ring_bytes)
        os.pwrite(fd, page, 0)
    except OSError as error:
        os.close(fd)
        os.unlink(path)
        raise JournalError(
            f"{path}: no room for the journal's ring of {ring_bytes} bytes ({error.strerror}); lower "
            "journal.ring_bytes or give journal.tail another directory"
        ) from None
    return path, fd


def read_tail(path: str, mark: Mark) -> tuple[int, mmap.mmap, int]:
    """The tail's file, checked; JournalError when it is not the mark's.

    Returns
    -------
    (bytes of the log that were carried to segments, the file as a memory map, size of the ring behind its page)
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        page = file.read(PAGE)
        if len(page) < PAGE or page[:8] != b"GMTAIL01":
            raise JournalError(f"{path}: not the tail of a journal")
        _, version, check, layout, uuid, _boot, ring_bytes, made_by = _HEAD.unpack_from(page)
        check_version(path, version)
        check_layout(path, layout)
        if crc32c(page[16:TAIL_LIVE]) != check:
            raise JournalError(f"{path}: its header does not match its checksum")
        if uuid != mark.uuid:
            raise JournalError(f"{path}: is the tail of another journal")
        if size != PAGE + ring_bytes:
            raise JournalError(f"{path}: {size} bytes long, must be {PAGE + ring_bytes}")
        epoch, drained = struct.unpack_from("<qq", page, TAIL_LIVE)
        if made_by != mark.epoch or epoch < made_by:
            raise JournalError(f"{path}: made by epoch {made_by}, the journal is at {mark.epoch}")
        if drained < 0 or drained % 128:
            raise JournalError(f"{path}: says that {drained} bytes were carried over, which is between two records")
        return drained, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ), ring_bytes


def tail_records(path: str, mark: Mark, sequence: int) -> tuple[int, bytes, int]:
    """The records of the tail that no segment has: (drained, bytes, next sequence). The first must be `sequence`."""
    drained, ring, ring_bytes = read_tail(path, mark)
    try:
        start = PAGE + drained % ring_bytes
        whole = ring[start:] + ring[PAGE:start]
    finally:
        ring.close()
    used, after, fault = check_records(whole, sequence, path, drained)
    if fault is not None:
        raise JournalError(fault)
    return drained, whole[:used], after
