"""What every order of a journal cost, as columns, in one pass: a file's journal, or a running engine's.

The parts are Perold's (execution_cost.py has the formulas and their source) by the kernels of `costs`, in integers of
1e-9. Of the trading cost, `spread` is side * sum q (p - m) with m the mid at the fill, and `move` the rest, side * sum
q (m - P0): where the market went meanwhile, own impact included (W. Wagner and M. Edwards, "Best execution", Financial
Analysts Journal 49(1), 1993, without their market adjustment, which needs an index).

Because every part is a sum over fills but for what was not filled,

    order = children = fills = venues + opportunity

holds in integers. An order that has not ended, was rejected, or of which a venue filled more than was ordered, has no
cost: `reason` says which, and `quality` counts it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import record_codes as codes
from .._core import costs
from .._core.records import NO_PRICE, is_booked
from .._core.values import OrderStatus, Reason, Unknown, UnknownOrder
from ..journal_file import JournalFile, open_journal
from ..records_split import RecordStream
from ..records_view import Names
from .execution_cost import PARTS
from .journal_records import JournalRecords, mid_e9, read_records, standing_fills
from .market_view import MarketView, view_of_capture, view_of_journal
from .order_benchmarks import HORIZONS_NS, add_benchmarks
from .references import References

__all__ = ["HORIZONS_NS", "PARTS", "JournalCosts", "Quality", "analyse_journal", "analyse_records"]

Rows = np.ndarray[Any, Any]
Columns = dict[str, Rows]

HORIZON_NAMES = ("1s", "10s", "1m", "5m")
_CLOSED = (4, 7, 8, 9)  # FILLED, CANCELED, REJECTED, EXPIRED
_FILLED, _REJECTED, _UNKNOWN_STATUS = 4, 8, 11

# Bits of an order's `flags`: what is odd about it. What is in NOT_MEASURED has no cost at all.
FLAGS = {
    "open": "it has not ended",
    "rejected": "its venue rejected it",
    "overfilled": "venues filled more than was ordered",
    "no_decision": "no quote at the decision",
    "no_arrival": "no quote when it was sent to a venue",
    "no_end": "no quote at its end, for what was not filled",
    "crossed_decision": "the quote at the decision was locked or crossed",
    "crossed_fill": "a fill at a locked or crossed quote",
    "no_quote_at_fill": "a fill without a quote",
    "late_fill": "a fill after its end",
    "early_fill": "a fill before the decision",
    "revised": "an execution was taken back or corrected",
    "unsent": "nothing was sent to a venue",
    "too_large": "its cost can be more than is counted in (9.2e9 of the currency)",
}
FLAG_BIT = {name: 1 << bit for bit, name in enumerate(FLAGS)}
NOT_MEASURED = FLAG_BIT["open"] | FLAG_BIT["rejected"] | FLAG_BIT["overfilled"] | FLAG_BIT["too_large"]
#: Such an order is not averaged in either: its benchmark is no price.
NOT_AVERAGED = NOT_MEASURED | FLAG_BIT["no_decision"] | FLAG_BIT["crossed_decision"]


@dataclass(frozen=True, slots=True)
class Quality:
    """Something about the data: what, how many, of how many, and some ids of orders (up to five)."""

    code: str
    text: str
    count: int
    out_of: int
    order_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class JournalCosts:
    """All orders of a journal that are no children, analysed.

    Attributes
    ----------
    orders : columns of the n orders, oldest first. Numbers of names (`symbol`, `algorithm`, `strategy`), exact prices
        and money (`*_e9`; NO_PRICE where unknown), shares of the paper value (`*_bps`, NaN where unknown), stamps
        (`*_ns`; 0 where there is none). Quantities are in the instrument's steps, money is price times steps
    fills : columns of the executions that stand; `order` is the place in `orders`, `child` the place in `children`
    children : columns of what was sent to venues: children of parents, and orders that are their own
    market : where quotes and prints were read; references : what was known beside them
    head, records : how far the log was read
    """

    names: Names
    orders: Columns
    fills: Columns
    children: Columns
    refusals: Columns
    market: MarketView
    head: int
    records: int
    revised: tuple[int, int]
    reason_codes: Columns
    delay_basis: str
    references: References

    def __len__(self) -> int:
        return len(self.orders["order_id"])

    @cached_property
    def places(self) -> dict[int, int]:
        """{order id: place in `orders`}; ids of children lead to their parents."""
        found = dict(zip(self.children["order_id"].tolist(), self.children["order"].tolist(), strict=True))
        found.update(zip(self.orders["order_id"].tolist(), range(len(self)), strict=True))
        return found

    def place(self, order_id: int) -> int:
        """The place of an order, or of a child's parent. UnknownOrder when the journal has none."""
        try:
            return self.places[order_id]
        except KeyError:
            raise UnknownOrder(f"no order of this journal has the id {order_id}") from None

    @cached_property
    def reasons_by_name(self) -> dict[str, tuple[tuple[str, ...], Rows]]:
        """What `reasons.py` has said already, by column."""
        return {}

    @cached_property
    def measured(self) -> Rows:
        """(n,) bool: orders whose total cost is known and may be averaged."""
        fine: Rows = ((self.orders["flags"] & NOT_AVERAGED) == 0) & np.isfinite(self.orders["total_bps"])
        return fine

    @cached_property
    def fills_of(self) -> tuple[Rows, Rows]:
        """(places, bounds): the fills of order i are places[bounds[i] : bounds[i + 1]], oldest first."""
        order = np.argsort(self.fills["order"], kind="stable")
        return order, np.searchsorted(self.fills["order"][order], np.arange(len(self) + 1))

    def fills_at(self, place: int) -> Rows:
        """Places in `fills` of one order's."""
        places, bounds = self.fills_of
        mine: Rows = places[bounds[place] : bounds[place + 1]]
        return mine

    def reason(self, place: int, part: str) -> str:
        """Why a part of an order's cost is not known; empty when it is."""
        flags = int(self.orders["flags"][place])
        for name in ("open", "rejected", "overfilled", "too_large"):
            if flags & FLAG_BIT[name]:
                return FLAGS[name]
        code = int(self.reason_codes[part][place])
        if self.orders["decision_e9"][place] == NO_PRICE:
            code |= costs.REASON_NO_DECISION_PRICE
        return costs.reason_text(code)

    def bps(self, place: int, part: str) -> float:
        """A part in bps of the paper value; Unknown with its reason."""
        value = float(self.orders[f"{part}_bps"][place])
        return value if value == value else Unknown(self.reason(place, part) or "no decision price")

    def money_e9(self, place: int, part: str) -> int | None:
        """A part in 1e-9 of the currency, exactly; None where unknown."""
        value = int(self.orders[f"{part}_e9"][place])
        return None if value == NO_PRICE else value

    def flag_texts(self, place: int) -> tuple[str, ...]:
        """What is odd about an order."""
        flags = int(self.orders["flags"][place])
        return tuple(text for name, text in FLAGS.items() if flags & FLAG_BIT[name])

    @cached_property
    def quality(self) -> tuple[Quality, ...]:
        """What was found odd, counted; nothing of it is averaged in."""
        flags, ids, n = self.orders["flags"], self.orders["order_id"], len(self)
        found = []
        for name, text in FLAGS.items():
            at = np.flatnonzero(flags & FLAG_BIT[name])
            if len(at):
                found.append(Quality(name, text, len(at), n, tuple(ids[at[:5]].tolist())))
        busted, corrected = self.revised
        if busted:
            found.append(Quality("busts", "executions taken back", busted, len(self.fills["order"]) + busted))
        if corrected:
            found.append(Quality("corrections", "of these, booked again with other figures", corrected, busted))
        for place, name in enumerate(HORIZON_NAMES):
            missing = int(np.isnan(self.fills["markout_bps"][:, place]).sum())
            if missing:
                why = f"fills without a quote {name} later ({self.markout_reason})"
                found.append(Quality(f"no_markout_{name}", why, missing, len(self.fills["order"])))
        return tuple(found)

    @property
    def markout_reason(self) -> str:
        """Why a markout is not known, where it is not."""
        if self.market.source == "capture":
            return "after the end of the capture, or the quote was locked or crossed"
        return "no quote near enough in the journal: give the capture"


