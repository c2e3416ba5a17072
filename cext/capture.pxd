# What the engine saw of the market, in a file. Layout and rules in include/capture.h.
from grandmodel.execution._core.scoring cimport Venues, gm_capture_t
from libc.stdint cimport int32_t, int64_t, uint64_t


cdef extern from "capture.h" nogil:
    enum: GM_CAPTURE_ROWS

    void gm_capture_flush(gm_capture_t* c) noexcept


cdef class Capture:
    cdef gm_capture_t log
    cdef readonly str path
    cdef readonly list notes            # what was found in the file when it was opened
    cdef readonly str config            # JSON that makes the configuration again, or None
    cdef bytes uuid
    cdef int owner                      # process that writes; a forked child does not
    cdef int _end(self) except -1
    cdef int begin(self, Venues venues, int64_t now_ns, uint64_t config_hash) except -1
