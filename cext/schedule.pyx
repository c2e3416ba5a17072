"""How much by when: TWAP, VWAP, POV, Almgren-Chriss and their relatives, as pure functions.

Conventions
-----------
A schedule rounds the cumulative target and not the slice: ``C_k = floor(Q * U_k + 1/2)``, ``q_k = C_k - C_(k-1)``.
The slices then add up to the quantity exactly, and those of an even schedule differ by one unit (or lot) at most.
With ``lot`` above 1 the targets are whole lots and the last slice (the one that completes the curve) carries what is
left. A slice may be 0: nothing is
sent for it. A product that is a half but for the noise of a float counts as that half (10 * 0.15 rounds up).

Quantities are integers up to 2**62. Volatility and impact of the cost models may be in any one set of units (money,
quantity, time); nothing is annualised here.
"""
cimport cython
from libc.math cimport INFINITY, M_LN2, NAN, exp, expm1, fabs, floor, fmin, isfinite, pow, sinh, sqrt
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, int_array, nonnegative_argument, number_argument, positive_argument, same_length,
    share_argument, value_text,
)
from grandmodel.execution._core.schedule cimport (
    GM_AC_ETA, GM_AC_OK, GM_AC_OSCILLATES, gm_almgren_chriss_cost, gm_almgren_chriss_holding,
    gm_almgren_chriss_solve, gm_almgren_chriss_t, gm_schedule_cap, gm_schedule_is_share, gm_schedule_share,
    gm_schedule_share_target, gm_schedule_twap_target, gm_schedule_twap_time,
)

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

# Half-hour shares of a day's volume from 9:30 to 16:00, for a user who has no curve of his own. Illustrative.
DEFAULT_VOLUME_CURVE = (0.15, 0.10, 0.08, 0.07, 0.06, 0.055, 0.05, 0.05, 0.055, 0.06, 0.07, 0.09, 0.11)

QUANTITY_MAX = 2**62
SLICES_MAX = 10_000_000

cdef int64_t _QUANTITY_MAX = 1LL << 62
cdef int64_t _SLICES_MAX = 10_000_000


# ---- native interface ------------------------------------------------------------------------------------------------

cdef int64_t schedule_twap_target(int64_t quantity, int64_t k, int64_t n) noexcept nogil:
    return gm_schedule_twap_target(quantity, k, n, 1)


cdef int64_t schedule_curve_target(int64_t quantity, const double* cumulative, int64_t k, int64_t n) noexcept nogil:
    if k <= 0:
        return 0
    if k >= n:
        return quantity
    return gm_schedule_share_target(quantity, cumulative[k - 1], 1)


cdef void schedule_cumulate(const double* weights, Py_ssize_t n, double* cumulative) noexcept nogil:
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

cdef int64_t _quantity(object quantity, str name="quantity") except -1:
    return int_argument(quantity, name, 1, _QUANTITY_MAX)


cdef int64_t _lot(object lot) except -1:
    return int_argument(lot, "lot", 1, _QUANTITY_MAX)


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
    schedule_cumulate(&view[0], view.shape[0], &cumulative[0])
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
    cdef int64_t q = _quantity(quantity), n = int_argument(slices, "slices", 1, _SLICES_MAX), step = _lot(lot)
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
    cdef int64_t n = int_argument(slices, "slices", 1, _SLICES_MAX)
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
    cdef int64_t q = _quantity(quantity), step = _lot(lot)
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
    cdef int64_t q = _quantity(quantity), step = _lot(lot)
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
    cdef int64_t r = int_argument(remaining, "remaining", 0, _QUANTITY_MAX), step = _lot(lot)
    cdef int64_t limit = _QUANTITY_MAX if cap is None else int_argument(cap, "cap", 0, _QUANTITY_MAX)
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
    cdef int64_t others = int_argument(others_volume, "others_volume", 0, _QUANTITY_MAX), step = _lot(lot)
    cdef int64_t left = _QUANTITY_MAX if remaining is None else int_argument(remaining, "remaining", 0, _QUANTITY_MAX)
    cdef double p = share_argument(participation, "participation")
    cdef double bound = <double>step if carry_max is None else nonnegative_argument(carry_max, "carry_max")
    cdef double wanted = p / (1.0 - p) * <double>others + fmin(nonnegative_argument(carry, "carry"), bound)
    cdef int64_t child = gm_schedule_cap(1.0, wanted)
    child = left if child >= left else child // step * step
    return child, max(0.0, min(bound, wanted - <double>child))


