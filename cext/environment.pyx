# cython: language_level=3
"""Learning environments' native side: an episode over an engine (`Stage`), several at once (`Crew`), and what a live algorithm shares with them
(`Sight`). Rules and formulas in include/environment.h."""
import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from grandmodel.execution._core.instruments cimport gm_instruments_t
from grandmodel.execution._core.orders cimport gm_orders_find, gm_orders_t
from grandmodel.execution._core.records cimport GM_NO_PRICE, gm_order_t
from grandmodel.execution._core.scoring cimport Tap, gm_consolidate_afresh, gm_nbbo_t, gm_tap_t, gm_venues_t
from grandmodel.execution._core.synthetic cimport gm_market_t
from grandmodel.execution._core.values import EngineForked, OrderRejected, REASON_TEXT, Reason, UnknownOrder

cdef extern from "environment.h" nogil:
    enum: GM_OBSERVATION, GM_SEATS, GM_FIGURES, GM_SEAT_EXECUTES, GM_SEAT_MAKES, GM_PLACE_REACH
    ctypedef struct gm_native_t:
        const gm_calls* call "call"
        const gm_venues_t* venues
        const gm_orders_t* orders
        const gm_instruments_t* instruments
        gm_market_t* market
    ctypedef struct gm_calls "gm_engine_calls_t":
        int (*enter)(const gm_native_t* n) noexcept nogil
        void (*leave)(const gm_native_t* n) noexcept nogil
        void* (*keep)(const gm_native_t* n) noexcept nogil
        void (*forget)(void* kept) noexcept nogil
    ctypedef struct gm_sight_t:
        int32_t symbol
    ctypedef struct gm_seat_t:
        int32_t role, account, strategy
        int8_t side, done
        int64_t quantity, clip
        double kappa, penalty, pace, reach
        int32_t place, place_ask, refused
        int64_t parent_id, decision_e9
        double reward, rewards
        float seen[17]
    ctypedef struct gm_stage_t:
        const gm_native_t* n
        void* kept
        gm_sight_t sight
        gm_seat_t seats[32]
        int32_t seat_count, algorithm
        int64_t first_ns, last_ns, end_ns, steps, interval_ns, messages, quantity_low, quantity_high
        int32_t sides, fault
        uint64_t seed, chain
        int64_t begin_ns, step, reason
    ctypedef struct gm_crew_t:
        pass
    ctypedef struct gm_intent_t:
        int64_t quantity, price_e9
        int32_t takes
    void gm_sight_tap(gm_tap_t* tap, gm_sight_t* s) noexcept
    void gm_sight_begin(gm_sight_t* s, const gm_venues_t* v, int32_t symbol) noexcept
    void gm_sight_look(gm_sight_t* s, gm_market_t* m, int64_t tick_e9) noexcept
    void gm_observe(const gm_sight_t* s, const gm_order_t* parent, double kappa, double time, int64_t volume, double fill, float* out) noexcept
    void gm_intend(const gm_nbbo_t* n, int8_t side, int64_t tick_e9, int64_t remaining, double slice, double pace, int32_t place, double reach,
                   gm_intent_t* out) noexcept
    int gm_stage_begin(gm_stage_t* g, uint64_t seed) noexcept
    int gm_stage_step(gm_stage_t* g) noexcept
    void gm_stage_run_out(gm_stage_t* g) noexcept
    uint64_t gm_stage_next_seed(gm_stage_t* g) noexcept
    void gm_stage_figures(const gm_stage_t* g, const gm_seat_t* a, double* out) noexcept
    double gm_plan_slice(double kappa, double time, double until) noexcept
    gm_crew_t* gm_crew_make(gm_stage_t** stages, int32_t count, int32_t threads) noexcept
    void gm_crew_free(gm_crew_t* c) noexcept
    void gm_crew_step(gm_crew_t* c, const double* actions, float* out, double* rewards, int8_t* ended, float* last, double* figures) noexcept
    void gm_crew_begin(gm_crew_t* c, const uint64_t* seeds, float* out, int8_t* ended) noexcept

#: Numbers of an observation, and of a seat's figures.
OBSERVATION, FIGURES = GM_OBSERVATION, GM_FIGURES
_FAULTS = {1: "no two-sided quote came", 3: "its engine cannot begin again"}


