"""How much by when along a clock or a curve: TWAP, VWAP and POV, as pure functions.

Conventions
-----------
A schedule rounds the cumulative target and not the slice: ``C_k = floor(Q * U_k + 1/2)``, ``q_k = C_k - C_(k-1)``.
The slices then add up to the quantity exactly, and those of an even schedule differ by one unit (or lot) at most.
With ``lot`` above 1 the targets are whole lots and the last slice (the one that completes the curve) carries what is
left. A slice may be 0: nothing is sent for it. A product that is a half but for the noise of a float counts as that half (10 * 0.15 rounds up).

Quantities are integers up to 2**62.
"""
from libc.math cimport fabs, floor, fmin, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, nonnegative_argument, number_argument, same_length, share_argument, value_text,
)
from grandmodel.execution._core.schedule cimport (
    GM_SCHEDULE_QUANTITY_MAX, GM_SCHEDULE_SLICES_MAX, gm_schedule_cap, gm_schedule_share, gm_schedule_share_target,
    gm_schedule_twap_target, gm_schedule_twap_time, lot_argument, quantity_argument,
)

# Half-hour shares of a day's volume from 9:30 to 16:00, for a user who has no curve of his own. Illustrative.
DEFAULT_VOLUME_CURVE = (0.15, 0.10, 0.08, 0.07, 0.06, 0.055, 0.05, 0.05, 0.055, 0.06, 0.07, 0.09, 0.11)

QUANTITY_MAX = GM_SCHEDULE_QUANTITY_MAX
SLICES_MAX = GM_SCHEDULE_SLICES_MAX


# ---- loops over slices -----------------------------------------------------------------------------------------------

cdef void _cumulate(const double* weights, Py_ssize_t n, double* cumulative) noexcept nogil:
    cdef Py_ssize_t k
    cdef double running = 0.0, lost = 0.0, corrected, total
    for k in range(n):                  # Kahan: cumulative[k] is the sum of weights[0 .. k]
        corrected = weights[k] - lost
        total = running + corrected
        lost = (total - running) - corrected
        running = total
        cumulative[k] = running
    for k in range(n):
        cumulative[k] = 1.0 if k == n - 1 else fmin(1.0, cumulative[k] / running)


cdef void _twap_slices(int64_t quantity, int64_t n, int64_t lot, int64_t* out) noexcept nogil:
    cdef int64_t k, target, done = 0
    for k in range(n):                  # Invariant: done == sum(out[0 .. k - 1])
        target = gm_schedule_twap_target(quantity, k + 1, n, lot)
        out[k] = target - done
        done = target


cdef void _twap_times(
    int64_t start_ns, int64_t end_ns, int64_t n, double randomization, uint64_t seed, int64_t* out
) noexcept nogil:
    cdef int64_t k
    for k in range(n):
        out[k] = gm_schedule_twap_time(start_ns, end_ns, k, n, randomization, seed)
        if k > 0 and out[k] < out[k - 1]:       # two slices within a nanosecond
            out[k] = out[k - 1]


cdef void _curve_slices(
    int64_t quantity, const double* cumulative, Py_ssize_t n, int64_t lot, int64_t* out
) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t target, done = 0
    for k in range(n):
        target = quantity if k == n - 1 else gm_schedule_share_target(quantity, cumulative[k], lot)
        out[k] = target - done
        done = target


cdef int64_t _within_cap(int64_t wanted, int64_t cap, int64_t lot) noexcept nogil:
    """min(wanted, cap), in whole lots where the cap binds; never negative."""
    if wanted <= cap:
        return wanted if wanted > 0 else 0
    return cap // lot * lot


cdef void _curve_capped(
    int64_t quantity, const double* cumulative, const double* volumes, double participation, Py_ssize_t n,
    int64_t lot, int64_t* out
) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t target, done = 0
    for k in range(n):                  # what the cap withholds stays in target - done and is asked for again
        target = quantity if k == n - 1 else gm_schedule_share_target(quantity, cumulative[k], lot)
        out[k] = _within_cap(target - done, gm_schedule_cap(participation, volumes[k]), lot)
        done += out[k]


