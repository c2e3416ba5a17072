"""How much where: hidden liquidity by censored demand, passive sizes over venues. Pure functions."""
from libc.stdint cimport int32_t, int64_t

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, int_array, nonnegative_argument, number_argument, positive_argument, same_length, value_text,
)
from grandmodel.execution._core.schedule cimport GM_SCHEDULE_SLICES_MAX

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


# ---- dark pools: how much is there -----------------------------------------------------------------------------------

def product_limit(sent, filled):
    """Estimate how much hidden liquidity a venue has, from what was sent there and what was filled.

    A partial fill shows the liquidity; a full fill only says that there was at least as much (it is censored, and
    leaves the risk set before its own size): ``N_s = #{filled >= s, sent > s}``, ``D_s = #{filled = s, sent > s}``,
    ``T(s) = prod_(j < s) (1 - D_j / N_j)``.

    Parameters
    ----------
    sent : (m,) int >= 1. filled : (m,) int in [0, sent].

    Returns
    -------
    (S + 1,) float64: T(s) = P(liquidity >= s) for s = 0 ... S, S the largest sent; T(0) = 1. Beyond S, take T(S).

    Raises
    ------
    TypeError   if a column is not of integers. ValueError if a value is out of range (the row is named), the lengths
        differ or a size exceeds 10**7 (count in lots).

    Source: Ganchev, Nevmyvaka, Kearns, Vaughan, Censored exploration and the dark pool problem, CACM 53(5), 2010.
    """
    sent_array, filled_array = int_array(sent, "sent"), int_array(filled, "filled")
    cdef const int64_t[::1] v = sent_array, r = filled_array
    cdef Py_ssize_t i, m = v.shape[0]
    cdef int64_t largest = 0, at_risk, s
    cdef double tail = 1.0
    same_length(filled_array, "filled", m, "sent")
    for i in range(m):
        if v[i] < 1 or v[i] > GM_SCHEDULE_SLICES_MAX:
            raise ValueError(f"sent[{i}] is {v[i]}, must be >= 1 and <= {GM_SCHEDULE_SLICES_MAX}")
        if r[i] < 0 or r[i] > v[i]:
            raise ValueError(f"filled[{i}] is {r[i]}, must be >= 0 and at most sent[{i}], {v[i]}")
        largest = max(largest, v[i])
    out, gone, shown = np.ones(largest + 1), np.zeros(largest + 2, np.int64), np.zeros(largest + 2, np.int64)
    cdef double[::1] tails = out
    cdef int64_t[::1] leaves = gone, dies = shown
    # A row is at risk at s while s <= filled and s < sent: a full fill leaves at its own size, a partial one after it.
    at_risk = m
    for i in range(m):
        leaves[r[i] if r[i] == v[i] else r[i] + 1] += 1
        if r[i] < v[i]:
            dies[r[i]] += 1
    for s in range(largest + 1):                    # tail is T(s)
        at_risk -= leaves[s]
        tails[s] = tail
        if dies[s]:
            tail *= 1.0 - <double>dies[s] / <double>at_risk
    return out


def dark_allocation(quantity, tails):
    """Split a quantity over venues so that the expected fill is greatest.

    Unit by unit to the venue with the largest ``T_i(v_i + 1)``; ties go to the lowest index. A unit that no venue is
    expected to fill (all tails 0) is not allocated: it belongs elsewhere.

    Parameters
    ----------
    quantity : int in [1, 10**7], in the unit of the tails (count in lots where sizes are large).
    tails : sequence of (S_i + 1,) float arrays as of :func:`product_limit`: T_i(0) = 1, not rising, within [0, 1].

    Returns
    -------
    (venues,) int64, adding up to at most ``quantity``.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range; the venue is named.

    Source: as `product_limit`; the greedy allocation is optimal because the tails do not rise.
    """
    cdef int64_t q = int_argument(quantity, "quantity", 1, GM_SCHEDULE_SLICES_MAX), left
    if isinstance(tails, (str, bytes)) or not hasattr(type(tails), "__len__"):
        raise TypeError(f"tails is {value_text(tails)}, must be a sequence of arrays, one a venue")
    cdef Py_ssize_t i, s, best, venues = len(tails)
    if venues == 0:
        raise ValueError("tails is empty, must have at least one venue")
    cdef const double[::1] tail
    starts = np.zeros(venues + 1, np.int64)
    cdef int64_t[::1] start = starts
    parts = []
    for i in range(venues):
        part = float_array(tails[i], f"tails[{i}]")
        tail = part
        if tail.shape[0] == 0:
            raise ValueError(f"tails[{i}] is empty, must begin with T(0) = 1")
        for s in range(tail.shape[0]):
            if not (0.0 <= tail[s] <= 1.0) or (s > 0 and tail[s] > tail[s - 1]):
                raise ValueError(f"tails[{i}][{s}] is {tail[s]}, must not rise and lie within [0, 1]")
        parts.append(part)
        start[i + 1] = start[i] + tail.shape[0]
    cdef const double[::1] flat = np.concatenate(parts)
    out = np.zeros(venues, np.int64)
    cdef int64_t[::1] given = out
    cdef double chance, highest
    left = q
    with nogil:
        while left > 0:
            highest = 0.0
            best = -1
            for i in range(venues):
                s = start[i] + given[i] + 1
                chance = flat[s if s < start[i + 1] else start[i + 1] - 1]
                if chance > highest:
                    highest = chance
                    best = i
            if best < 0:
                break
            given[best] += 1
            left -= 1
    return out


# ---- passive sizes over venues (include/cont_kukanov.h has formulas and sources) ----

cdef int _read_venues(size, half_spread, take_fee, queues, means, rebates, theta, under, over, gm_ck_terms_t* t, gm_ck_venue_t* v) except -1:
    cdef int count = len(queues), k
    if len(means) != count or len(rebates) != count:
        raise ValueError(f"queues has {count} venues; mean_outflows has {len(means)} and rebates {len(rebates)}")
    if count > GM_CK_VENUES:
        raise ValueError(f"queues has {count} venues, must have at most {GM_CK_VENUES}")
    t.size = positive_argument(size, "size")
    t.half_spread = nonnegative_argument(half_spread, "half_spread")
    t.take_fee = number_argument(take_fee, "take_fee")
    t.theta = nonnegative_argument(theta, "impact")
    t.under = nonnegative_argument(under, "underfill")
    t.over = nonnegative_argument(over, "overfill")
    for k in range(count):
        v[k].queue = nonnegative_argument(queues[k], f"queues[{k}]")
        v[k].mean = positive_argument(means[k], f"mean_outflows[{k}]")
        v[k].rebate = number_argument(rebates[k], f"rebates[{k}]")
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
    count = _read_venues(size, half_spread, take_fee, queues, mean_outflows, rebates, impact, underfill,
                         0.0 if overfill is None else overfill, &t, v)
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
    count = _read_venues(size, half_spread, take_fee, queues, mean_outflows, rebates, impact, underfill, overfill, &t, v)
    if len(limits) != count:
        raise ValueError(f"limits has {len(limits)} venues, queues {count}")
    for k in range(count):
        sizes[k] = nonnegative_argument(limits[k], f"limits[{k}]")
    return gm_ck_cost(&t, v, count, nonnegative_argument(market, "market"), sizes)