# ---- Almgren-Chriss --------------------------------------------------------------------------------------------------

@cython.final
cdef class AlmgrenChriss:
    """The optimal trajectory of Almgren and Chriss (2000) for one order; made by :func:`almgren_chriss`.

    Arrays are computed when asked for. Money is in the unit of price times quantity.
    """
    cdef gm_almgren_chriss_t p
    cdef double _expected, _variance
    cdef bint _has_cost

    def __init__(self):
        raise TypeError("AlmgrenChriss is made by almgren_chriss()")

    cdef int _cost(self) except -1:
        if not self._has_cost:
            with nogil:
                gm_almgren_chriss_cost(&self.p, &self._expected, &self._variance)
            self._has_cost = True
        if not isfinite(self._expected) or not isfinite(self._variance):
            raise OverflowError("the cost of this trajectory is too large for a float")
        return 0

    @property
    def quantity(self):
        """X, the quantity to trade."""
        return self.p.quantity

    @property
    def horizon(self):
        """T, in the unit of time of the arguments."""
        return self.p.horizon

    @property
    def intervals(self):
        """N."""
        return self.p.intervals

    @property
    def risk_aversion(self):
        """lambda, per unit of money."""
        return self.p.risk_aversion

    @property
    def eta_adjusted(self):
        """eta - gamma tau / 2, the temporary impact of the discrete problem."""
        return self.p.eta_tilde

    @property
    def kappa(self):
        """Urgency, per unit of time; 0 at lambda = 0; for lambda < 0 the angular rate of the sine."""
        return self.p.step / self.p.tau

    @property
    def kappa_T(self):
        """kappa times the horizon: the shape of the trajectory, without units."""
        return self.p.step * <double>self.p.intervals

    @property
    def half_life_e(self):
        """1 / kappa, which the paper calls half-life: the holdings shrink by a factor e. inf at lambda = 0."""
        return INFINITY if self.p.kind == 0 else NAN if self.p.kind < 0 else self.p.tau / self.p.step

    @property
    def half_life(self):
        """ln 2 / kappa, in which the holdings halve when the horizon is long. inf at lambda = 0, nan below."""
        return INFINITY if self.p.kind == 0 else NAN if self.p.kind < 0 else M_LN2 * self.p.tau / self.p.step

    @property
    def times(self):
        """(N + 1,) float64: 0, tau, ..., T."""
        out = np.arange(self.p.intervals + 1, dtype=np.float64)
        out *= self.p.tau
        out[self.p.intervals] = self.p.horizon
        return out

    @property
    def holdings(self):
        """(N + 1,) float64: x_0 = X, ..., x_N = 0, what is still held at each of ``times``."""
        out = np.empty(self.p.intervals + 1, np.float64)
        cdef double[::1] view = out
        cdef int64_t j
        with nogil:
            for j in range(self.p.intervals + 1):
                view[j] = gm_almgren_chriss_holding(&self.p, j)
        return out

    @property
    def trades(self):
        """(N,) float64: n_j = x_(j-1) - x_j, traded in each interval."""
        holdings = self.holdings
        return holdings[:self.p.intervals] - holdings[1:]

    def slices(self, lot=1):
        """The trades as integers by cumulative rounding.

        Parameters
        ----------
        lot : int >= 1, default 1. All slices but the last are multiples of it.

        Returns
        -------
        (N,) int64, >= 0, adding up to the quantity. Where a drift makes the trajectory trade back, the slices wait
        instead.

        Raises
        ------
        ValueError  if the quantity is not a whole number, or ``lot`` is out of range.
        """
        cdef int64_t step = _lot(lot), j, target, done = 0
        if self.p.quantity != floor(self.p.quantity) or self.p.quantity > <double>_QUANTITY_MAX:
            raise ValueError(f"quantity is {self.p.quantity}, must be a whole number up to 2**62")
        cdef int64_t quantity = <int64_t>self.p.quantity
        out = np.empty(self.p.intervals, np.int64)
        cdef int64_t[::1] view = out
        for j in range(1, self.p.intervals + 1):
            target = quantity
            if j < self.p.intervals:
                target = gm_schedule_share_target(
                    quantity, 1.0 - gm_almgren_chriss_holding(&self.p, j) / self.p.quantity, step)
            if target < done:
                target = done
            view[j - 1] = target - done
            done = target
        return out

    @property
    def expected_cost(self):
        """E: gamma X^2 / 2 + epsilon sum|n| + eta~ / tau sum n^2 - drift tau sum x (equation 8)."""
        self._cost()
        return self._expected

    @property
    def variance(self):
        """V: sigma^2 tau sum x_k^2, k = 1 ... N (equation 5)."""
        self._cost()
        return self._variance

    @property
    def standard_deviation(self):
        """sqrt(V)."""
        self._cost()
        return sqrt(self._variance)

    @property
    def objective(self):
        """E + lambda V, what the trajectory minimises."""
        self._cost()
        return self._expected + self.p.risk_aversion * self._variance

    def value_at_risk(self, multiplier=1.645):
        """E + multiplier * sqrt(V); 1.645 is the 95 percent quantile of a normal cost."""
        self._cost()
        return self._expected + nonnegative_argument(multiplier, "multiplier") * sqrt(self._variance)

    def __repr__(self):
        return (f"AlmgrenChriss(quantity={self.quantity!r}, horizon={self.horizon!r}, intervals={self.intervals}, "
                f"risk_aversion={self.risk_aversion!r}, kappa={self.kappa!r})")