cdef class Stage(Tap):
    """One engine's episodes, of one agent or several, drawn from seeds. Equal seeds and actions give equal logs.

    Parameters
    ----------
    core : Core that has had no order, with a simulated clock, a temporary journal and a market that can begin again
    symbol : its number
    algorithm : number of the name that parents go by
    first_ns, last_ns : when episodes begin, drawn evenly
    end_ns : where the market ends
    steps : decisions; between two of them `interval_ns`, or (0) `messages` of the market
    quantity : (low, high), drawn evenly, or (0, 0): each seat's own
    side : +1, -1, or 0: drawn
    """

    cdef gm_stage_t* stage
    cdef readonly object core
    cdef object capsule, row
    cdef float[::1] seen

    def __cinit__(self, core, int symbol, int algorithm, *, int64_t first_ns, int64_t last_ns, int64_t end_ns, int64_t steps,
                  int64_t interval_ns=0, int64_t messages=0, quantity=(0, 0), int side=0):
        self.stage = <gm_stage_t*>calloc(1, sizeof(gm_stage_t))
        if self.stage == NULL:
            raise MemoryError("a stage could not be made")
        self.core = core
        self.capsule = core.native
        self.stage.n = <const gm_native_t*>PyCapsule_GetPointer(self.capsule, "gm_native")
        self.stage.sight.symbol = symbol
        self.stage.algorithm = algorithm
        self.stage.first_ns, self.stage.last_ns, self.stage.end_ns = first_ns, last_ns, end_ns
        self.stage.steps, self.stage.interval_ns, self.stage.messages = steps, interval_ns, messages
        self.stage.quantity_low, self.stage.quantity_high = quantity
        self.stage.sides = side
        self.row = np.zeros(GM_OBSERVATION, np.float32)
        self.seen = self.row
        gm_sight_tap(&self.tap, &self.stage.sight)

    def __dealloc__(self):
        if self.stage != NULL:
            if self.stage.kept != NULL:
                self.stage.n.call.forget(self.stage.kept)
            free(self.stage)

    def add(self, *, int account, int strategy, bint makes=False, int64_t quantity=0, int64_t clip=0, double kappa=0.0, double penalty=0.0):
        """One more agent: a parent order of `quantity`, or a maker of quotes of `clip` that holds `quantity` at most. Its number."""
        cdef gm_seat_t* a
        if self.stage.seat_count == GM_SEATS or self.stage.kept != NULL:
            raise ValueError(f"a stage has up to {GM_SEATS} agents, which are there before its first episode")
        a = &self.stage.seats[self.stage.seat_count]
        a.role = GM_SEAT_MAKES if makes else GM_SEAT_EXECUTES
        a.account, a.strategy, a.quantity, a.clip, a.kappa, a.penalty = account, strategy, quantity, clip, kappa, penalty
        self.stage.seat_count += 1
        return self.stage.seat_count - 1

    cdef gm_seat_t* _seat(self, int seat) except NULL:
        if not 0 <= seat < self.stage.seat_count:
            raise IndexError(f"seat is {seat}, must be from 0 to {self.stage.seat_count - 1}")
        return &self.stage.seats[seat]

    cdef int _enter(self) except -1:
        cdef int code
        with nogil:
            code = self.stage.n.call.enter(self.stage.n)
        if code != 0:
            raise EngineForked("this environment belongs to the process that made it; make one of your own after the fork")
        return 0

    cdef int _keep(self) except -1:
        if self.stage.kept != NULL:
            return 0
        self._enter()
        self.stage.kept = self.stage.n.call.keep(self.stage.n)
        self.stage.n.call.leave(self.stage.n)
        if self.stage.kept == NULL:
            raise ValueError("this engine cannot begin again: that takes a simulated clock, a journal without a path, no order so far, and a "
                             "market that can")
        return 0

    cdef int _check(self) except -1:
        if self.stage.fault == 2:
            reason = Reason(self.stage.reason)
            raise OrderRejected(f"the parent order was refused: {REASON_TEXT[reason]}", reason, 0)
        if self.stage.fault:
            raise ValueError(f"no episode could begin: {_FAULTS[self.stage.fault]}")
        return 0

    def begin(self, uint64_t seed):
        """Begins the episode of a seed. What the first seat sees."""
        self._keep()
        self._enter()
        with nogil:
            gm_stage_begin(self.stage, seed)
            self.stage.n.call.leave(self.stage.n)
        self._check()
        return self.observation()

    def next_seed(self):
        """The seed of the episode that follows on this one."""
        return gm_stage_next_seed(self.stage)

    def act(self, int seat, double pace, int place, double reach=0.0):
        """What a seat does in the next step; of a maker `pace` is its bid's place, and `place` its ask's."""
        cdef gm_seat_t* a = self._seat(seat)
        a.pace, a.place, a.reach = pace, place, reach
        if a.role == GM_SEAT_MAKES:
            a.place, a.place_ask = <int32_t>pace, place

    def step(self):
        """Everybody acts, the market lives on. Whether somebody still acts then."""
        cdef int more
        self._enter()
        with nogil:
            more = gm_stage_step(self.stage)
            self.stage.n.call.leave(self.stage.n)
        return more != 0

    def step_one(self, double pace, int place, double reach):
        """`act` and `step` of the first seat: (observation, reward, how it has ended)."""
        cdef gm_seat_t* a = self._seat(0)
        a.pace, a.place, a.reach = pace, place, reach
        self._enter()
        with nogil:
            gm_stage_step(self.stage)
            self.stage.n.call.leave(self.stage.n)
        memcpy(&self.seen[0], a.seen, sizeof(a.seen))
        return self.row.copy(), a.reward, a.done

    def run_out(self):
        """Lives on to the end of the horizon with nobody acting."""
        self._enter()
        with nogil:
            gm_stage_run_out(self.stage)
            self.stage.n.call.leave(self.stage.n)

    def observation(self, int seat=0):
        """(17,) float32 of a seat, a copy."""
        cdef gm_seat_t* a = self._seat(seat)
        memcpy(&self.seen[0], a.seen, sizeof(a.seen))
        return self.row.copy()

    def reward(self, int seat=0):
        """Of a seat's last step."""
        return self._seat(seat).reward

    def done(self, int seat=0):
        """How a seat has ended (gm_seat_end); 0: it acts."""
        return self._seat(seat).done

    def figures(self, int seat=0):
        """(11,) float64 of an executing seat: gm_stage_figures."""
        out = np.empty(GM_FIGURES)
        cdef double[::1] view = out
        gm_stage_figures(self.stage, self._seat(seat), &view[0])
        return out

    def costs(self, int seat=0):
        """What an executing seat's order has cost so far, as a mapping; the quantity left is valued at the last mid that there was."""
        cdef double figures[11]
        gm_stage_figures(self.stage, self._seat(seat), figures)
        return {"shortfall_bps": figures[0], "delay_bps": figures[1], "trading_bps": figures[2], "opportunity_bps": figures[3],
                "fees_bps": figures[4], "filled": <int64_t>figures[5], "left": <int64_t>figures[6], "refused": <int64_t>figures[7]}

    def parent_id(self, int seat=0):
        """The order of an executing seat."""
        return self._seat(seat).parent_id

    def order(self, int seat=0):
        """(side, quantity, decision mid in 1e-9) of a seat's episode."""
        cdef gm_seat_t* a = self._seat(seat)
        return a.side, a.quantity, a.decision_e9

    def slice(self, int seat=0):
        """The part of what is left that the seat's schedule trades in the next step."""
        cdef double steps = <double>self.stage.steps
        return gm_plan_slice(self._seat(seat).kappa, self.stage.step / steps, (self.stage.step + 1) / steps)

    @property
    def interval_ns(self):
        """Between two decisions; 0: they are counted in messages."""
        return self.stage.interval_ns

    @property
    def place(self):
        """(decisions so far, decisions of the horizon, when it began in UTC ns)."""
        return self.stage.step, self.stage.steps, self.stage.begin_ns


