"""How much by when at least cost: Almgren and Chriss and their relatives, as pure functions.

Volatility and impact may be in any one set of units (money, quantity, time); nothing is annualised here. Where whole
units are asked for, cumulative targets are rounded as in `schedule`.
"""
cimport cython
from libc.math cimport INFINITY, M_LN2, NAN, exp, expm1, floor, isfinite, pow, sinh, sqrt
from libc.stdint cimport int64_t

import numpy as np

from grandmodel.execution._core.arguments cimport (
    float_array, int_argument, nonnegative_argument, number_argument, positive_argument, value_text,
)
from grandmodel.execution._core.schedule cimport (
    GM_AC_ETA, GM_AC_OK, GM_AC_OSCILLATES, GM_SCHEDULE_QUANTITY_MAX, GM_SCHEDULE_SLICES_MAX, gm_almgren_chriss_cost,
    gm_almgren_chriss_holding, gm_almgren_chriss_solve, gm_almgren_chriss_t, gm_schedule_is_share, gm_schedule_share_target,
    gm_schedule_twap_target, lot_argument, quantity_argument,
)

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
        cdef int64_t step = lot_argument(lot), j, target, done = 0
        if self.p.quantity != floor(self.p.quantity) or self.p.quantity > <double>GM_SCHEDULE_QUANTITY_MAX:
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
    if p.quantity > <double>GM_SCHEDULE_QUANTITY_MAX:
        raise ValueError(f"quantity is {value_text(quantity)}, must be at most 2**62")
    p.horizon = positive_argument(horizon, "horizon")
    p.intervals = int_argument(intervals, "intervals", 1, GM_SCHEDULE_SLICES_MAX)
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
    cdef int64_t n = int_argument(intervals, "intervals", 1, GM_SCHEDULE_SLICES_MAX)
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
    cdef int64_t q = quantity_argument(quantity), step = lot_argument(lot), k, n
    cdef double kt = INFINITY
    cdef double u
    if not (isinstance(kappa_T, float) and kappa_T == INFINITY):
        kt = nonnegative_argument(kappa_T, "kappa_T")
    cdef int64_t[::1] view
    cdef const double[::1] at
    cdef Py_ssize_t i
    if isinstance(points, (bool, int, np.integer, np.bool_, float)):
        n = int_argument(points, "points", 1, GM_SCHEDULE_SLICES_MAX)
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
    cdef int64_t n = int_argument(intervals, "intervals", 1, GM_SCHEDULE_SLICES_MAX)
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