def almgren_chriss(
    quantity, horizon, intervals, volatility, risk_aversion, eta, gamma=0.0, epsilon=0.0, drift=0.0
):
    """The trajectory that minimises expected cost plus lambda times its variance.

    Linear impact: permanent ``g(v) = gamma v``, temporary ``h(v) = epsilon sgn(v) + eta v``. With tau = T / N:
    ``eta~ = eta - gamma tau / 2``, ``2 (cosh(kappa tau) - 1) = tau^2 lambda sigma^2 / eta~``,
    ``x_j = X sinh(kappa (T - t_j)) / sinh(kappa T)``.

    Parameters
    ----------
    quantity : float or int > 0, up to 2**62. X; a buy programme has the same trajectory and cost.
    horizon : float > 0. T, any unit of time.
    intervals : int in [1, 10**7]. N.
    volatility : float >= 0. sigma, price per square root of the unit of time (not a fraction).
    risk_aversion : float, per unit of money. lambda; 0 is the straight line, below 0 seeks risk.
    eta : float > 0. Temporary impact, price per (quantity per time).
    gamma : float >= 0. Permanent impact, price per quantity.
    epsilon : float >= 0. Fixed cost of trading, price (half spread and fees).
    drift : float. Expected price change per time, positive where waiting pays: up for a sale, down for a purchase.

    Returns
    -------
    AlmgrenChriss

    Raises
    ------
    TypeError   if an argument is not a number. ValueError if it is out of range; if ``eta - gamma tau / 2`` is not
        positive; if ``risk_aversion`` is so negative that no minimum exists (kappa T would reach pi).

    Source: Almgren and Chriss, Optimal execution of portfolio transactions, J. Risk 3(2), 2000, equations 5, 8, 17.
    """
    cdef AlmgrenChriss result = AlmgrenChriss.__new__(AlmgrenChriss)
    cdef gm_almgren_chriss_t* p = &result.p
    cdef int status
    p.quantity = positive_argument(quantity, "quantity")
    if p.quantity > <double>_QUANTITY_MAX:
        raise ValueError(f"quantity is {value_text(quantity)}, must be at most 2**62")
    p.horizon = positive_argument(horizon, "horizon")
    p.intervals = int_argument(intervals, "intervals", 1, _SLICES_MAX)
    p.volatility = nonnegative_argument(volatility, "volatility")
    p.risk_aversion = number_argument(risk_aversion, "risk_aversion")
    p.eta = positive_argument(eta, "eta")
    p.gamma = nonnegative_argument(gamma, "gamma")
    p.epsilon = nonnegative_argument(epsilon, "epsilon")
    p.drift = number_argument(drift, "drift")
    status = gm_almgren_chriss_solve(p)
    if status == GM_AC_ETA:
        raise ValueError(f"eta is {p.eta}, must exceed gamma * horizon / intervals / 2, "
                         f"{p.gamma * p.horizon / p.intervals / 2}")
    if status == GM_AC_OSCILLATES:
        raise ValueError(f"risk_aversion is {p.risk_aversion}, so negative that the cost has no minimum "
                         "(kappa * horizon must stay below pi)")
    if status != GM_AC_OK:
        raise ValueError(f"risk_aversion is {p.risk_aversion} and volatility {p.volatility}: kappa is not finite")
    return result


