"""Execution quality of what venues were sent, in the manner of SEC Rule 605 as amended in 2024 (17 CFR 242.605(a)(1),
Release 34-99679, 89 FR 26428): one row for each venue, symbol, order type and order size.

What the amendments ask for and a journal has is here: immediate-or-cancel orders, limit orders beyond the midpoint, and
those with a stop price apart; limit orders that do not trade at once only from when they become executable; sizes by
dollars, and as fractions, odd lots and round lots; times to the microsecond; realized spreads at five horizons;
effective over quoted spread; price and size improvement. Where the rule draws its lines is not quoted here: the edges
of the dollar and time ranges are this project's, fine enough to be put together to coarser ones. See `docs/tca.md` for
what is not covered. It is no filing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import record_codes as codes
from .._core.records import NO_PRICE
from .._core.values import Unknown
from .journal_costs import JournalCosts
from .journal_records import JournalRecords
from .session_prices import days_of, hours_on

__all__ = ["DOLLARS", "LOTS", "REALIZED", "TIMES", "TYPES", "Received", "execution_quality", "receive", "sent"]

Rows = np.ndarray[Any, Any]

TYPES = (
    "market", "marketable limit", "marketable IOC", "beyond the midpoint", "executable limit", "executable stop",
)  # fmt: skip
MARKET, LIMIT, IOC, BEYOND, EXECUTABLE, STOP = range(6)
LOTS = ("fraction", "odd lot", "round lot")
#: From so many dollars on, by the mid at receipt.
DOLLARS = (0, 250, 1_000, 5_000, 10_000, 20_000, 50_000, 200_000)
#: {ending of a column: executed before so many ns}; what took longer is in the last.
TIMES = {
    "under_100_us": 10**5, "under_1_ms": 10**6, "under_10_ms": 10**7, "under_100_ms": 10**8, "under_1_s": 10**9,
    "under_10_s": 10**10, "under_30_s": 3 * 10**10, "under_1_min": 6 * 10**10, "under_5_min": 3 * 10**11,
    "longer": np.iinfo(np.int64).max,
}  # fmt: skip
#: {ending of a column: ns after the execution}
REALIZED = {"50_ms": 5 * 10**7, "1_s": 10**9, "15_s": 15 * 10**9, "1_min": 6 * 10**10, "5_min": 3 * 10**11}
#: Round lots of a stock by its price (17 CFR 242.600(b)(93)): from so many dollars on, so many shares.
ROUND_LOTS = ((0.0, 100), (250.005, 40), (1_000.005, 10), (10_000.005, 1))

_STOPS = (3, 4, 5, 6)  # gm_order_type: STOP to TRAILING_STOP_LIMIT


class Received(NamedTuple):
    """What of it is covered, (n,) each. `kind`: place in TYPES, -1 where not covered; `at_ns`: received, or executable
    if that is later; `bid_e9`, `ask_e9`: the consolidated quote then; `directed`: the caller chose the venue;
    `displayed`: shares that the venue displayed when it was sent more, else those of the order."""

    kind: Rows
    at_ns: Rows
    bid_e9: Rows
    ask_e9: Rows
    directed: Rows
    displayed: Rows


def shown_value(code: Rows) -> Rows:
    """What a code of gm_shown_code (records.h) stands for: a size, rounded up by less than an eighth; 0 of 0."""
    codes = np.asarray(code, np.int64)
    scaled = (8 + (codes - 1) % 8) << ((np.maximum(codes, 1) - 1) // 8)
    value: Rows = np.where(codes == 0, 0, (scaled + 7) // 8)
    return value


def _decisions(analysed: JournalCosts, records: JournalRecords) -> tuple[Rows, Rows]:
    """(rows, there): the DECISION of each child, and whether it has one."""
    wanted, decisions = analysed.children["order_id"], records.decisions["row"]
    order = np.argsort(decisions["order_id"], kind="stable")
    if len(order) == 0:
        return np.zeros(len(wanted), decisions.dtype), np.zeros(len(wanted), bool)
    ids = decisions["order_id"][order]
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return decisions[order[place]], ids[place] == wanted


class Sent(NamedTuple):
    """What venues were sent, (n,) each, by what it said and the quote that it met. `kind`: 0 market, 1 marketable
    limit, 2 other limit, 3 anything else (stops, auctions' orders, all-or-none and fill-or-kill ones, a limit that met
    no quote); `at_ns`: when it was received, of a stop when it was triggered."""

    kind: Rows
    at_ns: Rows
    bid_e9: Rows
    ask_e9: Rows
    quoted: Rows
    directed: Rows
    displayed: Rows


def sent(analysed: JournalCosts, records: JournalRecords) -> Sent:
    """What venues were sent. A marketable limit buy is at or above the best offer (17 CFR 242.600(b))."""
    c, o = analysed.children, analysed.orders
    row, there = _decisions(analysed, records)
    stop = np.isin(c["order_type"], _STOPS)
    released = np.where(stop, o["route_ns"][c["order"]], c["sent_ns"])
    bid, ask = np.where(there, row["bid_e9"], NO_PRICE), np.where(there, row["ask_e9"], NO_PRICE)
    if stop.any():
        bid[stop], ask[stop] = analysed.market.quotes_at(c["symbol"][stop], released[stop])
    quoted = (bid > 0) & (ask > bid) & (released > 0)
    limited = (c["order_type"] == codes.LIMIT) & quoted & (c["limit_price_e9"] != NO_PRICE)
    far = np.where(c["side"] > 0, ask, bid)
    through = c["side"] * (np.where(limited, c["limit_price_e9"], 0) - np.where(limited, far, 0)) >= 0
    kind = np.full(len(bid), 3)
    kind[limited] = 2
    kind[limited & through] = 1
    kind[c["order_type"] == codes.MARKET] = 0
    kind[np.isin(c["time_in_force"], (codes.FOK, codes.OPG, codes.CLS)) | ((c["flags"] & codes.ALL_OR_NONE) != 0)] = 3
    shown = shown_value(np.where(there, row["shown"], 0))
    displayed = np.where(shown > 0, np.minimum(shown, c["quantity"]), c["quantity"])
    return Sent(kind, released, bid, ask, quoted, there & (row["candidates"] == 0), displayed)


def receive(analysed: JournalCosts, records: JournalRecords) -> Received:
    """What of it is covered, and as what. A limit beyond the midpoint is between that and the far side of the quote;
    others are executable once the best price of their own side is at their limit or worse. Not covered: what met no
    quote, a locked or a crossed one, what came outside its symbol's session, and what `sent` calls anything else, but
    for stops."""
    c = analysed.children
    told = sent(analysed, records)
    side = c["side"].astype(np.int64)
    bid, ask, at = told.bid_e9.copy(), told.ask_e9.copy(), told.at_ns.copy()
    passive = told.kind == 2
    limit = np.where(passive, c["limit_price_e9"], 0)
    low, high = np.where(passive, bid, 0), np.where(passive, ask, 0)
    kind = np.select([told.kind == 0, told.kind == 1, passive & (2 * side * limit > side * (low + high)), passive],
                     [MARKET, LIMIT, BEYOND, EXECUTABLE], -1)  # fmt: skip
    kind[np.isin(kind, (MARKET, LIMIT)) & (c["time_in_force"] == codes.IOC)] = IOC
    kind[(told.kind == 3) & np.isin(c["order_type"], _STOPS) & ((c["flags"] & codes.ALL_OR_NONE) == 0)] = STOP
    kind[~told.quoted | (c["venue"] < 0)] = -1
    later = np.flatnonzero((kind == EXECUTABLE) & (side * (limit - np.where(side > 0, low, high)) < 0))
    for k in later.tolist():
        at[k] = _executable(analysed, k)
    if len(later):
        bid[later], ask[later] = analysed.market.quotes_at(c["symbol"][later], at[later])
        kind[later[(at[later] == 0) | ~((bid[later] > 0) & (ask[later] > bid[later]))]] = -1
    kind[(kind >= 0) & ~_in_session(analysed, at)] = -1
    return Received(kind, at, bid, ask, told.directed, told.displayed)


def _executable(analysed: JournalCosts, child: int) -> int:
    """When the quote of its own side first was at the limit or worse while the order was there, ns; 0: never. Without a
    capture nobody knows."""
    c, market = analysed.children, analysed.market
    if not market.has_prints:
        return 0
    begin, end = int(c["sent_ns"][child]), int(c["ended_ns"][child]) or market.last_ns
    side, limit = int(c["side"][child]), int(c["limit_price_e9"][child])
    return market.first_at(int(c["symbol"][child]), begin, end, side, limit)


def _in_session(analysed: JournalCosts, at: Rows) -> Rows:
    """Which instants are within their symbol's session."""
    c, known, names = analysed.children, analysed.references, analysed.names
    inside = np.zeros(len(at), bool)
    for symbol in np.unique(c["symbol"]).tolist():
        mine = np.flatnonzero((c["symbol"] == symbol) & (at > 0))
        exchange = known.calendars.get(names.symbol_text(symbol), "XNYS")
        days = days_of(at[mine], exchange)
        hours = {day: hours_on(exchange, day) for day in dict.fromkeys(days)}
        spans = [(0, 0) if (found := hours[day]) is None else (found.open_ns, found.close_ns) for day in days]
        begin, end = np.array(spans or [(0, 0)], np.int64).T
        if len(mine):
            inside[mine] = (begin <= at[mine]) & (at[mine] < end)
    return inside


