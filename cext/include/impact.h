/* What an order moves the price by: models of market impact as pure functions.
 *
 * quantity is signed (+ buys, - sells) and every result is a fraction of the price, signed as the quantity is: for a
 * buyer a positive number is a price that rose, for a seller a negative one is a price that fell, so that
 * side * result is the cost and never negative. Times are in days, volumes in shares a day, and the volatility's name
 * says which one it is: sigma_daily = sigma_annual / sqrt(252). Where an argument is outside its domain (volume or
 * duration not above 0, a negative volatility, anything NaN) the result is NaN, never 0. No state.
 *
 *   gm_athl_*         Almgren, Thum, Hauptmann, Li (2005), Direct Estimation of Equity Market Impact, Risk 18(7)
 *   gm_square_root_*  the square-root law: Torre (1997), BARRA Market Impact Model Handbook; Toth et al. (2011)
 *   gm_istar, _mi     Kissell, Malamut (2006); Kissell (2013), The Science of Algorithmic Trading, ch. 8
 */
#ifndef GM_IMPACT_H
#define GM_IMPACT_H

#include <math.h>

/* Coefficients of Almgren et al. (2005). The paper estimates alpha = .891 +- .10 and takes 1, delta = .267 +- .22 and
 * takes 1/4, beta = .600 +- .038 and takes 3/5; beta = 1/2 is rejected. */
typedef struct {
    double gamma; /* permanent, .314 +- .041 */
    double eta;   /* temporary, .142 +- .0062 */
    double alpha; /* exponent of the size in the permanent part; 1: linear, the only value free of arbitrage */
    double beta;  /* exponent of the rate in the temporary part */
    double delta; /* exponent of the inverse turnover */
} gm_athl_t;

/* Coefficients of I-star: I = a1 (Q/ADV)^a2 sigma^a3 bp, MI = b1 I POV^a4 + (1 - b1) I. a1 to a3 are the published
 * fit to all data; a4 and b1 are Kissell's usual values and should be fitted by who relies on them. */
typedef struct {
    double a1, a2, a3, a4, b1;
} gm_istar_t;

#define GM_SQUARE_ROOT_AVERAGE (2.0 / 3.0)     /* average over peak at a constant rate: the integral of sqrt on [0, 1] */

/* sign(x) |x|^p; x itself at p = 1, a root of a root at the paper's 1/4. */
static inline double gm_impact_power(double x, double p)
{
    if (p == 1.0)
        return x;
    return copysign(p == 0.25 ? sqrt(sqrt(fabs(x))) : pow(fabs(x), p), x);
}

static inline int gm_impact_domain(double quantity, double volume_daily, double sigma)
{
    return isfinite(quantity) && volume_daily > 0.0 && isfinite(volume_daily) && sigma >= 0.0 && isfinite(sigma);
}

/* I = gamma sigma (X/V)^alpha (Theta/V)^delta: how far the price stays moved. */
static inline double gm_athl_permanent(double quantity, double volume_daily, double shares_outstanding,
                                       double sigma_daily, const gm_athl_t *c)
{
    if (!gm_impact_domain(quantity, volume_daily, sigma_daily) || !(shares_outstanding > 0.0))
        return NAN;
    return c->gamma * sigma_daily * gm_impact_power(quantity / volume_daily, c->alpha) *
           gm_impact_power(shares_outstanding / volume_daily, c->delta);
}

/* K = eta sigma sgn(X) |X / (V T)|^beta: what is paid beyond it while trading over duration_days. */
static inline double gm_athl_temporary(double quantity, double volume_daily, double sigma_daily, double duration_days,
                                       const gm_athl_t *c)
{
    if (!gm_impact_domain(quantity, volume_daily, sigma_daily) || !(duration_days > 0.0))
        return NAN;
    return c->eta * sigma_daily * gm_impact_power(quantity / (volume_daily * duration_days), c->beta);
}

/* J = I/2 + K: the average price of the order against the price before it. */
static inline double gm_athl_realized(double quantity, double volume_daily, double shares_outstanding,
                                      double sigma_daily, double duration_days, const gm_athl_t *c)
{
    return 0.5 * gm_athl_permanent(quantity, volume_daily, shares_outstanding, sigma_daily, c) +
           gm_athl_temporary(quantity, volume_daily, sigma_daily, duration_days, c);
}

/* Y sigma sqrt(Q/V): the price at the end of a whole metaorder. Not additive over its children. */
static inline double gm_square_root_peak(double quantity, double volume_daily, double sigma_daily, double y)
{
    if (!gm_impact_domain(quantity, volume_daily, sigma_daily))
        return NAN;
    return y * sigma_daily * copysign(sqrt(fabs(quantity) / volume_daily), quantity);
}

/* Two thirds of the peak: the average price of a metaorder worked at a constant rate. */
static inline double gm_square_root_average(double quantity, double volume_daily, double sigma_daily, double y)
{
    return GM_SQUARE_ROOT_AVERAGE * gm_square_root_peak(quantity, volume_daily, sigma_daily, y);
}

/* I*, the cost of taking the whole order at once; sigma_annual is annualised, a fraction. */
static inline double gm_istar(double quantity, double volume_daily, double sigma_annual, const gm_istar_t *c)
{
    if (!gm_impact_domain(quantity, volume_daily, sigma_annual))
        return NAN;
    return 1e-4 * c->a1 * gm_impact_power(quantity / volume_daily, c->a2) * pow(sigma_annual, c->a3);
}

/* MI of the order worked at the share pov of the volume, in [0, 1]. */
static inline double gm_istar_mi(double quantity, double volume_daily, double sigma_annual, double pov,
                                 const gm_istar_t *c)
{
    const double istar = gm_istar(quantity, volume_daily, sigma_annual, c);
    if (!(pov >= 0.0 && pov <= 1.0))
        return NAN;
    return c->b1 * istar * pow(pov, c->a4) + (1.0 - c->b1) * istar;
}

#endif
