"""What an operator decides about a journal that does not open by itself: looked at first, done only when asked.

Two things can be mended. A disk that failed to force: the files it is not known of are written anew and forced. A tail
that was lost while the machine ran: the log is cut to what reached its files, and what is missing is said. A record
that does not match its checksum is not mended by anybody: restore the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ._core.store import PAGE, Mark, Segment, Survey, boot_id, is_live, read_mark, verify, walk_segment, write_mark
from ._core.values import JournalError

__all__ = ["Repair", "repair"]

_DISTRUSTED = 3


@dataclass
class Repair:
    """What is wrong with a journal, and what would be, or was, done about it."""

    path: str
    findings: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def needed(self) -> bool:
        """False when the journal opens as it is."""
        return bool(self.actions)


def repair(path: str | os.PathLike[str], *, apply: bool = False) -> Repair:
    """Looks at a journal and, with `apply`, does what is listed.

    Raises
    ------
    JournalError  an engine has it open, or it holds a record that is wrong: nothing is changed then
    """
    name = os.path.abspath(os.path.expanduser(os.fspath(path)))
    found = Repair(name)
    if is_live(name):
        raise JournalError(f"{name}: an engine has this journal open; stop it first")
    mark = read_mark(name)
    lost_tail = _lost_tail(name, mark)
    if lost_tail:
        found.findings.append(f"{lost_tail}: records acknowledged and not yet written are lost")
        found.actions.append(f"go on from what its files hold (at the last mark {mark.position} bytes were written)")
    if mark.state == _DISTRUSTED:
        found.findings.append(f"forcing it to the disk failed: {os.strerror(mark.error)}")
        found.actions.append(f"write the files that hold something behind byte {mark.forced} of the log anew")
    if not found.actions:
        verify(name)
        found.findings.append("nothing is wrong with it")
        return found
    if not apply:
        return found
    if lost_tail:
        # As after another boot: the log ends at the first record that is not whole, if that had not been forced.
        write_mark(name, mark, tail=None, boot=bytes(16))
        mark = read_mark(name)
    if mark.state == _DISTRUSTED:
        for segment in _distrusted(Survey(name), mark):
            _anew(segment)
        write_mark(name, mark, state=0, error=0)
    found.done = True
    found.findings.extend(verify(name)["notes"])
    return found


def _lost_tail(name: str, mark: Mark) -> str | None:
    """What is wrong with the tail that the journal needs; None when it is whole, or not needed."""
    if mark.clean or mark.tail is None or mark.boot != boot_id():
        return None
    if not os.path.exists(mark.tail):
        return f"its tail {mark.tail} is gone"
    try:
        verify(name)
    except JournalError as error:
        if mark.tail in str(error):
            return f"its tail is damaged ({error})"
    return None


def _distrusted(survey: Survey, mark: Mark) -> list[Segment]:
    """The segments that hold something that was not forced, each checked: what is read now is what is kept."""
    wanted = []
    for segment in survey.segments:
        if segment.position + segment.size <= mark.forced:
            continue
        _, _, fault = walk_segment(segment)
        if fault is not None and survey.tail is None:
            raise JournalError(fault)
        wanted.append(segment)
    return wanted


def _anew(segment: Segment) -> None:
    """The same bytes in a file of their own, on the disk before it takes the old one's name."""
    with open(segment.path, "rb") as old, open(segment.path + ".new", "wb") as new:
        while piece := old.read(1 << 22):
            new.write(piece)
        if new.tell() < PAGE:
            raise JournalError(f"{segment.path}: its header page is cut")
        new.flush()
        os.fsync(new.fileno())
    os.replace(segment.path + ".new", segment.path)
    directory = os.open(os.path.dirname(segment.path), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