_URGENCY = {"low": 0.5, "medium": 1.5, "high": 3.0, "immediate": INFINITY}


def kappa_from_urgency(risk_aversion, urgency, horizon=1.0):
    """kappa for a risk aversion in [0, 1] and an urgency in words.

    ``kappa T = kT0(urgency) * 2 risk_aversion``, kT0 = low 0.5, medium 1.5, high 3, immediate infinite. That fixes the
    shape of the trajectory whatever the units are; risk aversion 0 is the straight line, except under "immediate".

    Parameters
    ----------
    risk_aversion : float in [0, 1].
    urgency : "low", "medium", "high" or "immediate".
    horizon : float > 0, default 1: the result is then kappa T itself.

    Returns
    -------
    float >= 0, per unit of time of ``horizon``; inf for "immediate".

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range or the urgency is unknown.

    Source: a choice of this project.
    """
    cdef double aversion = nonnegative_argument(risk_aversion, "risk_aversion")
    cdef double t = positive_argument(horizon, "horizon")
    if aversion > 1.0:
        raise ValueError(f"risk_aversion is {value_text(risk_aversion)}, must be >= 0 and <= 1")
    if not isinstance(urgency, str):
        raise TypeError(f"urgency is {value_text(urgency)}, must be one of {', '.join(_URGENCY)}")
    base = _URGENCY.get(str(urgency).lower())
    if base is None:
        raise ValueError(f"urgency is {value_text(urgency)}, must be one of {', '.join(_URGENCY)}")
    cdef double kappa_horizon = base
    return kappa_horizon if kappa_horizon == INFINITY else kappa_horizon * 2.0 * aversion / t


def risk_aversion_from_kappa(kappa, horizon, intervals, volatility, eta, gamma=0.0):
    """The lambda whose Almgren-Chriss trajectory has this kappa.

    ``lambda = eta~ * 2 (cosh(kappa tau) - 1) / (tau^2 sigma^2)``; the inverse of ``almgren_chriss(...).kappa``.

    Parameters
    ----------
    kappa : float >= 0, or inf, per unit of time.
    horizon, volatility, eta : float > 0. intervals : int in [1, 10**7]. gamma : float >= 0. As in `almgren_chriss`.

    Returns
    -------
    float >= 0, per unit of money; inf where kappa is infinite or the result exceeds a float.

    Raises
    ------
    TypeError   if an argument is not a number. ValueError if it is out of range.
    """
    cdef bint immediate = isinstance(kappa, float) and kappa == INFINITY
    cdef double rate = 0.0 if immediate else nonnegative_argument(kappa, "kappa")
    cdef double t = positive_argument(horizon, "horizon")
    cdef int64_t n = int_argument(intervals, "intervals", 1, _SLICES_MAX)
    cdef double sigma = positive_argument(volatility, "volatility")
    cdef double temporary = positive_argument(eta, "eta"), permanent = nonnegative_argument(gamma, "gamma")
    cdef double tau = t / <double>n
    cdef double eta_tilde = temporary - permanent * tau / 2.0
    if not eta_tilde > 0.0:
        raise ValueError(f"eta is {temporary}, must exceed gamma * horizon / intervals / 2, {permanent * tau / 2.0}")
    if immediate:
        return INFINITY
    cdef double s = 2.0 * sinh(rate * tau / 2.0) / (tau * sigma)
    return eta_tilde * s * s


