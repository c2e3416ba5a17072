/* Log likelihoods with their gradients, intensities, and the impact models over columns. */
#include <stdlib.h>

#include "estimators.h"
#include "impact.h"

/* Easley, Kiefer, O'Hara, Paperman (1996), counts of a day Poisson, its three kinds weighted in logarithms. in: buys, sells.
 * number: alpha, delta, mu, eb, es; integer[0]: whether with the factorials. result: log likelihood; its gradient by logit alpha, logit delta, log mu, log eb,
 * log es. */
int gm_k_pin(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const double alpha = c->number[0], delta = c->number[1], mu = c->number[2], eb = c->number[3], es = c->number[4];
    const double log_eb = log(eb), log_es = log(es), log_bought = log(eb + mu), log_sold = log(es + mu);
    const double prior[3] = {log1p(-alpha), log(alpha) + log(delta), log(alpha) + log1p(-delta)};
    double buys[GM_BLOCK], sells[GM_BLOCK], g[5] = {0.0};
    gm_kahan_t sum = {0};
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *buy = gm_doubles(c, 0, i, rows, buys), *sell = gm_doubles(c, 1, i, rows, sells);
        if (!buy || !sell)
            return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            const double b = buy[j], s = sell[j];
            const double quiet_b = b * log_eb - eb, quiet_s = s * log_es - es;
            const double l0 = prior[0] + quiet_b + quiet_s;                       /* no news */
            const double l1 = prior[1] + quiet_b + s * log_sold - (es + mu);      /* bad */
            const double l2 = prior[2] + quiet_s + b * log_bought - (eb + mu);    /* good */
            const double top = fmax(l0, fmax(l1, l2));
            const double e0 = exp(l0 - top), e1 = exp(l1 - top), e2 = exp(l2 - top), total = e0 + e1 + e2;
            const double bad = e1 / total, good = e2 / total;
            int sign;
            gm_add(&sum, top + log(total));
            if (c->integer[0])
                gm_add(&sum, -lgamma_r(b + 1.0, &sign) - lgamma_r(s + 1.0, &sign));
            const double sold = s / (es + mu) - 1.0, bought = b / (eb + mu) - 1.0;
            g[0] += bad + good - alpha;
            g[1] += bad - delta * (bad + good);
            g[2] += mu * (bad * sold + good * bought);
            g[3] += eb * ((1.0 - good) * (b / eb - 1.0) + good * bought);
            g[4] += es * ((1.0 - bad) * (s / es - 1.0) + bad * sold);
        }
    }
    c->result[0] = sum.sum;
    memcpy(&c->result[1], g, sizeof g);
    return GM_ESTIMATOR_OK;
}

/* Seconds from the window's begin: of float seconds or int64 nanoseconds. */
static double seconds(const gm_column_t *column, ptrdiff_t row, double begin, int64_t begin_ns)
{
    int64_t since;
    if (column->type == 'q')
        return __builtin_sub_overflow(gm_integer(column, row), begin_ns, &since) ? NAN : (double)since * 1e-9;
    return gm_cell(column, row, 0) - begin;
}

/* Hawkes (1971), exponential kernel, log likelihood by Ozaki's (1979) recursion A_i = e^(-beta dt)(1 + A_(i-1)). in: event
 * times. number: mu, alpha, beta, begin, end (s); integer: begin, end (ns, for int64 times). result: log likelihood, its
 * gradient by mu, alpha, beta; events. */
int gm_k_hawkes(gm_estimator_call_t *c)
{
    const gm_column_t *times = &c->in[0];
    const ptrdiff_t n = times->rows;
    const double mu = c->number[0], alpha = c->number[1], beta = c->number[2];
    const double end = times->type == 'q' ? (double)(c->integer[1] - c->integer[0]) * 1e-9 : c->number[4] - c->number[3];
    double before = 0.0, a = 0.0, s = 0.0; /* a = sum e^(-beta (t - t_i)), s = sum (t - t_i) e^(...), events before t */
    gm_kahan_t logs = {0}, by_mu = {0}, by_alpha = {0}, by_beta = {0}, gone = {0};
    for (ptrdiff_t i = 0; i < n; i++) {
        const double t = seconds(times, i, c->number[3], c->integer[0]), dt = t - before;
        if (!(t >= 0.0 && t <= end))
            return gm_breaks(c, 0, i, 'w');
        if (dt < 0.0)
            return gm_breaks(c, 0, i, 'o');
        if (i > 0) {
            const double decay = exp(-beta * dt);
            s = decay * (s + dt * (1.0 + a));
            a = decay * (1.0 + a);
        }
        const double rate = mu + alpha * a;
        gm_add(&logs, log(rate));
        gm_add(&by_mu, 1.0 / rate);
        gm_add(&by_alpha, a / rate);
        gm_add(&by_beta, -alpha * s / rate);
        gm_add(&gone, -expm1(-beta * (end - t)));
        before = t;
    }
    const double rest = end - before, decay = exp(-beta * rest);
    const double late = n ? decay * (s + rest * (1.0 + a)) : 0.0; /* sum (T - t_i) e^(-beta (T - t_i)) */
    const double excited = gone.sum; /* term by term: n less the sum of the exponentials cancels where beta is small */
    c->result[0] = logs.sum - mu * end - alpha / beta * excited;
    c->result[1] = by_mu.sum - end;
    c->result[2] = by_alpha.sum - excited / beta;
    c->result[3] = by_beta.sum + alpha / (beta * beta) * excited - alpha / beta * late;
    c->result[4] = (double)n;
    return GM_ESTIMATOR_OK;
}

