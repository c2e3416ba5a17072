"""Where a log ends that somebody wants to write on, and what has to happen before he can."""

from __future__ import annotations

import os

from ..framing import PAGE
from ..values import JournalError
from .marks import write_mark
from .segments import check_segment, walk_segment
from .survey import Survey
from .tail import read_tail, tail_records


def open_end(survey: Survey) -> tuple[int, int, bytes]:
    """Where the log ends, and what has to happen before it can be written on.

    Returns
    -------
    (position, sequence, records): the end of what the segments hold for sure, the last sequence there, and the tail's
    records behind it (bytes). Segments are cut to that end, files of an interrupted start are removed: with the tail at
    hand nothing is lost by it.
    """
    if survey.begun is not None:
        os.unlink(survey.begun)
        survey.begun = None
    if survey.tail is not None:
        return _after_kill(survey, survey.tail)
    if survey.mark.clean:
        return _after_close(survey)
    return _after_reboot(survey)


def _after_kill(survey: Survey, tail: str) -> tuple[int, int, bytes]:
    """The end of a log whose engine is gone and whose tail is there: nothing is missing."""
    segments, mark = survey.segments, survey.mark
    drained = read_tail(tail, mark)[0]
    while len(segments) > 1 and segments[-1].position >= drained and segments[-1].number > mark.segments:
        os.unlink(segments.pop().path)  # what the mark counts must stay, with or without records
    position, sequence = 0, 1
    if segments:
        last = segments[-1]
        stop = drained - last.position
        if stop > last.size:
            raise JournalError(
                f"{last.path}: cut: ends at byte {PAGE + last.size}, the tail says that byte {PAGE + stop} was written"
            )
        used, sequence = check_segment(last, stop)
        position = last.position + used
        last.cut(used)
    elif drained:
        raise JournalError(f"{survey.path}: its segments are missing; the tail says that {drained} bytes were written")
    _, records, _after = tail_records(tail, mark, sequence)
    return position, sequence - 1, records


def _after_close(survey: Survey) -> tuple[int, int, bytes]:
    """The end of a log that was closed in order: where its mark says."""
    segments, mark = survey.segments, survey.mark
    if not segments:
        if mark.position:
            raise JournalError(f"{survey.path}: 00000001.segment is missing")
        return 0, 0, b""
    last = segments[-1]
    if last.position + last.size < mark.position:
        raise JournalError(
            f"{last.path}: cut: ends at byte {PAGE + last.size}, must reach {PAGE + mark.position - last.position}"
        )
    used, sequence = check_segment(last)
    if last.position + used != mark.position or sequence - 1 != mark.sequence:
        raise JournalError(
            f"{last.path}: ends at record {sequence - 1}, byte {last.position + used}; it was closed at record "
            f"{mark.sequence}, byte {mark.position}"
        )
    last.cut(used)
    if used == 0 and len(segments) > 1:  # begun for records that never came
        os.unlink(segments.pop().path)
    return last.position + used, sequence - 1, b""


def _after_reboot(survey: Survey) -> tuple[int, int, bytes]:
    """The end of a log whose tail went with the machine: at the first record that is not whole."""
    segments, mark = survey.segments, survey.mark
    position, sequence = 0, 1
    for index, segment in enumerate(segments):
        if index + 1 < len(segments) and segments[index + 1].position <= mark.forced:
            continue
        used, sequence, fault = walk_segment(segment)
        position = segment.position + used
        if fault is None and (used == segment.size or index + 1 == len(segments)):
            continue
        if position < mark.forced:
            raise JournalError(fault or f"{segment.path}: record {sequence} at byte {PAGE + used} is missing")
        survey.notes.append(
            f"{segment.path}: torn behind record {sequence - 1}, byte {PAGE + used}, when the machine stopped; "
            "what follows had not been forced and is dropped"
        )
        if (
            mark.segments > index + 1
        ):  # first it counts them no more, then they go, the last one first: a kill leaves no gap
            write_mark(survey.path, mark, segments=index + 1)
            mark.segments = index + 1
            mark.counter += 1
        while len(segments) > index + 1:
            os.unlink(segments.pop().path)
        break
    if position < mark.forced:
        raise JournalError(
            f"{survey.path}: ends at byte {position} of the log, {mark.forced} had been forced to the disk"
        )
    if segments:
        segments[-1].cut(position - segments[-1].position)
    if position < mark.position:
        survey.notes.append(
            f"{survey.path}: {mark.position - position} bytes had been written but not forced when the machine stopped"
        )
    return position, sequence - 1, b""
