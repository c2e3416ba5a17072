# Histograms of durations in nanoseconds. The struct and its inline functions are for the hot path (no GIL, no call);
# the classes are their Python faces.
from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "latency.h" nogil:
    enum:
        GM_HISTOGRAM_BUCKETS
        GM_STAGE_TOTAL
        GM_STAGE_VALIDATE
        GM_STAGE_RISK
        GM_STAGE_ROUTE
        GM_STAGE_JOURNAL
        GM_STAGE_VENUE
        GM_STAGE_COUNT

    ctypedef struct gm_histogram_t:
        uint64_t count                          # values recorded, negative ones included
        uint64_t negatives                      # values below 0, counted as 0
        uint64_t sum_low                        # sum of the values, low word
        uint64_t sum_high                       # sum of the values, high word
        int64_t min_ns                          # INT64_MAX while empty
        int64_t max_ns                          # -1 while empty
        uint64_t counts[GM_HISTOGRAM_BUCKETS]

    void gm_histogram_reset(gm_histogram_t* h) noexcept
    void gm_histogram_record(gm_histogram_t* h, int64_t ns) noexcept
    void gm_histogram_merge(gm_histogram_t* into, const gm_histogram_t* other) noexcept
    int64_t gm_histogram_percentile(const gm_histogram_t* h, double percent) noexcept
    double gm_histogram_mean(const gm_histogram_t* h) noexcept
    uint32_t gm_histogram_index(int64_t value) noexcept
    int64_t gm_histogram_low(uint32_t index) noexcept
    int64_t gm_histogram_high(uint32_t index) noexcept


cdef class Histogram:
    cdef gm_histogram_t h


cdef class StageHistograms:
    cdef readonly tuple stages                  # names, in the order of the indices
    cdef tuple _histograms                      # one Histogram a stage, owned
    cdef gm_histogram_t* at[16]                 # the same by index: gm_histogram_record(s.at[GM_STAGE_RISK], ns)
