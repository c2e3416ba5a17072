/* How much by when, in integers. Pure functions; every product is 128 bits wide, so quantities up to 2^62 are exact.
 *
 * A schedule is a sequence of cumulative targets C_0 = 0 <= C_1 <= ... <= C_n = Q; slice k is C_k - C_(k-1). Rounding
 * the cumulative target (and not the slice) makes the sum exact and keeps the slices of an even schedule within one of
 * each other.
 */
#ifndef GM_SCHEDULE_H
#define GM_SCHEDULE_H

#include <math.h>
#include <stdint.h>

__extension__ typedef __int128 gm_schedule_wide_t;

#define GM_SCHEDULE_QUANTITY_MAX ((int64_t)1 << 62)
#define GM_SCHEDULE_SLICES_MAX 10000000
#define GM_SCHEDULE_UNIT_BITS 60 /* a share of the whole is an integer in units of 2^-60 */

/* floor(Q k / (n lot) + 1/2) lots, at most the whole lots of Q; Q itself at k = n (the odd lot is in the last slice).
 * 0 <= Q <= 2^62, 0 <= k <= n <= 2^62, n >= 1, lot >= 1. */
static inline int64_t gm_schedule_twap_target(int64_t quantity, int64_t k, int64_t n, int64_t lot)
{
    if (k >= n)
        return quantity;
    if (k <= 0)
        return 0;
    int64_t lots;
    if (lot == 1 && quantity < ((int64_t)1 << 30) && n < ((int64_t)1 << 30)) { /* 2 Q k + n fits into 64 bits */
        lots = (int64_t)((2u * (uint64_t)quantity * (uint64_t)k + (uint64_t)n) / (2u * (uint64_t)n));
    } else {
        /* Q k / (n lot) = (Q / lot) k / n + (Q % lot) k / (n lot): the second term is below one, so that the products
         * stay inside 128 bits whatever the lot is. */
        const gm_schedule_wide_t whole = (gm_schedule_wide_t)(quantity / lot) * k;
        const gm_schedule_wide_t rest = (gm_schedule_wide_t)(quantity % lot) * k; /* of n * lot */
        const gm_schedule_wide_t floor_lots = whole / n;
        const gm_schedule_wide_t left = whole % n; /* fraction = left / n + rest / (n lot) = part / (n lot) < 2 */
        const gm_schedule_wide_t part = left * lot + rest;
        const gm_schedule_wide_t unit = (gm_schedule_wide_t)n * lot;
        gm_schedule_wide_t extra = part / unit;
        if (part % unit >= unit - part % unit)
            extra += 1;
        lots = (int64_t)(floor_lots + extra);
    }
    if (lots > quantity / lot)
        lots = quantity / lot;
    return lots * lot;
}

/* A share in [0, 1] as an integer in units of 2^-60. */
static inline int64_t gm_schedule_share(double share)
{
    const int64_t one = (int64_t)1 << GM_SCHEDULE_UNIT_BITS;
    if (!(share > 0.0))
        return 0;
    return share >= 1.0 ? one : (int64_t)(share * (double)one);
}

/* How much counts as a tie in Q * share, in units of 2^-60: the noise of a share held in a double (2^-40 of Q), at
 * most 2^-10 of a unit. With it 10 * 0.15 is 1.5 and rounds up, as on paper, although the double 0.15 is below it. */
static inline int64_t gm_schedule_tie(int64_t quantity)
{
    return quantity < ((int64_t)1 << 30) ? quantity << 20 : (int64_t)1 << 50;
}

/* floor(Q * share / lot + 1/2) lots, at most the whole lots of Q; Q itself at share >= 1. 0 <= Q <= 2^62, lot >= 1. */
static inline int64_t gm_schedule_share_target(int64_t quantity, double share, int64_t lot)
{
    if (share >= 1.0)
        return quantity;
    const gm_schedule_wide_t product =
        (gm_schedule_wide_t)quantity * gm_schedule_share(share) + gm_schedule_tie(quantity);
    if (lot == 1) {
        const int64_t target =
            (int64_t)((product + ((gm_schedule_wide_t)1 << (GM_SCHEDULE_UNIT_BITS - 1))) >> GM_SCHEDULE_UNIT_BITS);
        return target > quantity ? quantity : target;
    }
    const gm_schedule_wide_t unit = (gm_schedule_wide_t)lot << GM_SCHEDULE_UNIT_BITS; /* lot <= 2^62: 122 bits */
    int64_t lots = (int64_t)((product + unit / 2) / unit);
    if (lots > quantity / lot)
        lots = quantity / lot;
    return lots * lot;
}