# ---- reading arguments -----------------------------------------------------------------------------------------------

cdef object _weights(object values, str name):
    """float64 array of weights: finite, >= 0, a positive finite sum."""
    array = float_array(values, name)
    cdef const double[::1] view = array
    cdef Py_ssize_t i, n = view.shape[0]
    cdef double total = 0.0
    if n == 0:
        raise ValueError(f"{name} is empty, must have at least one bin")
    for i in range(n):
        if not isfinite(view[i]) or view[i] < 0.0:
            raise ValueError(f"{name}[{i}] is {view[i]}, must be finite and >= 0")
        total += view[i]
    if not isfinite(total) or total <= 0.0:
        raise ValueError(f"{name} adds up to {total}, must be finite and > 0")
    return array


cdef object _cumulated(object weights):
    cdef const double[::1] view = weights
    out = np.empty(view.shape[0], np.float64)
    cdef double[::1] cumulative = out
    _cumulate(&view[0], view.shape[0], &cumulative[0])
    return out


cdef double _participation(object participation) except -1.0:
    cdef double rate = number_argument(participation, "participation")
    if rate <= 0.0 or rate > 1.0:
        raise ValueError(f"participation is {value_text(participation)}, must be > 0 and <= 1")
    return rate


# ---- TWAP ------------------------------------------------------------------------------------------------------------

def twap_slices(quantity, slices, lot=1):
    """Even slices of a quantity.

    Parameters
    ----------
    quantity : int in [1, 2**62].
    slices : int in [1, 10**7].
    lot : int >= 1, default 1. All slices but the last are multiples of it.

    Returns
    -------
    (slices,) int64, >= 0, adding up to ``quantity``: ``C_k = lot * floor(Q k / (n lot) + 1/2)``, at most the whole
    lots of Q before the last slice.

    Raises
    ------
    TypeError   if an argument is not an int. ValueError if it is out of range.

    Cost: one pass, one allocation, GIL released. Source: cumulative rounding, a choice of this project.
    """
    cdef int64_t q = quantity_argument(quantity), n = int_argument(slices, "slices", 1, GM_SCHEDULE_SLICES_MAX), step = lot_argument(lot)
    out = np.empty(n, np.int64)
    cdef int64_t[::1] view = out
    with nogil:
        _twap_slices(q, n, step, &view[0])
    return out


def twap_times(start_ns, end_ns, slices, randomization=0.0, seed=0):
    """When to send each of n even slices.

    Slice k starts at ``t_k = start + floor((end - start) k / n)``, moved by ``randomization * (end - start) / n *
    U(-1, 1)`` and kept in [start, end - 1 ns]. Below one half the order of the slices is kept. U comes from
    splitmix64 at counter k of ``seed``: the same arguments give the same times on every machine.

    Parameters
    ----------
    start_ns, end_ns : int, nanoseconds; ``end_ns - start_ns`` at least one nanosecond a slice.
    slices : int in [1, 10**7].
    randomization : float in [0, 0.5), share of the distance between two slices.
    seed : int in [0, 2**64).

    Returns
    -------
    (slices,) int64, nanoseconds, not falling.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range or the window is too short.

    Source: a choice of this project; Steele, Lea and Flood 2014 for splitmix64.
    """
    cdef int64_t start = int_argument(start_ns, "start_ns", INT64_MIN, INT64_MAX)
    cdef int64_t end = int_argument(end_ns, "end_ns", INT64_MIN, INT64_MAX)
    cdef int64_t n = int_argument(slices, "slices", 1, GM_SCHEDULE_SLICES_MAX)
    cdef double rho = nonnegative_argument(randomization, "randomization")
    cdef uint64_t counter_seed
    if rho >= 0.5:
        raise ValueError(f"randomization is {value_text(randomization)}, must be >= 0 and < 0.5")
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed is {value_text(seed)}, must be an int, not {type(seed).__name__}")
    if seed < 0 or seed >= 2**64:
        raise ValueError(f"seed is {value_text(seed)}, must be >= 0 and below 2**64")
    counter_seed = seed
    if int(end_ns) - int(start_ns) < n or int(end_ns) - int(start_ns) > INT64_MAX:
        raise ValueError(f"end_ns is {end}, must be at least {n} ns (one a slice) after start_ns, {start}, "
                         "and less than 2**63 ns")
    out = np.empty(n, np.int64)
    cdef int64_t[::1] view = out
    with nogil:
        _twap_times(start, end, n, rho, counter_seed, &view[0])
    return out


