# cython: language_level=3
"""How a passive quantity is split over venues: Cont and Kukanov (include/cont_kukanov.h has formulas and sources)."""
from libc.math cimport isfinite
from libc.stdint cimport int32_t

import numpy as np

cdef extern from "cont_kukanov.h" nogil:
    enum: GM_CK_VENUES
    ctypedef struct gm_ck_terms_t:
        double size, half_spread, take_fee, theta, under, over
    ctypedef struct gm_ck_venue_t:
        double queue, mean, rebate
    void gm_ck_within(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, int takes, double* market, double* limits)
    int32_t gm_ck_beyond(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double tolerance, int32_t most, double* market,
                         double* limits)
    double gm_ck_cost(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double market, const double* limits)

VENUES_MAX = GM_CK_VENUES


cdef double _number(value, str name, double least, bint above=False) except? -1.0:
    cdef double x
    if isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, must be a number")
    try:
        x = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {value!r}, must be a number") from None
    if not isfinite(x) or x < least or (above and x == least):
        raise ValueError(f"{name} is {value!r}, must be finite and {'above' if above else 'at least'} {least:g}")
    return x


cdef int _read(size, half_spread, take_fee, queues, means, rebates, theta, under, over, gm_ck_terms_t* t, gm_ck_venue_t* v) except -1:
    cdef int count = len(queues), k
    if len(means) != count or len(rebates) != count:
        raise ValueError(f"queues has {count} venues; mean_outflows has {len(means)} and rebates {len(rebates)}")
    if count > GM_CK_VENUES:
        raise ValueError(f"queues has {count} venues, must have at most {GM_CK_VENUES}")
    t.size = _number(size, "size", 0.0, True)
    t.half_spread = _number(half_spread, "half_spread", 0.0)
    t.take_fee = _number(take_fee, "take_fee", -1e18)
    t.theta = _number(theta, "impact", 0.0)
    t.under = _number(under, "underfill", 0.0)
    t.over = _number(over, "overfill", 0.0)
    for k in range(count):
        v[k].queue = _number(queues[k], f"queues[{k}]", 0.0)
        v[k].mean = _number(means[k], f"mean_outflows[{k}]", 0.0, True)
        v[k].rebate = _number(rebates[k], f"rebates[{k}]", -1e18)
        if t.half_spread + v[k].rebate + t.under + t.theta <= 0.0:
            raise ValueError(f"rebates[{k}] is {rebates[k]!r}: posting there costs more than not being filled, whatever happens; leave it out")
        if t.over > 0.0 and t.over <= t.half_spread + v[k].rebate:
            raise ValueError(f"overfill is {over!r}, must be above half_spread + rebates[{k}]: else ever more would be posted")
    return count


def cont_kukanov(size, half_spread, take_fee, queues, mean_outflows, rebates, *, impact=0.0, underfill, overfill=None, bint takes=True,
                 double tolerance=1e-3, int most_rounds=200):
    """See `grandmodel.execution.routing.splits.cont_kukanov`: (market, limits, cost, rounds)."""
    cdef gm_ck_terms_t t
    cdef gm_ck_venue_t v[64]
    cdef double limits[64]
    cdef double market = 0.0, cost
    cdef int count, k
    cdef int32_t rounds = 0
    if not 1e-6 <= tolerance <= 0.1 or most_rounds < 1:
        raise ValueError(f"tolerance is {tolerance!r} and most_rounds {most_rounds}, must be from 1e-6 to 0.1 and positive")
    count = _read(size, half_spread, take_fee, queues, mean_outflows, rebates, impact, underfill, 0.0 if overfill is None else overfill, &t, v)
    if overfill is not None and not takes:
        raise ValueError("takes is False with an overfill: what is posted without taking is bounded by the size; leave overfill out")
    with nogil:
        if overfill is None or count == 0:
            gm_ck_within(&t, v, count, takes, &market, limits)
        else:
            rounds = gm_ck_beyond(&t, v, count, tolerance, most_rounds, &market, limits)
        cost = gm_ck_cost(&t, v, count, market, limits)
    return market, np.array([limits[k] for k in range(count)], np.float64), cost, rounds


def cont_kukanov_cost(size, half_spread, take_fee, queues, mean_outflows, rebates, market, limits, *, impact=0.0, underfill, overfill=0.0):
    """The expected cost of given sizes, by the same law of fills as the solution's."""
    cdef gm_ck_terms_t t
    cdef gm_ck_venue_t v[64]
    cdef double sizes[64]
    cdef int count, k
    count = _read(size, half_spread, take_fee, queues, mean_outflows, rebates, impact, underfill, overfill, &t, v)
    if len(limits) != count:
        raise ValueError(f"limits has {len(limits)} venues, queues {count}")
    for k in range(count):
        sizes[k] = _number(limits[k], f"limits[{k}]", 0.0)
    return gm_ck_cost(&t, v, count, _number(market, "market", 0.0), sizes)