def analyse_journal(
    journal: RecordStream | str | os.PathLike[str],
    capture: str | os.PathLike[str] | None = None,
    *,
    delay_basis: str = "fill",
    names: Names | None = None,
    references: References | None = None,
) -> JournalCosts:
    """Analyses every order of a journal.

    Parameters
    ----------
    journal : a journal's directory, an opened one, or a running engine's (`engine.core.journal`)
    capture : what its market said (`journal.capture` of the configuration): quotes at any instant, and prints. None:
        what the journal's own records carry
    delay_basis : "fill" or "order": whether the delay of what was not filled counts as delay or as opportunity
    references : index, betas, closes of the day before; None: of the configuration that the capture holds

    Raises
    ------
    JournalError, MarketDataError  a file is none, or is damaged
    ValueError                     delay_basis is neither
    """
    stream = open_journal(journal) if isinstance(journal, str | os.PathLike) else journal
    records = read_records(stream, names=names)
    known = references if references is not None else references_of_capture(capture)
    market = None
    if capture is not None:
        symbols = records.orders["row"]["symbol"]
        market = view_of_capture(capture, records.names, symbols, _uuid(stream), known.index)
    return analyse_records(records, market, delay_basis=delay_basis, references=known)


def references_of_capture(capture: str | os.PathLike[str] | None) -> References:
    """What the configuration that an engine left in its capture says of index, betas, previous closes and sessions;
    nothing where there is none, or it is no configuration of today's any more."""
    import json

    from .._core.capture import CaptureFile
    from ..config import ConfigError, load_config

    texts = [] if capture is None else [run.config for run in CaptureFile(capture).runs if run.config is not None]
    if not texts:
        return References()
    try:
        return References.of_config(load_config(json.loads(texts[-1])))
    except ConfigError:
        return References()