cdef class Sight(Tap):
    """What a policy sees of a parent order that is worked live, and what its actions ask for: by the code of an episode.

    Parameters
    ----------
    core, symbol : whose market it hears, once `core.listen` has it
    order_id : of the parent
    kappa : of its schedule
    """

    cdef gm_sight_t sight
    cdef readonly object core
    cdef object capsule, row
    cdef const gm_native_t* n
    cdef float[::1] seen
    cdef int64_t order_id, volume
    cdef double kappa

    def __cinit__(self, core, int symbol, int64_t order_id, double kappa=0.0):
        self.core, self.capsule = core, core.native
        self.n = <const gm_native_t*>PyCapsule_GetPointer(self.capsule, "gm_native")
        self.order_id, self.kappa = order_id, kappa
        self.row = np.zeros(GM_OBSERVATION, np.float32)
        self.seen = self.row
        self._enter()
        gm_sight_begin(&self.sight, self.n.venues, symbol)
        self.volume = self.n.venues.tapes[symbol].volume
        self.n.call.leave(self.n)
        gm_sight_tap(&self.tap, &self.sight)

    cdef int _enter(self) except -1:
        cdef int code
        with nogil:
            code = self.n.call.enter(self.n)
        if code != 0:
            raise EngineForked("this engine belongs to the process that made it")
        return 0

    cdef int _order(self, gm_order_t* o) except -1:
        """The parent as it is; the core is held."""
        cdef gm_order_t* found = gm_orders_find(self.n.orders, self.order_id)
        if found == NULL:
            self.n.call.leave(self.n)
            raise UnknownOrder(f"no order has the id {self.order_id}")
        o[0] = found[0]
        return 0

    def look(self, double time, double fill):
        """The observation at a part of the order's time (0 to 1); `fill`: the part of what was last asked for that was filled."""
        cdef gm_order_t o
        self._enter()
        self._order(&o)
        gm_sight_look(&self.sight, self.n.market, self.n.instruments.rows[self.sight.symbol].tick_e9)
        gm_observe(&self.sight, &o, self.kappa, time, self.n.venues.tapes[self.sight.symbol].volume - self.volume, fill, &self.seen[0])
        self.n.call.leave(self.n)
        return self.row.copy()

    def intend(self, double pace, int place, double reach, double time, double until):
        """What an action asks for until the next decision: (quantity, price in 1e-9 or None, whether it takes)."""
        cdef gm_order_t o
        cdef gm_intent_t want
        cdef gm_nbbo_t n
        self._enter()
        self._order(&o)
        n = gm_consolidate_afresh(self.n.venues, self.sight.symbol)
        gm_intend(&n, o.side, self.n.instruments.rows[self.sight.symbol].tick_e9, o.leaves_quantity, gm_plan_slice(self.kappa, time, until), pace,
                  place, reach, &want)
        self.n.call.leave(self.n)
        return want.quantity, None if want.price_e9 == GM_NO_PRICE else want.price_e9, want.takes != 0