def is_trajectory(quantity, kappa_T, points, lot=1):
    """Holdings of an implementation-shortfall order at given points of (volume) time, in whole units.

    ``x(u) = Q sinh(kT (1 - u)) / sinh(kT)``; what is done by then, Q - x, is rounded by the cumulative rule.

    Parameters
    ----------
    quantity : int in [1, 2**62].
    kappa_T : float >= 0 or inf, from :func:`kappa_from_urgency`. 0: straight; inf: everything at once.
    points : int n >= 1, for u = 0, 1/n, ..., 1; or (m,) float, rising within [0, 1] and ending at 1: the volume curve's
        cumulative shares U(t), so that the pace follows the volume of the day.
    lot : int >= 1, default 1.

    Returns
    -------
    (n + 1,) or (m,) int64, falling from ``quantity`` (at u = 0) to 0.

    Raises
    ------
    TypeError   if an argument is of the wrong kind. ValueError if it is out of range or the points do not rise to 1.
    """
    cdef int64_t q = _quantity(quantity), step = _lot(lot), k, n
    cdef double kt = INFINITY
    cdef double u
    if not (isinstance(kappa_T, float) and kappa_T == INFINITY):
        kt = nonnegative_argument(kappa_T, "kappa_T")
    cdef int64_t[::1] view
    cdef const double[::1] at
    cdef Py_ssize_t i
    if isinstance(points, (bool, int, np.integer, np.bool_, float)):
        n = int_argument(points, "points", 1, _SLICES_MAX)
        out = np.empty(n + 1, np.int64)
        view = out
        with nogil:
            for k in range(n + 1):
                if kt == 0.0:
                    view[k] = q - gm_schedule_twap_target(q, k, n, step)
                else:
                    u = <double>k / <double>n
                    view[k] = q - gm_schedule_share_target(q, 1.0 - gm_schedule_is_share(kt, u), step)
            view[n] = 0
        return out
    point_array = float_array(points, "points")
    at = point_array
    if at.shape[0] == 0:
        raise ValueError("points is empty, must rise to 1")
    for i in range(at.shape[0]):
        if not isfinite(at[i]) or at[i] < 0.0 or at[i] > 1.0 or (i > 0 and at[i] < at[i - 1]):
            raise ValueError(f"points[{i}] is {at[i]}, must rise within [0, 1]")
    if at[at.shape[0] - 1] < 1.0:
        raise ValueError(f"points ends at {at[at.shape[0] - 1]}, must end at 1")
    out = np.empty(at.shape[0], np.int64)
    view = out
    with nogil:
        for i in range(at.shape[0]):
            if at[i] >= 1.0:
                view[i] = 0
            else:
                view[i] = q - gm_schedule_share_target(q, 1.0 - gm_schedule_is_share(kt, at[i]), step)
    return out


# ---- Almgren 2003: power-law impact ----------------------------------------------------------------------------------

@cython.final
cdef class PowerLawTrajectory:
    """The optimal trajectory under power-law impact without a deadline; made by :func:`almgren_power_law`.

    ``characteristic_time`` is T*; ``expected_cost``, ``variance`` and ``standard_deviation`` are those of the whole
    trajectory; ``duration`` is when it ends (inf for an exponent up to 1).
    """
    cdef readonly double quantity, volatility, risk_aversion, eta, exponent
    cdef readonly double characteristic_time, expected_cost, variance, duration

    def __init__(self):
        raise TypeError("PowerLawTrajectory is made by almgren_power_law()")

    @property
    def standard_deviation(self):
        """sqrt of the variance."""
        return sqrt(self.variance)

    def holdings(self, times):
        """(m,) float64, what is still held at (m,) float times >= 0."""
        array = float_array(times, "times")
        out = np.empty(array.shape[0], np.float64)
        cdef const double[::1] at = array
        cdef double[::1] view = out
        cdef double base, k = self.exponent
        cdef Py_ssize_t i
        for i in range(at.shape[0]):
            if not isfinite(at[i]) or at[i] < 0.0:
                raise ValueError(f"times[{i}] is {at[i]}, must be finite and >= 0")
            if k == 1.0:
                view[i] = self.quantity * exp(-at[i] / self.characteristic_time)
            else:
                base = 1.0 + (1.0 - k) / (1.0 + k) * at[i] / self.characteristic_time
                view[i] = self.quantity * pow(base, -(1.0 + k) / (1.0 - k)) if base > 0.0 else 0.0
        return out

    def __repr__(self):
        return (f"PowerLawTrajectory(characteristic_time={self.characteristic_time!r}, "
                f"expected_cost={self.expected_cost!r})")