# ---- VWAP ------------------------------------------------------------------------------------------------------------

def vwap_slices(quantity, curve, lot=1):
    """Slices that follow a volume curve.

    Parameters
    ----------
    quantity : int in [1, 2**62].
    curve : (n,) float >= 0, share of the volume in each bin; taken relative to its sum, so that a part of a day's
        curve, or volumes, serve as well. ``DEFAULT_VOLUME_CURVE`` if there is none.
    lot : int >= 1, default 1. All slices but the last are multiples of it.

    Returns
    -------
    (n,) int64, >= 0, adding up to ``quantity``: ``C_k = floor(Q U_k + 1/2)``, U the cumulative curve.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range; the bin is named.
    """
    cdef int64_t q = quantity_argument(quantity), step = lot_argument(lot)
    cdef const double[::1] cumulative = _cumulated(_weights(curve, "curve"))
    cdef Py_ssize_t n = cumulative.shape[0]
    out = np.empty(n, np.int64)
    cdef int64_t[::1] view = out
    with nogil:
        _curve_slices(q, &cumulative[0], n, step, &view[0])
    return out


def vwap_capped(quantity, fractions, volumes, participation, lot=1):
    """Slices that follow a volume curve under a participation cap, what was withheld carried forward.

    ``q_k = max(0, min(floor(p V_k), floor(Q U_k + 1/2) - done_(k-1)))``. What is left over at the end is not forced:
    compare ``sum`` with ``quantity``.

    Parameters
    ----------
    quantity : int in [1, 2**62].
    fractions : (n,) float >= 0, share of the volume in each bin, relative to the sum.
    volumes : (n,) float or int >= 0, forecast of the total market volume of each bin, own trades included.
    participation : float in (0, 1], highest share of a bin's volume.
    lot : int >= 1, default 1. A slice that the cap cuts is a multiple of it.

    Returns
    -------
    (n,) int64, >= 0, adding up to at most ``quantity``.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range or the lengths differ.
    """
    cdef int64_t q = quantity_argument(quantity), step = lot_argument(lot)
    cdef double rate = _participation(participation)
    cdef const double[::1] cumulative = _cumulated(_weights(fractions, "fractions"))
    cdef Py_ssize_t i, n = cumulative.shape[0]
    volume_array = float_array(volumes, "volumes")
    same_length(volume_array, "volumes", n, "fractions")
    cdef const double[::1] volume = volume_array
    for i in range(n):
        if not isfinite(volume[i]) or volume[i] < 0.0:
            raise ValueError(f"volumes[{i}] is {volume[i]}, must be finite and >= 0")
    out = np.empty(n, np.int64)
    cdef int64_t[::1] view = out
    with nogil:
        _curve_capped(q, &cumulative[0], &volume[0], rate, n, step, &view[0])
    return out


