/* A learning environment's episode over an engine: what an agent sees, what its action sends, what that cost, step by step, without the GIL.
 *
 * What is seen of a market (`sight`), of one's own order (gm_observe) and what an action means (gm_intend) depend on no episode: a live
 * algorithm that looks and acts at its own decision times uses the same functions.
 *
 * Sources: observation and reward QUANT.md section 7; order flow imbalance Cont, Kukanov and Stoikov, J. Financial Econometrics 12 (2014), eq. 4;
 * microprice as the size-weighted mid (Stoikov, Quantitative Finance 18, 2018, his M1 without adjustment is not it); the schedule Almgren and
 * Chriss, J. Risk 3 (2000), eq. 17; mean and deviation in one pass Welford, Technometrics 4 (1962). */
#ifndef GM_ENVIRONMENT_H
#define GM_ENVIRONMENT_H

#include "calls.h"
#include "children.h"
#include "random.h"

#define GM_SIGHT_LEVELS 5
#define GM_OBSERVATION 17
#define GM_SEATS 32
#define GM_SEAT_CHILDREN 4
#define GM_TAKE_BEYOND 2000             /* a crossing slice goes 1 / 2000 of the touch (5 bps) beyond it, as live algorithms do */

enum gm_seat_role { GM_SEAT_EXECUTES = 0, GM_SEAT_MAKES = 1 };
enum gm_placement { GM_PLACE_POST = 0, GM_PLACE_IMPROVE, GM_PLACE_MID, GM_PLACE_CROSS, GM_PLACE_REACH, GM_PLACE_END };
enum gm_seat_end { GM_SEAT_ACTS = 0, GM_SEAT_FILLED = 1, GM_SEAT_TIME = 2, GM_SEAT_CLOSED = 3 };     /* closed: somebody else ended its parent */

/* The place of each number in an observation. */
enum gm_seen {
    GM_SEEN_TIME = 0, GM_SEEN_INVENTORY, GM_SEEN_SIDE, GM_SEEN_SPREAD, GM_SEEN_DEPTH, GM_SEEN_IMBALANCE, GM_SEEN_OFI = GM_SEEN_IMBALANCE + GM_SIGHT_LEVELS,
    GM_SEEN_MICRO, GM_SEEN_VOLATILITY, GM_SEEN_RETURN, GM_SEEN_POV, GM_SEEN_GAP, GM_SEEN_FILL
};

/* What is seen of one symbol's market; told of every change of its best quote, looked at when there is something to decide. */
typedef struct gm_sight {
    int32_t symbol;
    int32_t reserved;
    int64_t price_e9[2], quantity[2];   /* best bid and ask when last told; quantity 0: none */
    int64_t ofi;                        /* since the last look */
    int64_t mid_e9;                     /* the last that there was; GM_NO_PRICE: none yet */
    int64_t looks, moves;               /* looks so far; those with a mid and one before it */
    double ofi_mean, ofi_squares;       /* of the intervals between looks: mean, sum of squares off it */
    double squares;                     /* sum of squared returns between looks, bps^2 */
    double ofi_score, volatility;       /* at the last look */
    float seen[GM_OBSERVATION];         /* those of them that are the market's */
} gm_sight_t;

/* One agent: a parent order, or a maker of quotes. */
typedef struct gm_seat {
    int32_t role, account, strategy;
    int8_t side, done;                  /* gm_seat_end */
    int64_t quantity;                   /* to be filled; of a maker: the largest position */
    int64_t clip;                       /* of a maker: of one quote */
    double kappa;                       /* of its schedule: kappa * T; 0: a straight line */
    double penalty;                     /* lambda, 1 / bps; of a maker: bps of a quote's value a squared share of the largest position */
    /* what it does next */
    double pace, reach;
    int32_t place, place_ask;           /* of a maker: ticks behind the touch of both quotes, -1: inside; below: none */
    /* its episode */
    int64_t parent_id;
    int64_t children[GM_SEAT_CHILDREN]; /* that rest */
    int64_t prices_e9[GM_SEAT_CHILDREN];
    int32_t child_count, refused;       /* children refused so far */
    int64_t asked, filled_before;       /* by the last action; filled when it acted */
    int64_t decision_e9, arrival_e9;    /* mids when the parent came and when its first child was sent; GM_NO_PRICE */
    int64_t volume_before;              /* printed in the symbol when it came */
    gm_i128 cost;                       /* shortfall so far; of a maker: minus its gain */
    gm_i128 cash_before;
    int64_t position_before;
    double reward, rewards;             /* of the last step, of all */
    float seen[GM_OBSERVATION];
} gm_seat_t;

