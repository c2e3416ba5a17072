"""The file `seals`: SHA-256 of the log up to here and there, chained to nothing but the log."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from ..framing import crc32c
from ..values import JournalError
from .layout import SEAL_ROW, check_layout, check_version, layout_hash, summed
from .marks import Mark

_SEAL = struct.Struct("<4q32s32siI")
_HEAD = struct.Struct("<8sIIQ16s")


class Seal(NamedTuple):
    """The log's first `position` bytes, which end with record `sequence`."""

    position: int
    sequence: int
    sha256: bytes
    state: bytes  # of the running sum, from which it goes on
    clean: int


def seals_head(uuid: bytes) -> bytes:
    """The first 128 bytes of the file of seals."""
    return summed(b"GMSEAL01", struct.pack("<Q16s", layout_hash(), uuid).ljust(SEAL_ROW - 16, b"\0"))


def uuid_of(head: bytes) -> bytes | None:
    """Whose seals a file's first 128 bytes say they are; None: they are no head of seals."""
    if len(head) != SEAL_ROW:
        return None
    uuid: bytes = _HEAD.unpack_from(head)[4]
    return uuid if head == seals_head(uuid) else None


def read_seals(path: str, mark: Mark, same_boot: bool, notes: list[str]) -> list[Seal]:
    """All seals of a journal, checked one by one. Those torn when the machine stopped are left out, with a note."""
    name = os.path.join(path, "seals")
    try:
        with open(name, "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        raise JournalError(f"{path}: its seals are missing (file seals)") from None
    if raw[:SEAL_ROW] != seals_head(mark.uuid):
        if raw[:8] == b"GMSEAL01" and len(raw) >= SEAL_ROW:
            fields = _HEAD.unpack_from(raw)
            check_version(name, fields[1])
            check_layout(name, fields[3])
            if fields[4] != mark.uuid and crc32c(raw[16:SEAL_ROW]) == fields[2]:
                raise JournalError(f"{name}: belongs to another journal")
        raise JournalError(f"{name}: its header is damaged")
    seals: list[Seal] = []
    for at in range(SEAL_ROW, len(raw), SEAL_ROW):
        piece = raw[at : at + SEAL_ROW]
        number = at // SEAL_ROW
        seal = _read_seal(piece, number)
        if seal is None:
            if not same_boot and not mark.clean:  # seals are forced by a stop in order alone
                notes.append(f"{name}: torn from seal {number} on when the machine stopped; they are made again")
                break
            raise JournalError(f"{name}: seal {number} does not match its checksum")
        if seals and seal.position < seals[-1].position:
            raise JournalError(f"{name}: seal {number} is of byte {seal.position}, before the seal that precedes it")
        seals.append(seal)
    return seals


def _read_seal(piece: bytes, number: int) -> Seal | None:
    if len(piece) != SEAL_ROW:
        return None
    n, position, sequence, _epoch, digest, state, clean, check = _SEAL.unpack_from(piece)
    if n != number or crc32c(piece[: _SEAL.size - 4], number) != check or any(piece[_SEAL.size :]):
        return None
    return Seal(position, sequence, digest, state, clean)