cdef class Crew:
    """Several stages of one agent each, stepped together by threads of their own, without the GIL; who has ended begins its next episode.

    Parameters
    ----------
    stages : list of Stage
    threads : how many work, the caller's included
    """

    cdef gm_crew_t* crew
    cdef list stages
    cdef int32_t count

    def __cinit__(self, list stages, int threads):
        cdef gm_stage_t** table
        cdef Stage each
        cdef int k
        if not stages or threads < 1:
            raise ValueError(f"stages are {len(stages)} and threads {threads}, must be 1 at least")
        self.stages = stages
        self.count = <int32_t>len(stages)
        table = <gm_stage_t**>malloc((self.count + 1) * sizeof(gm_stage_t*))
        if table == NULL:
            raise MemoryError("a crew could not be made")
        for k in range(self.count):
            each = stages[k]
            each._keep()
            table[k] = each.stage
        self.crew = gm_crew_make(table, self.count, threads)
        free(table)
        if self.crew == NULL:
            raise MemoryError("a crew could not be made")

    def __dealloc__(self):
        gm_crew_free(self.crew)

    cdef int _mine(self) except -1:
        """EngineForked in a forked child, where nobody works."""
        cdef Stage first = self.stages[0]
        first._enter()
        first.stage.n.call.leave(first.stage.n)
        return 0

    cdef int _check(self, const int8_t[::1] ended) except -1:
        cdef Stage each
        cdef int k
        for k in range(self.count):
            if ended[k] < 0:
                each = self.stages[k]
                each._check()
        return 0

    def begin(self, const uint64_t[::1] seeds, float[:, ::1] out, int8_t[::1] ended):
        """Begins the episodes of n seeds; out: (n, 17), ended: (n,)."""
        if seeds.shape[0] != self.count or out.shape[0] != self.count or out.shape[1] != GM_OBSERVATION or ended.shape[0] != self.count:
            raise ValueError(f"arrays are not for {self.count} stages")
        self._mine()
        with nogil:
            gm_crew_begin(self.crew, &seeds[0], &out[0, 0], &ended[0])
        self._check(ended)

    def step(self, const double[:, ::1] actions, float[:, ::1] out, double[::1] rewards, int8_t[::1] ended, float[:, ::1] last,
             double[:, ::1] figures):
        """A step of each: actions (n, 3), out and last (n, 17), rewards and ended (n,), figures (n, 11)."""
        if (actions.shape[0] != self.count or actions.shape[1] != 3 or out.shape[0] != self.count or out.shape[1] != GM_OBSERVATION
                or rewards.shape[0] != self.count or ended.shape[0] != self.count or last.shape[0] != self.count
                or last.shape[1] != GM_OBSERVATION or figures.shape[0] != self.count or figures.shape[1] != GM_FIGURES):
            raise ValueError(f"arrays are not for {self.count} stages")
        self._mine()
        with nogil:
            gm_crew_step(self.crew, &actions[0, 0], &out[0, 0], &rewards[0], &ended[0], &last[0, 0], &figures[0, 0])
        self._check(ended)
