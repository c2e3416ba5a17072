# How much by when. Bodies in include/schedule.h.
from libc.stdint cimport int64_t, uint64_t

from grandmodel.execution._core.arguments cimport int_argument


cdef extern from "schedule.h" nogil:
    const int64_t GM_SCHEDULE_QUANTITY_MAX
    const int64_t GM_SCHEDULE_SLICES_MAX

    # cumulative targets, lots of `lot`
    int64_t gm_schedule_twap_target(int64_t quantity, int64_t k, int64_t n, int64_t lot) noexcept
    int64_t gm_schedule_share_target(int64_t quantity, double share, int64_t lot) noexcept
    int64_t gm_schedule_share(double share) noexcept
    int64_t gm_schedule_cap(double rate, double volume) noexcept

    # times
    uint64_t gm_schedule_random(uint64_t seed, uint64_t counter) noexcept
    double gm_schedule_jitter(uint64_t seed, uint64_t counter) noexcept
    int64_t gm_schedule_twap_time(
        int64_t start_ns, int64_t end_ns, int64_t k, int64_t n, double randomization, uint64_t seed) noexcept

    # Almgren-Chriss
    double gm_schedule_is_share(double kappa_t, double u) noexcept

    enum:
        GM_AC_OK
        GM_AC_ETA
        GM_AC_RANGE
        GM_AC_OSCILLATES

    ctypedef struct gm_almgren_chriss_t:
        double quantity, horizon, volatility, risk_aversion, eta, gamma, epsilon, drift
        int64_t intervals
        double tau, eta_tilde, step
        int64_t kind

    int gm_almgren_chriss_solve(gm_almgren_chriss_t* p) noexcept
    double gm_almgren_chriss_holding(const gm_almgren_chriss_t* p, int64_t j) noexcept
    void gm_almgren_chriss_cost(const gm_almgren_chriss_t* p, double* expected, double* variance) noexcept


cdef inline int64_t quantity_argument(object quantity) except -1:
    return int_argument(quantity, "quantity", 1, GM_SCHEDULE_QUANTITY_MAX)


cdef inline int64_t lot_argument(object lot) except -1:
    return int_argument(lot, "lot", 1, GM_SCHEDULE_QUANTITY_MAX)
