"""What lies in a journal's directory."""

from __future__ import annotations

import os
import uuid

from ..framing import MARK_BYTES
from ..values import JournalError
from .layout import SEAL_ROW, boot_id
from .marks import read_mark
from .seals import read_seals, seals_head, uuid_of
from .segments import SEGMENT_NAME, read_segments


class Survey:
    """What lies in a journal's directory, checked against itself.

    Attributes
    ----------
    mark : Mark; segments : list of Segment; seals : list of Seal
    begun : path of a segment that was begun and has not even its head, or None
    same_boot : bool, the machine has not restarted since the mark was made
    tail : path of the tail, or None when there is none to read (a clean stop, another boot)
    notes : list of str, what was found that need not stop anybody
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self.mark = read_mark(path, self.notes)
        self.same_boot = self.mark.boot == boot_id()
        self.segments, self.begun = read_segments(path, self.mark)
        self.seals = read_seals(path, self.mark, self.same_boot, self.notes)
        self.tail: str | None = None
        end = self.segments[-1].position + self.segments[-1].size if self.segments else 0
        found = len(self.segments) + (self.begun is not None)
        if end < self.mark.position and found < self.mark.segments:
            raise JournalError(
                f"{path}: {found + 1:08d}.segment is missing, with records from byte {end} of the log on"
            )
        if self.mark.clean and self.mark.position and (not self.seals or self.seals[-1].position < self.mark.position):
            raise JournalError(
                f"{os.path.join(path, 'seals')}: cut: its last seal is of byte "
                f"{self.seals[-1].position if self.seals else 0}, the log was closed and sealed at {self.mark.position}"
            )
        if (
            not self.mark.clean and self.mark.tail is not None and self.same_boot
        ):  # a tail of another boot may be torn anywhere
            if not os.path.exists(self.mark.tail):
                raise JournalError(
                    f"{path}: its tail {self.mark.tail} is gone, and with it records that were acknowledged; bring "
                    f"the file back, or accept the loss with: gmexec journal repair {path}"
                )
            self.tail = self.mark.tail


def make(path: str) -> bytes:
    """Makes the files of an empty journal in a directory; its uuid. The first mark is written by who opens it."""
    seals = os.path.join(path, "seals")
    identity = None
    if os.path.exists(seals):  # of a start that was killed: its tail, if it made one, is found by its uuid
        with open(seals, "rb") as file:
            identity = uuid_of(file.read(SEAL_ROW))
    if identity is None:
        identity = uuid.uuid4().bytes
        with open(seals, "wb") as file:
            file.write(seals_head(identity))
    with open(os.path.join(path, "control"), "wb") as file:
        file.write(bytes(2 * MARK_BYTES))
    return identity


def is_new(path: str) -> bool:
    """True for a directory with nothing of a journal in it but a lock, or the begin of one that was never marked.

    JournalError when something else lies there."""
    names = set(os.listdir(path)) - {"lock"}
    if not names:
        return True
    if "control" in names:
        with open(os.path.join(path, "control"), "rb") as file:
            marked = any(file.read(2 * MARK_BYTES))
        return not marked and not any(SEGMENT_NAME.match(name) for name in names)
    if names == {"seals"}:
        return True
    if any(SEGMENT_NAME.match(name) for name in names):
        raise JournalError(f"{path}: its file control is missing")
    raise JournalError(f"{path}: is no journal, and not empty (it holds {sorted(names)[0]}); name another path")