def almgren_power_law(quantity, volatility, risk_aversion, eta, exponent):
    """Optimal trajectory for temporary impact ``h(v) = eta v^k``, no permanent impact, no deadline.

    ``T* = [k eta X^(k-1) / (lambda sigma^2)]^(1/(k+1))``; ``E = (k+1)/(3k+1) eta X^(k+1) / T*^k``;
    ``V = (k+1)/(3k+1) sigma^2 T* X^2``; ``x = X [1 + (1-k)/(1+k) t/T*]^(-(1+k)/(1-k))``, ``X exp(-t/T*)`` at k = 1.

    Parameters
    ----------
    quantity : float > 0. volatility : float > 0, price per square root of the unit of time.
    risk_aversion : float > 0, per unit of money. eta : float > 0, h_ref / v_ref^k. exponent : float > 0, k.

    Returns
    -------
    PowerLawTrajectory

    Raises
    ------
    TypeError   if an argument is not a number. ValueError if it is not positive.

    Source: Almgren, Optimal execution with nonlinear impact functions and trading-enhanced risk, 2003.
    """
    cdef PowerLawTrajectory r = PowerLawTrajectory.__new__(PowerLawTrajectory)
    cdef double x = positive_argument(quantity, "quantity"), sigma = positive_argument(volatility, "volatility")
    cdef double lam = positive_argument(risk_aversion, "risk_aversion"), h = positive_argument(eta, "eta")
    cdef double k = positive_argument(exponent, "exponent"), t
    t = pow(k * h * pow(x, k - 1.0) / (lam * sigma * sigma), 1.0 / (k + 1.0))
    r.quantity, r.volatility, r.risk_aversion, r.eta, r.exponent = x, sigma, lam, h, k
    r.characteristic_time = t
    r.expected_cost = (k + 1.0) / (3.0 * k + 1.0) * h * pow(x, k + 1.0) / pow(t, k)
    r.variance = (k + 1.0) / (3.0 * k + 1.0) * sigma * sigma * t * x * x
    r.duration = (k + 1.0) / (k - 1.0) * t if k > 1.0 else INFINITY
    if not (isfinite(t) and t > 0.0 and isfinite(r.expected_cost) and isfinite(r.variance)):
        raise ValueError("the characteristic time or cost of these arguments is not a positive, finite float")
    return r


# ---- Obizhaeva-Wang: a book that refills -----------------------------------------------------------------------------

@cython.final
cdef class ObizhaevaWang:
    """The optimal schedule against a book that refills; made by :func:`obizhaeva_wang`.

    ``end_trade`` is the first and the last of the N + 1 trades, ``interior_trade`` each between them,
    ``expected_cost`` the cost above the fundamental price. ``continuous_*``: the limit of many trades: a block at
    either end, a rate between them, the cost.
    """
    cdef readonly double quantity, horizon, end_trade, interior_trade, expected_cost
    cdef readonly double continuous_end, continuous_rate, continuous_cost
    cdef readonly int64_t intervals

    def __init__(self):
        raise TypeError("ObizhaevaWang is made by obizhaeva_wang()")

    @property
    def trades(self):
        """(N + 1,) float64, at the times 0, T / N, ..., T."""
        out = np.full(self.intervals + 1, self.interior_trade)
        out[0] = out[self.intervals] = self.end_trade
        return out

    def __repr__(self):
        return f"ObizhaevaWang(end_trade={self.end_trade!r}, interior_trade={self.interior_trade!r})"


