# cython: language_level=3
"""Latency and faults on order: `LinkedMarket` stands between an engine and a market that is simulated in its process.

Rules in include/link.h and include/faults.h. Configurations make one by themselves (`simulation`, or `latency` and `faults` of a venue); by hand:

    inner = SyntheticMarket(venues.twin(), shares, seed=1, start_ns=start)
    market = LinkedMarket(venues, inner, paths={"NYSE": {"out_ns": 200_000, "in_ns": 200_000, "feed_ns": 150_000}})
"""
import numpy as np

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free

from grandmodel.execution._core.arguments cimport int_argument, number_argument
from grandmodel.execution._core.orders cimport GM_ORDER_IDS
from grandmodel.execution._core.scoring cimport Venues

#: What is drawn on top of a delay.
DISTRIBUTIONS = {
    "fixed": int(GM_DELAY_FIXED), "uniform": int(GM_DELAY_UNIFORM), "exponential": int(GM_DELAY_EXPONENTIAL),
    "lognormal": int(GM_DELAY_LOGNORMAL),
}
WAYS = {"out": int(GM_WAY_OUT), "in": int(GM_WAY_IN), "feed": int(GM_WAY_FEED)}

#: Faults that have a probability; "lie" stands for one of LIES.
FAULTS = {
    "reject": int(GM_FAULT_REJECT), "drop": int(GM_FAULT_DROP), "delay": int(GM_FAULT_DELAY), "reorder": int(GM_FAULT_REORDER),
    "duplicate": int(GM_FAULT_DUPLICATE), "disconnect": int(GM_FAULT_DISCONNECT), "bust": int(GM_FAULT_BUST),
    "correct": int(GM_FAULT_CORRECT), "overfill": int(GM_FAULT_OVERFILL), "lie": int(GM_FAULT_LIE),
}
#: What a venue may lie about, each also a fault that a script can name.
LIES = {
    "lie_price": int(GM_LIE_PRICE), "lie_order": int(GM_LIE_ORDER), "lie_symbol": int(GM_LIE_SYMBOL), "lie_side": int(GM_LIE_SIDE),
    "lie_nothing": int(GM_LIE_NOTHING), "lie_negative": int(GM_LIE_NEGATIVE), "lie_enormous": int(GM_LIE_ENORMOUS),
    "lie_acknowledged": int(GM_LIE_ACKNOWLEDGED), "lie_kind": int(GM_LIE_KIND),
}
#: Messages that a script can name: what the engine sends, then what a venue tells.
MESSAGES = {
    "order": int(GM_MESSAGE_ORDER), "cancel": int(GM_MESSAGE_CANCEL), "replace": int(GM_MESSAGE_REPLACE),
    "acknowledgement": int(GM_MESSAGE_ACKNOWLEDGEMENT), "fill": int(GM_MESSAGE_FILL), "ended": int(GM_MESSAGE_ENDED),
    "replaced": int(GM_MESSAGE_REPLACED), "refused": int(GM_MESSAGE_REFUSED), "revision": int(GM_MESSAGE_REVISION),
}
cdef int64_t _HOUR_NS = 3_600_000_000_000
cdef tuple _TIMES = ("out_ns", "in_ns", "feed_ns", "jitter_ns")


def faults_on(str message):
    """The faults that can befall a message of MESSAGES, "lie" apart."""
    cdef unsigned int on = gm_faults_on(MESSAGES[message])
    return tuple(name for name, code in {**FAULTS, **LIES}.items() if on >> <int>code & 1 and name != "lie")