/* mu + alpha sum e^(-beta (t - t_i)) over the events strictly before each time. in: event times (n), times (m). number: mu,
 * alpha, beta, begin; integer: begin. */
int gm_k_intensity(gm_estimator_call_t *c)
{
    const gm_column_t *events = &c->in[0], *at = &c->in[1];
    const double mu = c->number[0], alpha = c->number[1], beta = c->number[2];
    double *out = c->out[0], a = 0.0, since = 0.0, last_event = -INFINITY, last = -INFINITY;
    ptrdiff_t next = 0;
    for (ptrdiff_t j = 0; j < at->rows; j++) {
        const double t = seconds(at, j, c->number[3], c->integer[0]);
        if (!(t >= last) || isinf(t))
            return gm_breaks(c, 1, j, t < last ? 'o' : 'f');
        for (; next < events->rows; next++) {
            const double event = seconds(events, next, c->number[3], c->integer[0]);
            if (!(event >= last_event) || isinf(event))
                return gm_breaks(c, 0, next, event < last_event ? 'o' : 'f');
            if (event >= t)
                break;
            a = a > 0.0 ? a * exp(-beta * (event - since)) + 1.0 : 1.0;
            since = last_event = event;
        }
        out[j] = mu + (a > 0.0 ? alpha * a * exp(-beta * (t - since)) : 0.0);
        last = t;
    }
    return GM_ESTIMATOR_OK;
}

/* What a programme of constant rates costs where a rate v moves the price by |v|^delta, decaying as G: the double integral
 * of v_t f(v_s) G(t - s), Gatheral (2010). in: rates. number: interval, delta, decay; integer[0]: 0 for G(t) = t^-decay, 1
 * for e^(-decay t). */
int gm_k_propagator(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    const double dt = c->number[0], delta = c->number[1], g = c->number[2];
    if (n == 0)
        return GM_ESTIMATOR_OK;
    double *rate = malloc((size_t)n * 3 * sizeof(double));
    if (rate == NULL)
        return GM_ESTIMATOR_MEMORY;
    double *impact = rate + n, *weight = rate + 2 * n;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double m = (double)i;
        if (gm_value(c, 0, i, &rate[i])) {
            free(rate);
            return GM_ESTIMATOR_ROW;
        }
        impact[i] = gm_impact_power(rate[i], delta);
        if (c->integer[0] == 0) {
            const double p = 2.0 - g, scale = pow(dt, p) / ((1.0 - g) * p);
            weight[i] = scale * (i == 0 ? 1.0 : pow(m + 1.0, p) - 2.0 * pow(m, p) + pow(m - 1.0, p));
        } else {
            const double x = g * dt;
            weight[i] = i == 0 ? (x + expm1(-x)) / (g * g) : exp(-x * m) * pow(2.0 * sinh(0.5 * x) / g, 2.0);
        }
    }
    gm_kahan_t cost = {0};
    for (ptrdiff_t i = 0; i < n; i++) {
        double moved = 0.0;
        for (ptrdiff_t j = 0; j <= i; j++)
            moved += impact[j] * weight[i - j];
        gm_add(&cost, rate[i] * moved);
    }
    free(rate);
    c->result[0] = cost.sum;
    return GM_ESTIMATOR_OK;
}

/* A model of impact.h, row by row. in: quantity, daily volume, volatility, duration or participation, shares outstanding.
 * number: the model's coefficients; integer[0]: which one. */
int gm_k_impact(gm_estimator_call_t *c)
{
    const ptrdiff_t n = c->in[0].rows;
    double buffer[5][GM_BLOCK], *out = c->out[0];
    gm_athl_t athl;
    gm_istar_t istar;
    memcpy(&athl, c->number, sizeof athl);
    memcpy(&istar, c->number, sizeof istar);
    for (ptrdiff_t i = 0; i < n; i += GM_BLOCK) {
        const ptrdiff_t rows = gm_at_most(n - i, GM_BLOCK);
        const double *in[5] = {0};
        for (int k = 0; k < 5; k++)
            if (c->in[k].data && (in[k] = gm_doubles(c, k, i, rows, buffer[k])) == NULL)
                return GM_ESTIMATOR_ROW;
        for (ptrdiff_t j = 0; j < rows; j++) {
            const double q = in[0][j], v = in[1][j], sigma = in[2][j];
            const double speed = in[3] ? in[3][j] : NAN, theta = in[4] ? in[4][j] : NAN;
            double x;
            switch (c->integer[0]) {
            case 0: x = gm_athl_permanent(q, v, theta, sigma, &athl); break;
            case 1: x = gm_athl_temporary(q, v, sigma, speed, &athl); break;
            case 2: x = gm_athl_realized(q, v, theta, sigma, speed, &athl); break;
            case 3: x = gm_square_root_peak(q, v, sigma, c->number[0]); break;
            case 4: x = gm_square_root_average(q, v, sigma, c->number[0]); break;
            case 5: x = gm_istar(q, v, sigma, &istar); break;
            default: x = gm_istar_mi(q, v, sigma, speed, &istar);
            }
            out[i + j] = x;
        }
    }
    return GM_ESTIMATOR_OK;
}