def _sizes(analysed: JournalCosts, got: Received) -> tuple[Rows, Rows]:
    """(place in LOTS, place in DOLLARS) of each order, by the mid at receipt."""
    c, names = analysed.children, analysed.names
    steps = {number: analysed.references.steps_e9.get(names.symbol_text(number), 10**9)
             for number in np.unique(c["symbol"]).tolist()}  # fmt: skip
    shares = c["quantity"] * np.array([steps[number] / 1e9 for number in c["symbol"].tolist()] or np.zeros(0))
    mid = np.where(got.kind >= 0, (got.bid_e9.astype(np.float64) + got.ask_e9) / 2e9, 0.0)
    tier = np.searchsorted([price for price, _ in ROUND_LOTS], mid, "right") - 1
    lot = np.array([size for _, size in ROUND_LOTS])[np.maximum(tier, 0)]
    lots = np.select([shares < 1, shares < lot], [0, 1], 2)
    return lots, np.maximum(np.searchsorted(DOLLARS, shares * mid, "right") - 1, 0)


def dollars_text(place: int) -> str:
    """A range of DOLLARS: from, up to and without."""
    low = DOLLARS[place]
    return f"{low}+" if place == len(DOLLARS) - 1 else f"{low}-{DOLLARS[place + 1]}"