cdef int _path(gm_path_t* p, dict given, str where) except -1:
    unknown = sorted(set(given) - {*_TIMES, "distribution"})
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}, its keys are {', '.join(_TIMES)}, distribution")
    p.out_ns = int_argument(given.get("out_ns", 0), f"out_ns of {where}", 0, _HOUR_NS)
    p.in_ns = int_argument(given.get("in_ns", 0), f"in_ns of {where}", 0, _HOUR_NS)
    p.feed_ns = int_argument(given.get("feed_ns", 0), f"feed_ns of {where}", 0, _HOUR_NS)
    p.jitter_ns = int_argument(given.get("jitter_ns", 0), f"jitter_ns of {where}", 0, _HOUR_NS)
    name = given.get("distribution", "fixed")
    if name not in DISTRIBUTIONS:
        raise ValueError(f"distribution of {where} is {name!r}, must be one of {', '.join(DISTRIBUTIONS)}")
    p.distribution = DISTRIBUTIONS[name]
    if name == "fixed" and p.jitter_ns > 0:
        raise ValueError(f"{where} has a jitter_ns, but its distribution is fixed")
    return 0


def arrivals(sent_ns, *, str way="out", int venue=0, int symbol=-1, uint64_t seed=0, path):
    """When messages that go one way, in the order given, arrive: (n,) int64, ns. For tests, and to look at a path.

    Parameters
    ----------
    sent_ns : (n,) int64, not falling
    way : "out", "in" or "feed"; venue, symbol : numbers, symbol of the feed alone
    path : mapping of out_ns, in_ns, feed_ns, jitter_ns, distribution
    """
    cdef gm_path_t p
    cdef gm_way_t w
    cdef int64_t base
    cdef Py_ssize_t i
    cdef const int64_t[::1] sent = np.ascontiguousarray(sent_ns, np.int64)
    out = np.empty(sent.shape[0], np.int64)
    cdef int64_t[::1] due = out
    if way not in WAYS:
        raise ValueError(f"way is {way!r}, must be one of {', '.join(WAYS)}")
    if not 0 <= venue < 64 or symbol < -1:
        raise ValueError(f"venue is {venue} and symbol {symbol}, must be from 0 to 63 and from -1")
    _path(&p, dict(path), "path")
    base = p.out_ns if way == "out" else p.in_ns if way == "in" else p.feed_ns
    w.stream = gm_way_stream(seed, WAYS[way], venue, symbol)
    w.last_ns = INT64_MIN
    for i in range(sent.shape[0]):
        due[i] = gm_way_due(&p, base, &w, sent[i], 0)
    return out