def obizhaeva_wang(quantity, horizon, intervals, depth, permanent, resilience):
    """Least expected cost against a block-shaped book that refills exponentially, for a risk-neutral trader.

    With kappa = 1 / depth - permanent and a = exp(-resilience T / N): ends ``X / (2 + (N - 1)(1 - a))``, interior
    ``(1 - a)`` times that; cost ``permanent X^2 / 2 + kappa X^2 (1 + a) / (2 (2 + (N - 1)(1 - a)))``.

    Parameters
    ----------
    quantity : float > 0. horizon : float > 0. intervals : int in [1, 10**7]; N + 1 trades.
    depth : float > 0, quantity per unit of price. permanent : float in [0, 1 / depth], price per quantity.
    resilience : float > 0, rate of refilling per unit of time.

    Returns
    -------
    ObizhaevaWang

    Raises
    ------
    TypeError   if an argument is not a number. ValueError if it is out of range.

    Source: Obizhaeva and Wang, Optimal trading strategy and supply/demand dynamics, J. Financial Markets 16, 2013.
    """
    cdef ObizhaevaWang r = ObizhaevaWang.__new__(ObizhaevaWang)
    cdef double x = positive_argument(quantity, "quantity"), t = positive_argument(horizon, "horizon")
    cdef int64_t n = int_argument(intervals, "intervals", 1, _SLICES_MAX)
    cdef double q = positive_argument(depth, "depth"), lam = nonnegative_argument(permanent, "permanent")
    cdef double rho = positive_argument(resilience, "resilience"), kappa = 1.0 / q - lam, gone, weight
    if kappa < 0.0:
        raise ValueError(f"permanent is {value_text(permanent)}, must be at most 1 / depth, {1.0 / q}")
    gone = -expm1(-rho * t / <double>n)             # 1 - a
    weight = 2.0 + <double>(n - 1) * gone
    r.quantity, r.horizon, r.intervals = x, t, n
    r.end_trade = x / weight
    r.interior_trade = r.end_trade * gone
    r.expected_cost = lam * x * x / 2.0 + kappa * x * x * (2.0 - gone) / (2.0 * weight)
    r.continuous_end = x / (rho * t + 2.0)
    r.continuous_rate = rho * r.continuous_end
    r.continuous_cost = lam * x * x / 2.0 + kappa * x * r.continuous_end
    return r


# ---- Cartea-Jaimungal: running and terminal penalty ------------------------------------------------------------------

@cython.final
cdef class CarteaJaimungal:
    """The optimal liquidation with inventory penalties; made by :func:`cartea_jaimungal`."""
    cdef readonly double quantity, horizon, temporary, running, terminal, permanent
    cdef double _a, _g, _all

    def __init__(self):
        raise TypeError("CarteaJaimungal is made by cartea_jaimungal()")

    @property
    def rate(self):
        """g = sqrt(running / temporary), per unit of time."""
        return self._g

    @property
    def zeta(self):
        """(alpha - b/2 + sqrt(k phi)) / (alpha - b/2 - sqrt(k phi)); inf where the denominator is 0."""
        cdef double s = self.temporary * self._g
        return (self._a + s) / (self._a - s) if self._a != s else INFINITY

    cdef double _shape(self, double left) noexcept nogil:
        """[a sinh(g u) / g + k cosh(g u)] e^(-g u): proportional to f(T - u), safe for a large and for no g."""
        cdef double falls = expm1(-2.0 * self._g * left)
        cdef double arm = left if self._g == 0.0 else -falls / (2.0 * self._g)
        return self._a * arm + self.temporary * (2.0 + falls) / 2.0

    cdef double _holding(self, double t) noexcept nogil:
        return self.quantity * exp(-self._g * t) * self._shape(self.horizon - t) / self._all

    cdef double _speed(self, double t) noexcept nogil:
        cdef double falls = expm1(-2.0 * self._g * (self.horizon - t))
        cdef double slope = self._a * (2.0 + falls) / 2.0 - self.temporary * self._g * falls / 2.0
        return self.quantity * exp(-self._g * t) * slope / self._all

    cdef object _at(self, object times, bint speed):
        array = float_array(times, "times")
        out = np.empty(array.shape[0], np.float64)
        cdef const double[::1] at = array
        cdef double[::1] view = out
        cdef Py_ssize_t i
        for i in range(at.shape[0]):
            if not (0.0 <= at[i] <= self.horizon):
                raise ValueError(f"times[{i}] is {at[i]}, must be within [0, {self.horizon}]")
            view[i] = self._speed(at[i]) if speed else self._holding(at[i])
        return out

    def holdings(self, times):
        """(m,) float64, Q_t at (m,) float times in [0, T]; what is left at T pays the terminal penalty."""
        return self._at(times, False)

    def speeds(self, times):
        """(m,) float64, -dQ/dt at (m,) float times in [0, T]."""
        return self._at(times, True)

    def __repr__(self):
        return f"CarteaJaimungal(rate={self.rate!r}, zeta={self.zeta!r})"