def execution_quality(analysed: JournalCosts, records: JournalRecords) -> list[dict[str, Any]]:
    """The rows, by venue, symbol, type and size. Spreads and amounts in the currency per share, times in seconds, all
    share-weighted; Unknown where nothing says. The quote that executions are held against is that of receipt, or of
    when the order became executable. `displayed`, `size_improved`: of marketable orders, shares that the venue
    displayed of those that it was sent, and shares executed at the quote or better beyond that.
    """
    c, f, names = analysed.children, analysed.fills, analysed.names
    got = receive(analysed, records)
    lots, dollars = _sizes(analysed, got)
    covered = np.flatnonzero(got.kind >= 0)
    keys = np.stack([c["venue"], c["symbol"], got.kind, lots, dollars], 1)[covered]
    groups, where = np.unique(keys, axis=0, return_inverse=True)
    of_child = np.full(len(got.kind), -1)
    of_child[covered] = where.reshape(-1)
    measured = _Fills(analysed, got)
    by_group, by_fill = _parts(of_child, len(groups)), _parts(of_child[f["child"]], len(groups))
    rows = []
    for k, (venue, symbol, kind, lot, dollar) in enumerate(groups.tolist()):
        at, mine = by_group[k], by_fill[k]
        row: dict[str, Any] = {
            "venue": names.venue_text(venue), "symbol": names.symbol_text(symbol), "order_type": TYPES[kind],
            "lot": LOTS[lot], "dollars": dollars_text(dollar), "orders": len(at),
            "shares": int(c["quantity"][at].sum()),
            "cancelled": int((c["quantity"] - c["filled_quantity"])[at][np.isin(c["status"][at], (7, 9))].sum()),
            "executed": int(f["quantity"][mine].sum()),
        }  # fmt: skip
        row |= measured.times(mine) | measured.spreads(mine)
        if kind in (MARKET, LIMIT, IOC, STOP):
            row |= measured.improvement(mine) | _size(c, f, got, at, mine, measured.improved)
        rows.append(row)
    return rows