/* An episode over one engine. */
typedef struct gm_stage {
    const gm_native_t* n;               /* its engine */
    void* kept;                         /* renew.h */
    gm_sight_t sight;
    gm_seat_t seats[GM_SEATS];
    int32_t seat_count, algorithm;
    /* how episodes are drawn */
    int64_t first_ns, last_ns;          /* the earliest and the latest begin */
    int64_t end_ns;                     /* nothing is known of the market beyond */
    int64_t steps, interval_ns, messages;       /* decisions; between two of them time, or (interval 0) so many messages */
    int64_t quantity_low, quantity_high;        /* of every parent; 0: the seats' own */
    int32_t sides;                      /* +1, -1, 0: drawn */
    int32_t fault;                      /* why an episode could not begin: 1 no quote, 2 refused, 3 the engine does not begin again */
    /* the episode */
    uint64_t seed, chain;               /* its own; where the next one's is drawn from */
    int64_t begin_ns, step, reason;
    gm_i128 mid_sum;                    /* of the mids at the decisions and at the end */
    int64_t mids;
} gm_stage_t;

typedef struct gm_intent {
    int64_t quantity;                   /* 0: nothing */
    int64_t price_e9;                   /* of a limit order, or the worst that is taken */
    int32_t takes;                      /* it takes what is displayed; else it rests */
} gm_intent_t;

/* `x` cut to [-most, most]. */
static inline double gm_bound(double x, double most) { return x > most ? most : x < -most ? -most : x; }

void gm_sight_begin(gm_sight_t* s, const gm_venues_t* v, int32_t symbol);
/* Has the sight hear what a tap is told (venues.h). */
void gm_sight_tap(gm_tap_t* tap, gm_sight_t* s);
/* There is something to decide: the market's part of an observation. */
void gm_sight_look(gm_sight_t* s, gm_market_t* m, int64_t tick_e9);
/* The part of the schedule that is left at `time` (0 to 1). */
double gm_plan_left(double kappa, double time);
/* The part of what is left that the schedule trades from `time` to `until`. */
double gm_plan_slice(double kappa, double time, double until);
/* The order's part of an observation, behind a look. `volume`: printed in the symbol since it came; `fill`: of the last child. */
void gm_observe(const gm_sight_t* s, const gm_order_t* parent, double kappa, double time, int64_t volume, double fill, float* out);
/* What an action asks for: `slice` of what remains, times `pace`, placed so. */
void gm_intend(const gm_nbbo_t* n, int8_t side, int64_t tick_e9, int64_t remaining, double slice, double pace, int32_t place, double reach, gm_intent_t* out);
/* Shortfall of a parent in 1e-9, what is left of it valued at `mid_e9`. */
gm_i128 gm_shortfall_so_far(const gm_order_t* parent, int64_t decision_e9, int64_t mid_e9);

/* Begins the episode of a seed: GM_OK, or GM_ERR_STATE with `fault`. */
int gm_stage_begin(gm_stage_t* g, uint64_t seed);
/* Acts for every seat, lives on to the next decision, and says what came of it. Whether the episode goes on. */
int gm_stage_step(gm_stage_t* g);
/* Lives on to the end of the horizon with nobody acting, for the mean of its mids. */
void gm_stage_run_out(gm_stage_t* g);
static inline uint64_t gm_stage_next_seed(gm_stage_t* g) { return gm_splitmix64(&g->chain) >> 1; }

/* ---- several episodes at once ---- */

typedef struct gm_crew gm_crew_t;
/* `threads` of them, this one included. NULL: no memory. */
gm_crew_t* gm_crew_make(gm_stage_t** stages, int32_t count, int32_t threads);
void gm_crew_free(gm_crew_t* c);
/* One step of each: actions (count, 3) pace, place, reach; out (count, GM_OBSERVATION), rewards (count). ended[i]: gm_seat_end, and what it saw
 * last and its figures are in last and figures; a next episode has begun then. -1: it could not (fault). */
void gm_crew_step(gm_crew_t* c, const double* actions, float* out, double* rewards, int8_t* ended, float* last, double* figures);
/* Begins episodes anew. */
void gm_crew_begin(gm_crew_t* c, const uint64_t* seeds, float* out, int8_t* ended);

/* An executing seat's figures: shortfall, delay, trading, opportunity, fees in bps, then filled, left, refused, the end's mid in 1e-9, the mean
 * mid in 1e-9, the sum of rewards. */
#define GM_FIGURES 11
void gm_stage_figures(const gm_stage_t* g, const gm_seat_t* a, double* out);

#endif
