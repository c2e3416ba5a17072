/* How much to post at each venue and how much to take at once: Cont and Kukanov, Optimal order placement in limit order markets, Quantitative
 * Finance 17(1), 2017 (arXiv 1210.1625). A = M + sum_k fill_k, fill_k = (xi_k - Q_k)+ - (xi_k - Q_k - L_k)+, and the cost of (M, L) is
 *
 *   E[(h + f) M - sum_k (h + r_k) fill_k + theta (M + sum_k L_k + (S - A)+) + lam_u (S - A)+ + lam_o (A - S)+].
 *
 * xi_k, what leaves the queue at venue k until the horizon, is exponential with mean m_k, independent over venues (this project's choice). */
#ifndef GM_CONT_KUKANOV_H
#define GM_CONT_KUKANOV_H

#include <stdint.h>

#define GM_CK_VENUES 64
#define GM_CK_GRID 128

typedef struct gm_ck_terms { double size, half_spread, take_fee, theta, under, over; } gm_ck_terms_t;
typedef struct gm_ck_venue { double queue, mean, rebate; } gm_ck_venue_t;

/* M and L with M + sum L = S, no order beyond what is wanted: exact. At the optimum the marginal cost is the same, mu, wherever something is
 * placed: p_k = exp(-(Q_k + L_k) / m_k) = (lam_u + theta - mu) / (lam_u + theta + h + r_k), and mu = h + f if M > 0. `takes` 0: M is 0. */
void gm_ck_within(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, int takes, double* market, double* limits);

/* M >= 0 and 0 <= L_k <= S, their sum possibly above S: cyclic coordinate descent on the paper's first-order conditions,
 *
 *   M:   P(A < S) = (h + f + lam_o + theta) / (lam_u + lam_o + theta)
 *   L_k: P(A < S | xi_k > Q_k + L_k) = (theta / P(xi_k > Q_k + L_k) + lam_o - h - r_k) / (lam_u + lam_o + theta),
 *
 * each of which is monotone in its own variable; the law of the other venues' fills is on a lattice of S / GM_CK_GRID that keeps means. The cost
 * is not convex (posting more makes overfilling likelier): the best of that descent and fixed starts, improved by exchanges down to steps of `tolerance` * S; a
 * minimum among all its neighbours, which is not proved to be the lowest of all. How many rounds of exchanges, negative: `most` were not enough. */
int32_t gm_ck_beyond(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double tolerance, int32_t most, double* market, double* limits);

/* The expected cost of (M, L), its law of A on the same lattice. */
double gm_ck_cost(const gm_ck_terms_t* t, const gm_ck_venue_t* v, int32_t count, double market, const double* limits);

#endif
