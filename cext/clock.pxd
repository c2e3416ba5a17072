# Where the core's time comes from. Body in include/clock.h.
from libc.stdint cimport int32_t, int64_t


cdef extern from "clock.h" nogil:
    ctypedef struct gm_clock_t:
        int64_t now_ns
        int32_t simulated
        int32_t speed
        int64_t origin_ns, began_ns

    int CLOCK_REALTIME
    int CLOCK_MONOTONIC
    int64_t gm_machine_ns(int which) noexcept
    int64_t gm_now(gm_clock_t* clock) noexcept


cdef class NativeClock:
    cdef gm_clock_t clock