def _parts(group: Rows, count: int) -> list[Rows]:
    """Places by group; -1 is none."""
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(count + 1))
    return [order[bounds[k] : bounds[k + 1]] for k in range(count)]


def _size(c: Any, f: Any, got: Received, at: Rows, mine: Rows, improved: Rows) -> dict[str, Any]:
    """What was displayed of what was sent, and what was executed at the quote or better beyond that."""
    good = mine[improved[mine] >= 0]
    done = np.zeros(len(got.kind), np.int64)
    np.add.at(done, f["child"][good], f["quantity"][good])
    more = np.maximum(0, done[at] - got.displayed[at])
    return {"displayed": int(got.displayed[at].sum()), "size_improved": int(more.sum())}


class _Fills:
    """The figures of executions against the quotes that their orders met."""

    def __init__(self, analysed: JournalCosts, got: Received) -> None:
        f = analysed.fills
        child, side = f["child"], f["side"]
        bid, ask = got.bid_e9[child].astype(np.float64), got.ask_e9[child].astype(np.float64)
        price = f["price_e9"].astype(np.float64)
        self.shares = f["quantity"]
        self.took = np.maximum(0, f["time_ns"] - got.at_ns[child])
        self.effective = 2 * side * (price - (bid + ask) / 2) / 1e9
        self.quoted = (ask - bid) / 1e9
        self.improved = side * (np.where(side > 0, ask, bid) - price) / 1e9
        self.realized = {}
        for name, horizon in REALIZED.items():
            mid = analysed.market.mids_at(f["symbol"], f["time_ns"] + horizon, max(horizon // 10, 10**7))
            later = np.where(mid == NO_PRICE, np.nan, mid.astype(np.float64))
            self.realized[name] = 2 * side * (price - later) / 1e9

    def times(self, mine: Rows) -> dict[str, Any]:
        """Shares by time to execution, and its average, median and 99th percentile, by shares."""
        took, shares = self.took[mine], self.shares[mine]
        place = np.searchsorted(list(TIMES.values())[:-1], took, "right")
        counts = np.zeros(len(TIMES), np.int64)
        np.add.at(counts, place, shares)
        out: dict[str, Any] = {f"executed_{n}": v for n, v in zip(TIMES, counts.tolist(), strict=True)}
        out["average_seconds"] = _mean(took / 1e9, shares)
        for name, share in (("median_seconds", 0.5), ("p99_seconds", 0.99)):
            out[name] = _quantile(took / 1e9, shares, share)
        return out

    def spreads(self, mine: Rows) -> dict[str, Any]:
        """Realized spreads, effective and quoted ones, and the one over the other."""
        shares = self.shares[mine]
        out = {f"realized_spread_{name}": _mean(values[mine], shares) for name, values in self.realized.items()}
        out["effective_spread"] = _mean(self.effective[mine], shares)
        out["quoted_spread"] = _mean(self.quoted[mine], shares)
        quoted, effective = out["quoted_spread"], out["effective_spread"]
        out["effective_over_quoted"] = effective / quoted if quoted > 0 else Unknown("nothing was executed")
        return out

    def improvement(self, mine: Rows) -> dict[str, Any]:
        """Shares better than, at and outside the quote, with times and amounts."""
        out: dict[str, Any] = {}
        better = self.improved[mine]
        for name, which, sign in (("improved", better > 0, 1), ("at_quote", better == 0, 0),
                                  ("outside_quote", better < 0, -1)):  # fmt: skip
            part = mine[which]
            out[name] = int(self.shares[part].sum())
            out[f"{name}_seconds"] = _mean(self.took[part] / 1e9, self.shares[part])
            if sign:
                out[f"{name}_amount"] = _mean(sign * self.improved[part], self.shares[part])
        return out


def _mean(values: Rows, weights: Rows) -> float:
    known = np.isfinite(values)
    if not known.any():
        return Unknown("no share of that kind, or no quote to compare with")
    return float(np.average(values[known], weights=weights[known]))


def _quantile(values: Rows, weights: Rows, share: float) -> float:
    """The least value that at least `share` of the weight does not exceed."""
    if not len(values):
        return Unknown("nothing was executed")
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1], "left")])
