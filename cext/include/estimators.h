/* Batch estimators of market microstructure: kernels over columns, all called through one table.
 *
 * A column is n rows of `width` cells with any strides, of any native number type up to 64 bits: a contiguous float64
 * array is read in place, everything else (a field of a structured array, a memory map, every second row) is turned
 * into doubles a block at a time, so nothing is ever copied whole. Each column has a rule; a row that breaks it ends
 * the kernel with its place. INT64_MIN, the absent price of the rows, reads as NaN.
 *
 * A kernel returns 0, GM_ESTIMATOR_ROW (bad_column, bad_row say where) or GM_ESTIMATOR_MEMORY. It holds no state and
 * needs no GIL. Sums that grow with the rows are compensated.
 */
#ifndef GM_ESTIMATORS_H
#define GM_ESTIMATORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GM_BLOCK 512
#define GM_COLUMNS 8
#define GM_OUTPUTS 4
#define GM_NUMBERS 12
#define GM_INTEGERS 4
#define GM_RESULTS 16

enum { GM_ESTIMATOR_OK = 0, GM_ESTIMATOR_ROW = -1, GM_ESTIMATOR_MEMORY = -2 };

typedef struct {
    const char *data;       /* NULL: the column was not given */
    ptrdiff_t rows, stride; /* bytes from row to row; 0: one row stands for all */
    ptrdiff_t width, step;  /* cells of a row, bytes from cell to cell */
    char type;              /* struct-module letter: d f q i h b I H B */
    char rule;              /* a any or NaN, f finite, m > 0 or NaN, n >= 0 or NaN, p > 0, z >= 0, u in [0, 1], s sign, t sign or 0,
                               o not before the row above; set by a kernel: l not above the high, w in the window,
                               v not above the volume, x few enough cells */
} gm_column_t;

typedef struct {
    gm_column_t in[GM_COLUMNS];
    void *out[GM_OUTPUTS]; /* contiguous; NULL where the kernel's user does not want it */
    ptrdiff_t out_rows[GM_OUTPUTS], out_width[GM_OUTPUTS];
    double number[GM_NUMBERS];
    int64_t integer[GM_INTEGERS];
    double result[GM_RESULTS];
    int bad_column;
    ptrdiff_t bad_row, bad_cell;
} gm_estimator_call_t;

typedef int (*gm_estimator_fn)(gm_estimator_call_t *c);

/* Letters of `in` and `out`: two a column, its rows and the cells of a row. A letter that has been seen stands for the
 * same length; '1' is one cell; 'o' is one row less than 'n'; a capital: of int64; '?' behind them: may be missing. Outputs
 * begin with their type: d float64, b int8, l int64. */
typedef struct {
    const char *name;
    gm_estimator_fn run;
    const char *in;
    const char *out;
    int numbers, integers, results;
} gm_estimator_t;

extern const gm_estimator_t gm_estimators[]; /* ends with a name of NULL */

/* ---- reading columns ------------------------------------------------------------------------------------------- */

static inline double gm_cell(const gm_column_t *column, ptrdiff_t row, ptrdiff_t cell)
{
    const char *at = column->data + row * column->stride + cell * column->step;
    switch (column->type) {
#define GM_READ(letter, type) \
    case letter: {            \
        type x;               \
        memcpy(&x, at, sizeof x); \
        return (double)x;     \
    }
        GM_READ('d', double)
        GM_READ('f', float)
        GM_READ('i', int32_t)
        GM_READ('h', int16_t)
        GM_READ('b', int8_t)
        GM_READ('I', uint32_t)
        GM_READ('H', uint16_t)
        GM_READ('B', uint8_t)
    default: {
        int64_t x;
        memcpy(&x, at, sizeof x);
        return x == INT64_MIN ? NAN : (double)x;
    }
    }
}

/* Of an int64 column. */
static inline int64_t gm_integer(const gm_column_t *column, ptrdiff_t row)
{
    int64_t x;
    memcpy(&x, column->data + row * column->stride, sizeof x);
    return x;
}

static inline int gm_bad(gm_estimator_call_t *c, int column, ptrdiff_t row, ptrdiff_t cell)
{
    c->bad_column = column;
    c->bad_row = row;
    c->bad_cell = cell;
    return GM_ESTIMATOR_ROW;
}

/* `count` cells from (row, cell 0) on, row after row, as doubles that keep the column's rule: in place where they are
 * that already, otherwise in `buffer`; NULL where one breaks the rule. count is of whole rows. */
const double *gm_doubles(gm_estimator_call_t *c, int column, ptrdiff_t row, ptrdiff_t count, double *buffer);
/* The same of an int64 column of one cell a row, in its order. */
const int64_t *gm_integers(gm_estimator_call_t *c, int column, ptrdiff_t row, ptrdiff_t count, int64_t *buffer);
/* One cell that keeps its column's rule. */
int gm_value(gm_estimator_call_t *c, int column, ptrdiff_t row, double *value);
/* Marks a row that breaks a rule which only the kernel knows. */
static inline int gm_breaks(gm_estimator_call_t *c, int column, ptrdiff_t row, char rule)
{
    c->in[column].rule = rule;
    return gm_bad(c, column, row, 0);
}

/* ---- compensated sums ------------------------------------------------------------------------------------------ */

typedef struct {
    double sum, lost;
} gm_kahan_t;

static inline void gm_add(gm_kahan_t *s, double x)
{
    const double corrected = x - s->lost, total = s->sum + corrected;
    s->lost = (total - s->sum) - corrected;
    s->sum = total;
}

static inline ptrdiff_t gm_at_most(ptrdiff_t left, ptrdiff_t most)
{
    return left < most ? left : most;
}

/* regressions.c */
int gm_k_line(gm_estimator_call_t *c);
int gm_k_roll(gm_estimator_call_t *c);
int gm_k_glosten_harris(gm_estimator_call_t *c);
int gm_k_returns(gm_estimator_call_t *c);
int gm_k_amihud(gm_estimator_call_t *c);
int gm_k_corwin_schultz(gm_estimator_call_t *c);
/* likelihoods.c */
int gm_k_pin(gm_estimator_call_t *c);
int gm_k_hawkes(gm_estimator_call_t *c);
int gm_k_intensity(gm_estimator_call_t *c);
int gm_k_propagator(gm_estimator_call_t *c);
int gm_k_impact(gm_estimator_call_t *c);
/* trades.c */
int gm_k_as_of(gm_estimator_call_t *c);
int gm_k_classify(gm_estimator_call_t *c);
int gm_k_trade_spreads(gm_estimator_call_t *c);
int gm_k_horizons(gm_estimator_call_t *c);
int gm_k_flow(gm_estimator_call_t *c);
int gm_k_bulk(gm_estimator_call_t *c);
int gm_k_buckets(gm_estimator_call_t *c);
int gm_k_sessions(gm_estimator_call_t *c);
int gm_k_after(gm_estimator_call_t *c);

#endif