/* floor(rate * volume), where a product that is an integer but for the noise of its factors is that integer. */
static inline int64_t gm_schedule_cap(double rate, double volume)
{
    const double product = rate * volume;
    const double tie = product < 1073741824.0 ? product * 0x1p-40 : 0x1p-10;
    const double cap = floor(product + tie);
    return cap >= 0x1p62 ? (int64_t)1 << 62 : (int64_t)cap;
}

/* Number `counter` of the random sequence of a seed: splitmix64 (Steele, Lea, Flood 2014), reached without the
 * numbers before it. The same on every machine. */
static inline uint64_t gm_schedule_random(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed + (counter + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The same as a number in (-1, 1): the upper 53 bits, in the middle of their cell. */
static inline double gm_schedule_jitter(uint64_t seed, uint64_t counter)
{
    return ((double)(gm_schedule_random(seed, counter) >> 11) + 0.5) * 0x1p-52 - 1.0;
}

/* Start of slice k of n over [start, end), moved by randomization * (end - start) / n * U(-1, 1), kept in
 * [start, end - 1]. end > start and end - start < 2^63. */
static inline int64_t gm_schedule_twap_time(int64_t start_ns, int64_t end_ns, int64_t k, int64_t n,
                                            double randomization, uint64_t seed)
{
    const int64_t span = end_ns - start_ns;
    gm_schedule_wide_t offset = (gm_schedule_wide_t)span * k / n;
    if (randomization > 0.0)
        offset += (int64_t)(randomization * ((double)span / (double)n) * gm_schedule_jitter(seed, (uint64_t)k));
    if (offset < 0)
        offset = 0;
    if (offset > span - 1)
        offset = span - 1;
    return start_ns + (int64_t)offset;
}

/* Almgren-Chriss in units of its own: kt = kappa * time. sinh(kt_left) / sinh(kt_all), without overflow for any
 * kt_all and without loss for a small one; kt_all > 0. */
static inline double gm_schedule_sinh_ratio(double kt_left, double kt_all)
{
    if (kt_left <= 0.0)
        return 0.0;
    return exp(kt_left - kt_all) * (expm1(-2.0 * kt_left) / expm1(-2.0 * kt_all));
}

/* Share of the order still held at volume time u in [0, 1]: sinh(kT (1 - u)) / sinh(kT); 1 - u at kT = 0; at
 * kT = infinity everything goes at once. */
static inline double gm_schedule_is_share(double kappa_t, double u)
{
    if (u <= 0.0)
        return 1.0;
    if (u >= 1.0 || isinf(kappa_t))
        return 0.0;
    return kappa_t > 0.0 ? gm_schedule_sinh_ratio(kappa_t * (1.0 - u), kappa_t) : 1.0 - u;
}

/* ---- Almgren-Chriss 2000. Time and prices in any one set of units; j counts intervals. */

enum {
    GM_AC_OK = 0,
    GM_AC_ETA = 1,         /* eta - gamma tau / 2 is not positive */
    GM_AC_RANGE = 2,       /* kappa is not a finite number */
    GM_AC_OSCILLATES = 3   /* risk_aversion so negative that no minimum exists: kappa T >= pi */
};

typedef struct {
    double quantity;      /* X, held at t = 0 */
    double horizon;       /* T */
    double volatility;    /* sigma, price per square root of the time unit */
    double risk_aversion; /* lambda, 1 / money */
    double eta;           /* temporary impact, price per (quantity per time) */
    double gamma;         /* permanent impact, price per quantity */
    double epsilon;       /* fixed cost, price */
    double drift;         /* alpha, price per time */
    int64_t intervals;    /* N */
    double tau;           /* T / N */
    double eta_tilde;     /* eta - gamma tau / 2 */
    double step;          /* kappa tau */
    int64_t kind;         /* 1: sinh (lambda > 0), 0: straight line, -1: sin (lambda < 0) */
} gm_almgren_chriss_t;

/* Fill tau, eta_tilde, step and kind from the fields before them. 2 (cosh(kappa tau) - 1) = kappa~^2 tau^2 is
 * solved as kappa tau = 2 asinh(kappa~ tau / 2), which keeps its digits for a small kappa. */
static inline int gm_almgren_chriss_solve(gm_almgren_chriss_t *p)
{
    p->tau = p->horizon / (double)p->intervals;
    p->eta_tilde = p->eta - p->gamma * p->tau / 2.0;
    p->step = 0.0;
    p->kind = 0;
    if (!(p->eta_tilde > 0.0))
        return GM_AC_ETA;
    const double half = p->tau * p->volatility * sqrt(fabs(p->risk_aversion) / p->eta_tilde) / 2.0;
    if (!isfinite(half))
        return GM_AC_RANGE;
    if (p->risk_aversion < 0.0) {
        if (half >= 1.0)
            return GM_AC_OSCILLATES;
        p->step = 2.0 * asin(half);
        if (p->step * (double)p->intervals >= 3.141592653589793)
            return GM_AC_OSCILLATES;
        p->kind = p->step > 0.0 ? -1 : 0;
    } else {
        p->step = 2.0 * asinh(half);
        p->kind = p->step > 0.0 ? 1 : 0;
    }
    return isfinite(p->step * (double)p->intervals) ? GM_AC_OK : GM_AC_RANGE;
}

/* x_j, the holdings at time j tau; X at j = 0 and 0 at j = N.
 *
 * The drift moves it by xbar [1 - (sinh(kappa (T - t)) + sinh(kappa t)) / sinh(kappa T)], xbar = alpha / (2 lambda
 * sigma^2), written as alpha tau^2 / (4 eta~) * sinh(a/2) sinh(b/2) / (cosh((a+b)/2) sinh^2(kappa tau / 2)) with
 * a = kappa (T - t), b = kappa t: no cancellation at a small lambda, and alpha t (T - t) / (4 eta~) at lambda = 0. */
static inline double gm_almgren_chriss_holding(const gm_almgren_chriss_t *p, int64_t j)
{
    if (j <= 0)
        return p->quantity;
    if (j >= p->intervals)
        return 0.0;
    const double done = (double)j, left = (double)(p->intervals - j), all = (double)p->intervals;
    const double a = p->step * left, b = p->step * done, ab = p->step * all;
    const double pull = p->drift * p->tau * p->tau / (4.0 * p->eta_tilde);
    if (p->kind == 0)
        return p->quantity * (left / all) + pull * done * left;
    if (p->kind < 0) {
        const double s = sin(p->step / 2.0);
        return p->quantity * (sin(a) / sin(ab)) + pull * (sin(a / 2.0) * sin(b / 2.0) / (cos(ab / 2.0) * s * s));
    }
    const double x = p->quantity * gm_schedule_sinh_ratio(a, ab);
    if (p->drift == 0.0)
        return x;
    const double s = expm1(-p->step); /* sinh^2(step / 2) = s^2 e^step / 4 */
    return x + pull * (2.0 * expm1(-a) * expm1(-b) / (1.0 + exp(-ab))) * (exp(-p->step) / (s * s));
}

/* Add x to a sum with its lost digits kept apart (Neumaier 1974). */
static inline void gm_schedule_add(double *sum, double *lost, double x)
{
    const double total = *sum + x;
    *lost += fabs(*sum) >= fabs(x) ? (*sum - total) + x : (x - total) + *sum;
    *sum = total;
}

/* Expectation and variance of the cost of the whole trajectory (equations 5 and 8, and the drift's gain). */
static inline void gm_almgren_chriss_cost(const gm_almgren_chriss_t *p, double *expected, double *variance)
{
    double absolute = 0.0, absolute_lost = 0.0, squares = 0.0, squares_lost = 0.0;
    double held = 0.0, held_lost = 0.0, held_squares = 0.0, held_squares_lost = 0.0;
    double before = p->quantity;
    for (int64_t j = 1; j <= p->intervals; j++) {
        const double x = gm_almgren_chriss_holding(p, j), traded = before - x;
        gm_schedule_add(&absolute, &absolute_lost, fabs(traded));
        gm_schedule_add(&squares, &squares_lost, traded * traded);
        gm_schedule_add(&held, &held_lost, x);
        gm_schedule_add(&held_squares, &held_squares_lost, x * x);
        before = x;
    }
    *expected = p->gamma * p->quantity * p->quantity / 2.0 + p->epsilon * (absolute + absolute_lost) +
                p->eta_tilde / p->tau * (squares + squares_lost) - p->drift * p->tau * (held + held_lost);
    *variance = p->volatility * p->volatility * p->tau * (held_squares + held_squares_lost);
}

#endif
