# cython: language_level=3
"""Other limits for an engine that runs: recorded, then swapped under its gate, between two orders.

What is compared, who may loosen and where limits come from is Python's (risk/limits.py).
"""
import numpy as np

from libc.stdint cimport int64_t
from libc.string cimport memcpy

from grandmodel.execution._core.clock cimport gm_now
from grandmodel.execution._core.journal cimport gm_crc32c_setup, gm_journal_append, gm_journal_t
from grandmodel.execution._core.records cimport GM_RECORD_LARGE, GM_RECORD_LIMIT, gm_limit_change_t
from grandmodel.execution._core.risk cimport Limits, gm_limits_t
from grandmodel.execution._core.submit cimport Core
from grandmodel.execution._core.records import LIMIT_DTYPE
from grandmodel.execution._core.values import EngineClosed, JournalError

cdef extern from "journal.h" nogil:
    bint gm_journal_accepts(gm_journal_t* j) noexcept
    bint gm_journal_fenced(const gm_journal_t* j) noexcept


gm_crc32c_setup()


cdef _checked(rows):
    if not isinstance(rows, np.ndarray) or rows.dtype != LIMIT_DTYPE or rows.ndim != 1 or not 0 < len(rows) <= 1 << 15:
        raise TypeError("rows is not a one-dimensional array of 1 to 32768 of LIMIT_DTYPE")
    return np.ascontiguousarray(rows)


cdef int _append(Core core, rows) except -1:
    """Appends each row; the core is held. 0, or how many it took when the journal takes no more, less one, negated."""
    cdef const unsigned char[::1] raw = rows.view(np.uint8)
    cdef gm_limit_change_t change
    cdef int64_t k, n = len(rows), now = gm_now(core.engine.clock)
    for k in range(n):
        memcpy(&change, &raw[k * sizeof(change)], sizeof(change))
        if not gm_journal_accepts(core.engine.journal) or gm_journal_append(
                core.engine.journal, GM_RECORD_LIMIT, GM_RECORD_LARGE, now, 0, &change) != 0:
            return 1
    return 0


def record_limits(Core core not None, rows):
    """Appends LIMIT records, an array of LIMIT_DTYPE, and changes nothing. JournalError: the journal does not take them."""
    rows = _checked(rows)
    if core.engine.closed:
        raise EngineClosed("this engine has been closed")
    core._enter()
    lost = _append(core, rows)
    core._leave()
    core._after()
    if lost:
        raise JournalError(f"{core.journal.path}: the journal did not take the records of limits")


def change_limits(Core core not None, Limits fresh not None, rows):
    """Records the changes in `rows` (LIMIT_DTYPE) and puts the limits of `fresh` in force in one step; `fresh` gets the old ones.

    JournalError when the journal does not take the records: the new limits hold then only if none of them loosens.
    """
    cdef gm_limits_t table
    rows = _checked(rows)
    loosens = bool(rows["loosens"].any())
    if fresh is core.limits or fresh.instruments is not core.instruments:
        raise ValueError("fresh are not other limits over the core's instruments")
    if core.engine.closed:
        raise EngineClosed("this engine has been closed")
    core._enter()
    if gm_journal_fenced(core.engine.journal):
        core._leave()
        raise JournalError(f"{core.journal.path}: another engine has taken the journal over")
    lost = _append(core, rows)
    if not (lost and loosens):
        table = core.limits.table
        core.limits.table = fresh.table
        fresh.table = table
        core.limits._settings, fresh._settings = fresh._settings, core.limits._settings
        core.limits.values, fresh.values = fresh.values, core.limits.values
        core.limits.recorded = core.limits.recorded if lost else core.limits.values
        core.limits.retired = fresh         # whoever reads the old table without the gate (check_many) may be at it still
    core._leave()
    core._after()
    if lost:
        raise JournalError(f"{core.journal.path}: the journal did not take the records of limits; "
                           + ("the old limits stay in force" if loosens else "the new limits are in force nevertheless, none is looser"))