def _uuid(journal: RecordStream) -> bytes | None:
    """What a journal and its capture have in common; None for a stream that does not say."""
    if isinstance(journal, JournalFile):
        from .._core.store import Survey

        return bytes(Survey(journal.path).mark.uuid)
    found = getattr(journal, "uuid", None)
    return None if found is None else bytes(found)


def analyse_records(
    records: JournalRecords,
    market: MarketView | str | os.PathLike[str] | None = None,
    *,
    delay_basis: str = "fill",
    references: References | None = None,
) -> JournalCosts:
    """As `analyse_journal`, of records that were read; `references` None: nothing is known beside them."""
    if delay_basis not in ("fill", "order"):
        raise ValueError(f"delay_basis is {delay_basis!r}, must be 'fill' or 'order'")
    references = References() if references is None else references
    if market is None:
        market = view_of_journal(records)
    elif not isinstance(market, MarketView):
        market = view_of_capture(market, records.names, records.orders["row"]["symbol"], index=references.index)
    book = _Book(records, market)
    book.lay_out()
    book.follow()
    book.fill()
    book.price(delay_basis)
    book.benchmark(references)
    return JournalCosts(
        names=records.names, orders=book.orders, fills=book.fills, children=book.children,
        refusals=_refusals(records), market=market, head=records.head, records=records.records,
        revised=book.revised, reason_codes=book.reasons, delay_basis=delay_basis,
        references=references,
    )  # fmt: skip


def _refusals(records: JournalRecords) -> Columns:
    rows = records.refusals["row"]
    return {
        name: np.ascontiguousarray(rows[name])
        for name in ("order_id", "parent_id", "symbol", "quantity", "side", "reason", "failed_checks", "venue")
    } | {"time_ns": np.ascontiguousarray(records.refusals["header"]["time_ns"])}


def _sum(places: Rows, values: Rows, n: int) -> Rows:
    """(n,) int64 sums of int64 values by place, exact."""
    out = np.zeros(n, np.int64)
    np.add.at(out, places, values)
    return out


def _spread(values: Rows, at: Rows, n: int, missing: float) -> Rows:
    out = np.full(n, missing, values.dtype)
    out[at] = values
    return out


