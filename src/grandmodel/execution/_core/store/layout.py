"""What all files of a journal have in common: how they begin, and how this software's differ from others'."""

from __future__ import annotations

import hashlib
import struct
import uuid

from ..framing import VERSION, crc32c
from ..records import HEADER_DTYPE, RECORD_DTYPES
from ..values import JournalError

SEAL_ROW = 128
INDEX_SEALED = 80  # offset of an index's flag and checksum
SNAPSHOT_VERSION = 4
TAIL_LIVE = 128  # offset of the tail's epoch and drained
#: Bytes that are read at once.
CHUNK = 1 << 22
#: Why a journal takes no records, by the numbers of gm_journal_state.
STATES = ("healthy", "full", "failed", "distrusted", "fenced", "lost")


def layout_hash() -> int:
    """A number that changes when any record's layout does: from the dtypes' own description."""
    text = repr(
        [(kind, RECORD_DTYPES[kind]["row"].descr, RECORD_DTYPES[kind].itemsize) for kind in sorted(RECORD_DTYPES)]
    )
    text += repr(HEADER_DTYPE.descr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def boot_id() -> bytes:
    """16 bytes that differ from boot to boot; zeros where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return uuid.UUID(file.read().strip()).bytes
    except (OSError, ValueError):
        return bytes(16)


def summed(magic: bytes, body: bytes) -> bytes:
    """A file's head: its magic, the version, the checksum of `body`, and that."""
    return struct.pack("<8sII", magic, VERSION, crc32c(body)) + body


def check_version(path: str, version: int) -> None:
    """JournalError when a file is of another format than this software's. Before its checksum is looked at."""
    if version != VERSION:
        later = "a later" if version > VERSION else "an earlier"
        raise JournalError(f"{path}: format version {version}, {later} one; this software reads {VERSION}")


def check_layout(path: str, layout: int) -> None:
    """JournalError when a file holds records of another layout than this software's."""
    if layout != layout_hash():
        raise JournalError(f"{path}: its records have another layout than this software's")