@cython.no_gc_clear     # the inner table and market point to the link until that is gone
cdef class LinkedMarket(Market):
    """A market behind ways that take time and venues that err.

    Parameters
    ----------
    venues : Venues of the engine, complete; it shows what has arrived
    inner : Market, whose own table (`venues.twin()`) is what is there now; no engine may have it
    paths : {venue: {out_ns, in_ns, feed_ns, jitter_ns, distribution}}, nanoseconds; what is left out takes no time
    faults : {venue: faults}, by name of FAULTS the probability by message, delay_ns, disconnect_ns, revise_ns, resend, seed (else that of all),
        and script: a sequence of (message, number, fault), the number-th message of a kind of MESSAGES from 1
    seed : int; equal seeds and equal conduct give equal delays and faults

    Raises
    ------
    ValueError  naming what is wrong; KeyError  no venue has that name
    """

    def __cinit__(self, Venues venues not None, Market inner not None, *, paths=None, faults=None, uint64_t seed=0):
        if inner.venues is venues or inner.venues.names != venues.names or inner.venues.instruments is not venues.instruments:
            raise ValueError("inner must have a table of its own of the same venues and instruments: venues.twin()")
        if inner.market.core != NULL:
            raise ValueError("inner stands behind an engine already")
        self.link = <gm_link_t*>calloc(1, sizeof(gm_link_t))
        if self.link == NULL or gm_link_init(self.link, &venues.table, inner.market, venues.instruments.table.count, seed) != 0:
            raise MemoryError("the link could not be reserved")
        self.market = &self.link.market
        self.venues = venues
        self.inner = inner
        self.truth = inner.venues
        self.source = inner.source
        for venue, path in (paths or {}).items():
            self._lay(venue, dict(path))
        for venue, given in (faults or {}).items():
            self._spoil(venue, dict(given))

    def __dealloc__(self):
        if self.link != NULL:
            gm_link_free(self.link)
            free(self.link)

    cdef int _lay(self, str venue, dict path) except -1:
        _path(&self.link.lanes[self.venues.number(venue)].path, path, f"the path of {venue!r}")
        return 0

    cdef int _spoil(self, str venue, dict faults) except -1:
        cdef int32_t number = self.venues.number(venue)
        cdef gm_faults_t* f = &self.link.lanes[number].faults
        cdef double chance, total = 0.0
        cdef int32_t k
        known = (*FAULTS, "delay_ns", "disconnect_ns", "revise_ns", "resend", "script", "seed")
        unknown = sorted(set(faults) - set(known))
        if unknown:
            raise ValueError(f"faults of {venue!r} have {unknown[0]!r}, their keys are {', '.join(known)}")
        for name, code in FAULTS.items():
            chance = number_argument(faults.get(name, 0.0), f"{name} of {venue!r}")
            if not 0.0 <= chance <= 1.0:
                raise ValueError(f"{name} of {venue!r} is {faults[name]!r}, must be from 0 to 1")
            f.chance[<int>code] = chance
            total += chance
        if total > 1.0 + 1e-12:
            raise ValueError(f"the probabilities of {venue!r} are {total:g} together, must be at most 1: one fault a message")
        f.any = total > 0.0
        f.delay_ns = int_argument(faults.get("delay_ns", 1_000_000), f"delay_ns of {venue!r}", 1, _HOUR_NS)
        f.disconnect_ns = int_argument(faults.get("disconnect_ns", 1_000_000_000), f"disconnect_ns of {venue!r}", 1, _HOUR_NS)
        f.revise_ns = int_argument(faults.get("revise_ns", 1_000_000_000), f"revise_ns of {venue!r}", 1, _HOUR_NS)
        f.resend = bool(faults.get("resend", True))
        if "seed" in faults:
            self.link.lanes[number].draws = gm_way_stream(<uint64_t>int_argument(faults["seed"], f"seed of {venue!r}", 0, INT64_MAX),
                                                          GM_WAY_FAULTS, number, -1)
        script = list(faults.get("script", ()))
        if len(script) > GM_FAULT_SCRIPT:
            raise ValueError(f"the script of {venue!r} has {len(script)} entries, must be at most {GM_FAULT_SCRIPT}")
        for k, (message, nth, fault) in enumerate(script):
            if message not in MESSAGES:
                raise ValueError(f"message of entry {k} of the script of {venue!r} is {message!r}, must be one of {', '.join(MESSAGES)}")
            if fault not in faults_on(message):
                raise ValueError(f"fault of entry {k} of the script of {venue!r} is {fault!r}, must be one of {', '.join(faults_on(message))}")
            f.script[k].message = MESSAGES[message]
            f.script[k].number = int_argument(nth, f"number of entry {k} of the script of {venue!r}", 1, INT64_MAX)
            f.script[k].fault = FAULTS[fault] if fault in FAULTS else LIES[fault]
        f.script_count = len(script)
        return 0

    @property
    def origin(self):
        """The market that makes the prices."""
        return self.inner.origin

    def injected(self):
        """How many faults of each kind there were, by name; lies by what they are about."""
        return {name: self.link.injected[<int>code] for name, code in {**FAULTS, **LIES}.items() if name != "lie"}

    def counters(self):
        """What is under way; messages that broken connections have lost, and reports that they held back; parcels that arrived before
        their time for want of room."""
        return {
            "under_way": self.link.heap_count, "lost": self.link.lost, "held_back": self.link.held_back, "hurried": self.link.hurried,
        }

    def executed(self, int64_t order_id):
        """What an order's venue has filled, by its own count, which the engine may not know (yet): busts taken off, overfills included."""
        if not 0 < order_id < GM_ORDER_IDS:
            raise ValueError(f"order_id is {order_id}, must be that of an order")
        return self.link.executed[order_id]

    def connected(self, str venue):
        """Whether the connection to a venue stands."""
        return self.link.lanes[self.venues.number(venue)].down == 0