class _Book:
    """The pass: laid out by `lay_out`, followed through its life by `follow`, then filled, priced and compared."""

    def __init__(self, records: JournalRecords, market: MarketView) -> None:
        self.records, self.market = records, market
        self.rows = records.orders["row"]
        self.orders: Columns = {}
        self.children: Columns = {}
        self.fills: Columns = {}
        self.reasons: Columns = {}
        self.revised = (0, 0)

    # ---- who belongs to whom

    def lay_out(self) -> None:
        rows = self.rows
        self.by_id = np.argsort(rows["order_id"], kind="stable")
        self.ids = rows["order_id"][self.by_id]
        above = self.find(rows["parent_id"])
        above[rows["parent_id"] == 0] = -1
        root = np.arange(len(rows))
        for _ in range(4):  # an order that the engine works can itself be an algorithm's child
            root = np.where(above[root] >= 0, above[root], root)
        tops = np.flatnonzero(above < 0)
        top_of = np.full(len(rows), -1)
        top_of[tops] = np.arange(len(tops))
        self.n, self.tops, self.root = len(tops), tops, top_of[root]
        top = rows[tops]
        self.is_parent = (top["flags"] & codes.PARENT) != 0
        names = ("order_id", "parent_id", "symbol", "side", "order_type", "time_in_force", "account", "strategy")
        self.orders = {name: np.ascontiguousarray(top[name]) for name in (*names, "algorithm", "tag", "limit_price_e9")}
        self.orders["side"] = self.orders["side"].astype(np.int64)
        self.orders["is_parent"] = self.is_parent
        self.orders["decision_ns"] = np.ascontiguousarray(top["created_ns"])
        self.orders["decision_e9"] = np.ascontiguousarray(top["arrival_mid_e9"])
        self.orders["flags"] = np.zeros(self.n, np.int64)
        sent = np.flatnonzero((rows["flags"] & codes.PARENT) == 0)
        self.sent = sent
        self.children = {
            name: np.ascontiguousarray(rows[name][sent])
            for name in ("order_id", "parent_id", "symbol", "venue", "quantity", "order_type", "limit_price_e9", "side",
                         "time_in_force", "flags")
        } | {"order": self.root[sent], "sent_ns": np.ascontiguousarray(rows["created_ns"][sent])}
        self.flag_decisions()
        decisions = self.records.decisions["row"]
        at = self.find(decisions["order_id"])
        expected = np.full(len(rows), NO_PRICE)
        expected[at[at >= 0]] = decisions["expected_price_e9"][at >= 0]
        self.children["expected_e9"] = expected[sent]

    def find(self, order_ids: Rows) -> Rows:
        """(m,) places among all orders; -1 for an id that there is not."""
        place = np.searchsorted(self.ids, order_ids)
        inside = place < len(self.ids)
        place[~inside] = 0
        if len(self.ids) == 0:
            return np.full(len(order_ids), -1)
        found = self.by_id[place]
        return np.where(inside & (self.ids[place] == order_ids), found, -1)

    def flag(self, name: str, mask: Rows) -> None:
        self.orders["flags"][mask] |= FLAG_BIT[name]

    def flag_decisions(self) -> None:
        decisions = self.records.decisions["row"]
        at = self.find(decisions["order_id"])
        crossed = (at >= 0) & (decisions["bid_e9"] > 0) & (decisions["ask_e9"] > 0)
        crossed &= decisions["bid_e9"] >= decisions["ask_e9"]
        own = at[crossed]
        own = own[self.tops[self.root[own]] == own]
        self.flag("crossed_decision", np.isin(np.arange(self.n), self.root[own]))

    # ---- what became of them

    def follow(self) -> None:
        rows, records = self.rows, self.records
        n_all = len(rows)
        report, request = records.reports["row"], records.requests["row"]
        sequence = [np.asarray(t["header"]["commit"]).astype(np.int64) for t in (records.reports, records.requests)]
        self.report_at = self.find(report["order_id"])
        self.booked = is_booked(report) & (self.report_at >= 0)
        request_at = self.find(request["order_id"])

        # quantities: the last word on them
        replaced = np.flatnonzero(self.booked & (report["exec_type"] == codes.EXEC_REPLACED)
                                  & ~np.isin(report["status"], (7, 8, 9)))  # fmt: skip
        amended = np.flatnonzero((request_at >= 0) & (request["quantity"] > 0)
                                 & np.isin(request["kind"], (codes.REQUEST_AMEND, codes.REQUEST_ACTIVATE)))  # fmt: skip
        words = np.concatenate([sequence[0][replaced], sequence[1][amended]])
        place = np.concatenate([self.report_at[replaced], request_at[amended]])
        asked = np.concatenate([np.maximum(report["quantity"], report["filled_quantity"])[replaced],
                                request["quantity"][amended]])  # fmt: skip
        quantity = rows["quantity"].copy()
        order = np.argsort(words, kind="stable")
        quantity[place[order]] = asked[order]

        # status: what the last report or request made of it, and when it became that first
        of_report = np.flatnonzero(self.booked)
        granted = request["kind"] != codes.REQUEST_REFUSED
        of_request = np.flatnonzero((request_at >= 0) & (request["status"] > 0) & granted)
        words = np.concatenate([sequence[0][of_report], sequence[1][of_request]])
        place = np.concatenate([self.report_at[of_report], request_at[of_request]])
        became = np.concatenate([report["status"][of_report], request["status"][of_request]])
        when = np.concatenate([records.reports["header"]["time_ns"][of_report],
                               records.requests["header"]["time_ns"][of_request]])  # fmt: skip
        why = np.concatenate([report["reason"][of_report], request["reason"][of_request]])
        order = np.argsort(words, kind="stable")
        status, reason = rows["status"].copy(), np.zeros(n_all, np.int64)
        status[place[order]], reason[place[order]] = became[order], why[order]
        ended_ns = np.zeros(n_all, np.int64)
        back = order[::-1][np.isin(became[order[::-1]], _CLOSED)]  # the first closing word is written last
        ended_ns[place[back]] = when[back]

        # the venue's first answer
        answered = np.flatnonzero(self.booked & (report["exec_type"] != codes.EXEC_STATUS)
                                  & (report["status"] != _UNKNOWN_STATUS))[::-1]  # fmt: skip
        acknowledged = np.zeros(n_all, np.int64)
        acknowledged[self.report_at[answered]] = report["venue_time_ns"][answered]
        # what was held is routed when it is released: its row names no venue, the venue's answers do
        venue = rows["venue"].copy()
        of_venue = answered[(report["venue"][answered] >= 0) & (rows["venue"][self.report_at[answered]] < 0)]
        venue[self.report_at[of_venue]] = report["venue"][of_venue]
        self.children["venue"] = venue[self.sent]

        tops, sent = self.tops, self.sent
        self.orders |= {"quantity": quantity[tops], "status": status[tops], "reason": reason[tops]}
        self.orders["end_ns"] = ended_ns[tops]
        self.children |= {"status": status[sent], "reason": reason[sent], "acknowledged_ns": acknowledged[sent],
                          "quantity": quantity[sent], "ended_ns": ended_ns[sent]}  # fmt: skip
        self.arrive(request_at)

    def arrive(self, request_at: Rows) -> None:
        """When each first went to a venue, and the mid then: of its first child; of a held order, at its trigger."""
        rows, n = self.rows, self.n
        child = np.flatnonzero(self.root[self.sent] >= 0)[::-1]
        first = np.full(n, -1)
        first[self.root[self.sent[child]]] = self.sent[child]
        some = first >= 0
        route = np.where(some, rows["created_ns"][first], 0)
        price = np.where(some, rows["arrival_mid_e9"][first], NO_PRICE)
        held = some & ((rows["flags"][first] & codes.HELD) != 0)
        if held.any():
            request = self.records.requests["row"]
            trigger = np.flatnonzero((request["kind"] == codes.REQUEST_TRIGGER) & (request_at >= 0))[::-1]
            released = np.zeros(len(rows), np.int64)
            released[request_at[trigger]] = self.records.requests["header"]["time_ns"][trigger]
            route[held] = released[first[held]]
            price[held] = np.where(
                route[held] > 0, self.market.mids_at(self.orders["symbol"][held], route[held]), NO_PRICE
            )
        self.orders["route_ns"], self.orders["arrival_e9"] = route, price
        self.orders["children"] = np.bincount(self.children["order"], minlength=n)
        acknowledged = np.full(n, np.iinfo(np.int64).max)
        some_ns = self.children["acknowledged_ns"] > 0
        np.minimum.at(acknowledged, self.children["order"][some_ns], self.children["acknowledged_ns"][some_ns])
        self.orders["acknowledged_ns"] = np.where(acknowledged == np.iinfo(np.int64).max, 0, acknowledged)
        self.flag("unsent", route == 0)

    def fill(self) -> None:
        report, n = self.records.reports["row"], self.n
        places, origins, busted, corrected = standing_fills(report)
        known = self.report_at[places] >= 0
        places, origins = places[known], origins[known]
        self.revised = (busted, corrected)
        row, origin = report[places], report[origins]
        at = self.report_at[places]
        order = self.root[at]
        child_of = np.full(len(self.rows), -1)
        child_of[self.sent] = np.arange(len(self.sent))
        names = ("order_id", "execution_id", "price_e9", "quantity", "fee_e9", "venue", "symbol", "liquidity")
        fills = {name: np.ascontiguousarray(row[name]) for name in names}
        fills |= {"order": order, "child": child_of[at], "time_ns": np.ascontiguousarray(origin["venue_time_ns"])}
        fills |= {"bid_e9": np.ascontiguousarray(origin["bid_e9"]), "ask_e9": np.ascontiguousarray(origin["ask_e9"])}
        fills["side"] = self.orders["side"][order]
        # a mid that nobody could trade at is none
        both = (fills["bid_e9"] > 0) & (fills["ask_e9"] > 0)
        crossed = both & (fills["bid_e9"] >= fills["ask_e9"])
        fills["mid_e9"] = np.where(crossed, NO_PRICE, mid_e9(fills["bid_e9"], fills["ask_e9"]))
        self.fills = fills
        o = self.orders
        o["fills"] = np.bincount(order, minlength=n)
        o["filled_quantity"] = _sum(order, fills["quantity"], n)
        o["fees_e9"] = _sum(order, fills["fee_e9"], n)
        o["first_fill_ns"], o["last_fill_ns"] = np.zeros(n, np.int64), np.zeros(n, np.int64)
        by_time = np.argsort(fills["time_ns"], kind="stable")
        o["last_fill_ns"][order[by_time]] = fills["time_ns"][by_time]
        o["first_fill_ns"][order[by_time[::-1]]] = fills["time_ns"][by_time[::-1]]
        self.children["filled_quantity"] = _sum(fills["child"], fills["quantity"], len(self.sent))

        # a parent that is filled says so by its fills alone
        whole = self.is_parent & (o["filled_quantity"] >= o["quantity"]) & ~np.isin(o["status"], _CLOSED)
        o["status"][whole], o["end_ns"][whole] = _FILLED, o["last_fill_ns"][whole]
        closed = np.isin(o["status"], _CLOSED)
        self.flag("open", ~closed)
        self.flag("rejected", (o["status"] == _REJECTED) & (o["fills"] == 0))
        self.flag("overfilled", o["filled_quantity"] > o["quantity"])
        self.flag("early_fill", (o["fills"] > 0) & (o["first_fill_ns"] < o["decision_ns"]))

        def any_of(mask: Rows) -> Rows:
            found: Rows = np.bincount(order[mask], minlength=n) > 0
            return found

        self.flag("late_fill", any_of(row["reason"] == int(Reason.LATE_FILL)))
        self.flag("crossed_fill", any_of(crossed))
        self.flag("no_quote_at_fill", any_of(~both))
        revised = self.booked & np.isin(report["exec_type"], (codes.EXEC_TRADE_CANCEL, codes.EXEC_TRADE_CORRECT))
        self.flag("revised", np.isin(np.arange(n), self.root[self.report_at[revised]]))

    # ---- what it cost

    def price(self, delay_basis: str) -> None:
        o, f, n = self.orders, self.fills, self.n
        left = o["quantity"] - o["filled_quantity"]
        o["end_e9"] = np.where(
            o["end_ns"] > 0, self.market.mids_at(o["symbol"], np.where(o["end_ns"] > 0, o["end_ns"], 0)), NO_PRICE
        )
        self.flag("no_decision", o["decision_e9"] == NO_PRICE)
        self.flag("no_arrival", (o["arrival_e9"] == NO_PRICE) & (o["route_ns"] > 0) & (o["fills"] > 0))
        self.flag("no_end", (o["end_e9"] == NO_PRICE) & (left > 0) & ((o["flags"] & NOT_MEASURED) == 0))
        self.flag("too_large", self.reach() > 9e18)
        at = np.flatnonzero((o["flags"] & NOT_MEASURED) == 0)
        among = np.full(n, -1)
        among[at] = np.arange(len(at))
        mine = np.flatnonzero(among[f["order"]] >= 0)
        found = costs.implementation_shortfall(
            o["side"][at], o["quantity"][at], o["decision_e9"][at], o["arrival_e9"][at], o["end_e9"][at],
            o["fees_e9"][at], among[f["order"][mine]], f["quantity"][mine], f["price_e9"][mine],
            "order" if delay_basis == "order" else "fill",
        )  # fmt: skip
        for part in PARTS:
            if part != "fees":
                o[f"{part}_e9"] = _spread(getattr(found, f"{part}_e9"), at, n, NO_PRICE)
            o[f"{part}_bps"] = _spread(getattr(found, f"{part}_bps"), at, n, np.nan)
            self.reasons[part] = _spread(getattr(found, f"{part}_reason"), at, n, 0)
        o["average_price"], _ = costs.group_vwap(f["order"], f["price_e9"], f["quantity"], n)
        # The paper value S * Pd as a float: weights and shares need no more.
        value = o["quantity"] * (np.where(o["decision_e9"] == NO_PRICE, 0, o["decision_e9"]) / 1e9)
        o["value"] = np.where(o["decision_e9"] == NO_PRICE, np.nan, value)
        self.split_trading()

    def reach(self) -> Rows:
        """(n,) float64: more than any product of an order's quantity and the gap between two of its prices, in 1e-9."""
        o, f, n = self.orders, self.fills, self.n
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        for prices in (o["decision_e9"], o["arrival_e9"], o["end_e9"]):
            known = prices != NO_PRICE
            low[known] = np.minimum(low, prices)[known]
            high[known] = np.maximum(high, prices)[known]
        for name in ("price_e9", "mid_e9"):
            known = f[name] != NO_PRICE
            np.minimum.at(low, f["order"][known], f[name][known].astype(np.float64))
            np.maximum.at(high, f["order"][known], f[name][known].astype(np.float64))
        gap = np.where(high >= low, high - low, 0.0)
        most: Rows = gap * np.maximum(o["quantity"], o["filled_quantity"]).astype(np.float64) + abs(o["fees_e9"])
        return most

    def split_trading(self) -> None:
        o, f, n = self.orders, self.fills, self.n
        order = f["order"]
        counted = (o["flags"][order] & FLAG_BIT["too_large"]) == 0
        known = (f["mid_e9"] != NO_PRICE) & counted
        arrival = np.where(counted, o["arrival_e9"][order], NO_PRICE)
        mid = np.where(known, f["mid_e9"], f["price_e9"])
        f["spread_e9"] = np.where(known, f["side"] * f["quantity"] * (f["price_e9"] - mid), NO_PRICE)
        start = np.where(arrival == NO_PRICE, f["price_e9"], arrival)
        f["trading_e9"] = np.where(arrival == NO_PRICE, NO_PRICE, f["side"] * f["quantity"] * (f["price_e9"] - start))
        decision = np.where(counted, o["decision_e9"][order], NO_PRICE)
        whole = decision != NO_PRICE
        f["cost_e9"] = np.where(
            whole, f["side"] * f["quantity"] * (f["price_e9"] - np.where(whole, decision, 0)) + f["fee_e9"], NO_PRICE
        )
        missing = np.bincount(order[~known], minlength=n) > 0
        spread = _sum(order, np.where(known, f["spread_e9"], 0), n)
        usable = ~missing & (o["trading_e9"] != NO_PRICE)
        o["spread_e9"] = np.where(usable, spread, NO_PRICE)
        o["move_e9"] = np.where(usable, np.where(usable, o["trading_e9"], 0) - spread, NO_PRICE)
        for part in ("spread", "move"):
            with np.errstate(divide="ignore", invalid="ignore"):
                bps = np.where(usable, o[f"{part}_e9"], 0) / 1e9 / o["value"] * 1e4
            o[f"{part}_bps"] = np.where(usable & (o["value"] > 0), bps, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            f["effective_spread_bps"] = np.where(known, 2e4 * f["side"] * (f["price_e9"] - mid) / mid, np.nan)
            # What routing expected to pay all in when it sent the order, against what came of it.
            expected = self.children["expected_e9"][f["child"]].astype(np.float64)
            paid = f["price_e9"] + f["side"] * f["fee_e9"] / f["quantity"]
            miss = np.where(expected > 0, f["side"] * (paid - expected) / expected * 1e4, np.nan)
        o["estimate_miss_bps"], _ = costs.group_weighted_mean(order, f["quantity"], miss, n)

    # ---- against the market

    def benchmark(self, references: References) -> None:
        o, f = self.orders, self.fills
        counted = (o["flags"][f["order"]] & FLAG_BIT["too_large"]) == 0
        self.reasons |= add_benchmarks(o, f, self.market, self.records.names, references, counted)


def status_text(code: int) -> str:
    """A status's name; `open` states too."""
    from .._core.values import STATUSES

    found: OrderStatus | None = STATUSES.get(code)
    return f"#{code}" if found is None else str(found)


def exact_sum(values: Rows | Iterable[int]) -> int:
    """The sum of int64 money, in Python's integers."""
    array = np.asarray(values, np.int64)
    return int((array >> 32).sum()) * (1 << 32) + int((array & 0xFFFFFFFF).sum())