def cartea_jaimungal(quantity, horizon, temporary, running, terminal, permanent=0.0):
    """Liquidation that minimises ``E[k v^2 + phi Q^2 over time + alpha Q_T^2]``.

    ``Q_t = N f(t) / f(0)``, ``f(t) = zeta e^(g (T-t)) - e^(-g (T-t))``, ``g = sqrt(phi / k)``.

    Parameters
    ----------
    quantity : float > 0, N. horizon : float > 0, T. temporary : float > 0, k. running : float >= 0, phi.
    terminal : float >= permanent / 2, alpha. permanent : float >= 0, b.

    Returns
    -------
    CarteaJaimungal

    Raises
    ------
    TypeError   if an argument is not a number. ValueError if it is out of range.

    Source: Cartea, Jaimungal and Penalva, Algorithmic and High-Frequency Trading, 2015, chapter 6.
    """
    cdef CarteaJaimungal r = CarteaJaimungal.__new__(CarteaJaimungal)
    r.quantity, r.horizon = positive_argument(quantity, "quantity"), positive_argument(horizon, "horizon")
    r.temporary, r.running = positive_argument(temporary, "temporary"), nonnegative_argument(running, "running")
    r.terminal, r.permanent = nonnegative_argument(terminal, "terminal"), nonnegative_argument(permanent, "permanent")
    r._a = r.terminal - r.permanent / 2.0
    if r._a < 0.0:
        raise ValueError(f"terminal is {value_text(terminal)}, must be at least permanent / 2, {r.permanent / 2.0}")
    r._g = sqrt(r.running / r.temporary)
    r._all = r._shape(r.horizon)
    if not (isfinite(r._g) and isfinite(r._all) and r._all > 0.0):
        raise ValueError("the shape of the trajectory for these arguments is not a positive, finite float")
    return r


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
        if v[i] < 1 or v[i] > _SLICES_MAX:
            raise ValueError(f"sent[{i}] is {v[i]}, must be >= 1 and <= {_SLICES_MAX}")
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
    cdef int64_t q = int_argument(quantity, "quantity", 1, _SLICES_MAX), left
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

cdef double _amount(value, str name, double least, bint above=False) except? -1.0:
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


cdef int _read_venues(size, half_spread, take_fee, queues, means, rebates, theta, under, over, gm_ck_terms_t* t, gm_ck_venue_t* v) except -1:
    cdef int count = len(queues), k
    if len(means) != count or len(rebates) != count:
        raise ValueError(f"queues has {count} venues; mean_outflows has {len(means)} and rebates {len(rebates)}")
    if count > GM_CK_VENUES:
        raise ValueError(f"queues has {count} venues, must have at most {GM_CK_VENUES}")
    t.size = _amount(size, "size", 0.0, True)
    t.half_spread = _amount(half_spread, "half_spread", 0.0)
    t.take_fee = _amount(take_fee, "take_fee", -1e18)
    t.theta = _amount(theta, "impact", 0.0)
    t.under = _amount(under, "underfill", 0.0)
    t.over = _amount(over, "overfill", 0.0)
    for k in range(count):
        v[k].queue = _amount(queues[k], f"queues[{k}]", 0.0)
        v[k].mean = _amount(means[k], f"mean_outflows[{k}]", 0.0, True)
        v[k].rebate = _amount(rebates[k], f"rebates[{k}]", -1e18)
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
        sizes[k] = _amount(limits[k], f"limits[{k}]", 0.0)
    return gm_ck_cost(&t, v, count, _amount(market, "market", 0.0), sizes)