def vwap_next(remaining, forecast_fractions, carry=0.0, cap=None, lot=1):
    """The next slice after the rest of the day was forecast anew.

    ``q_k = R_k u_k / sum(u_k ...)``, rounded so that a forecast equal to the static curve gives the static schedule:
    ``carry`` holds what rounding has kept back (or sent early) so far.

    Parameters
    ----------
    remaining : int in [0, 2**62], what is still to be done.
    forecast_fractions : (m,) float >= 0, volume forecast for this bin and all later ones, relative to the sum.
    carry : float in [-lot, lot], 0 at the start; then the second value returned by the call before.
    cap : int >= 0, highest quantity of this slice, or None. What it withholds stays in ``remaining``.
    lot : int >= 1, default 1. The last bin takes all that remains.

    Returns
    -------
    (quantity, carry) : int, the slice, in [0, remaining]; float, for the next call.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range.
    """
    cdef int64_t r = int_argument(remaining, "remaining", 0, GM_SCHEDULE_QUANTITY_MAX), step = lot_argument(lot)
    cdef int64_t limit = GM_SCHEDULE_QUANTITY_MAX if cap is None else int_argument(cap, "cap", 0, GM_SCHEDULE_QUANTITY_MAX)
    cdef double kept = number_argument(carry, "carry")
    cdef const double[::1] weights = _weights(forecast_fractions, "forecast_fractions")
    cdef Py_ssize_t i, m = weights.shape[0]
    cdef double tail = 0.0, share
    if fabs(kept) > step:
        raise ValueError(f"carry is {value_text(carry)}, must be within one lot, {step}")
    for i in range(m - 1, -1, -1):
        tail += weights[i]
    share = weights[0] / tail
    if r == 0 or share >= 1.0:          # nothing trades later: the rest is due now, its odd lot too
        return _within_cap(r, limit, step), 0.0
    # r * share as whole units and a fraction, so that a large quantity keeps its last unit
    product = r * <object>gm_schedule_share(share)
    cdef int64_t whole = product >> 60
    cdef double fraction = <double>(product & ((1 << 60) - 1)) / 1152921504606846976.0
    cdef double rest, slack
    cdef int64_t lots = whole // step, wanted
    rest = <double>(whole % step) + fraction + kept * (1.0 - share)     # beyond `lots`, in units
    slack = fmin(<double>r * 9.094947017729282e-13, 0.0009765625)
    wanted = (lots + <int64_t>floor((rest + slack) / step + 0.5)) * step
    rest -= <double>(wanted - lots * step)
    if wanted < 0:
        rest, wanted = rest + <double>wanted, 0
    if wanted > r // step * step:       # the odd lot waits for the last bin
        rest, wanted = rest + <double>(wanted - r // step * step), r // step * step
    return _within_cap(wanted, limit, step), max(-<double>step, min(<double>step, rest))


# ---- POV -------------------------------------------------------------------------------------------------------------

def pov_child(others_volume, participation, carry=0.0, carry_max=None, remaining=None, lot=1):
    """What to send after others have traded, to hold a share of the total volume.

    The share counts own trades in the total, so own = p / (1 - p) * others (900 traded by others at 10 percent: 100,
    not 90). ``child = floor(p / (1 - p) * others_volume + min(carry, carry_max))`` in whole lots.

    Parameters
    ----------
    others_volume : int >= 0, printed since the last call, without own prints.
    participation : float in (0, 1), share of the total volume, own included.
    carry : float >= 0: the second value returned by the call before, plus what of that child was not filled.
    carry_max : float >= 0, most that is caught up at once; default one lot, which only keeps the rounding.
    remaining : int >= 0, what is left of the order, or None. The child that ends the order may be an odd lot.
    lot : int >= 1, default 1.

    Returns
    -------
    (quantity, carry) : int, >= 0; float in [0, carry_max], for the next call.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range.
    """
    cdef int64_t others = int_argument(others_volume, "others_volume", 0, GM_SCHEDULE_QUANTITY_MAX), step = lot_argument(lot)
    cdef int64_t left = GM_SCHEDULE_QUANTITY_MAX if remaining is None else int_argument(remaining, "remaining", 0, GM_SCHEDULE_QUANTITY_MAX)
    cdef double p = share_argument(participation, "participation")
    cdef double bound = <double>step if carry_max is None else nonnegative_argument(carry_max, "carry_max")
    cdef double wanted = p / (1.0 - p) * <double>others + fmin(nonnegative_argument(carry, "carry"), bound)
    cdef int64_t child = gm_schedule_cap(1.0, wanted)
    child = left if child >= left else child // step * step
    return child, max(0.0, min(bound, wanted - <double>child))
