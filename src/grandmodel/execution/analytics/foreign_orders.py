"""The orders and fills in somebody else's rows, and what is odd about them.

Each oddity is named and counted; an order that it touches is set aside with the reason (see `foreign`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from .._core.costs import PRICE_UNKNOWN
from .arrow import Array
from .foreign_map import ForeignMap
from .foreign_read import ForeignTable, read_file
from .market import Market

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the data. `count` rows (or orders), the first of them in `examples`; `sets_aside`: whether the
    orders that it touches are left out of the averages."""

    what: str
    count: int
    sets_aside: bool
    examples: tuple[str, ...]


class Quality:
    """Collects findings, and the orders they set aside."""

    def __init__(self, orders: int) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.aside: dict[str, bool] = {}
        self.reasons: list[list[str]] = [[] for _ in range(orders)]

    def note(self, what: str, table: ForeignTable, rows: Array, orders: Array | None = None) -> None:
        """Rows of a table that are odd; `orders`: of all its rows, those to set aside."""
        lines = np.flatnonzero(rows)
        if not len(lines):
            return
        self.counts[what] += len(lines)
        self.aside[what] = orders is not None
        told = self.examples.setdefault(what, [])
        told += [f"{table.path.name} row {table.row[k]}" for k in lines[: _EXAMPLES - len(told)]]
        if orders is not None:
            self.set_aside(what, np.unique(orders[lines]))

    def order(self, what: str, rows: Array, ids: list[str], *, aside: bool = True) -> None:
        """Orders that are odd."""
        mine = np.flatnonzero(rows)
        if len(mine):
            self.counts[what] += len(mine)
            self.aside[what] = aside
            told = self.examples.setdefault(what, [])
            told += [f"order {ids[k]}" for k in mine[: _EXAMPLES - len(told)]]
            if aside:
                self.set_aside(what, mine)

    def set_aside(self, what: str, orders: Array) -> None:
        for k in orders.tolist():
            if k >= 0 and what not in self.reasons[k]:
                self.reasons[k].append(what)

    def findings(self) -> tuple[Finding, ...]:
        return tuple(Finding(w, n, self.aside[w], tuple(self.examples[w])) for w, n in self.counts.items())


def kinds_of(rows: ForeignTable) -> Array:
    """What each row is."""
    if "event" not in rows:
        return np.full(len(rows), "fill", object)
    known = {text.strip(): kind for text, kind in rows.section.events.items()}
    return np.array([known.get(text, "?") for text in rows.texts("event")], object)


class Orders:
    """The parents: of their own file, or of the rows that open them, or of their fills."""

    def __init__(self, rows: ForeignTable, kinds: Array, plan: ForeignMap) -> None:
        if plan.orders is not None:
            path = rows.path if plan.orders.file is None else plan.folder / plan.orders.file
            table, mine, size = read_file(path, plan.orders), None, "quantity"
        else:
            opening = kinds == "order"
            table, size = rows, "order_quantity"
            mine = opening if opening.any() else kinds == "fill"
        self.table, self.step = table, float(plan.quantity_step)
        self.assumptions: list[str] = []
        words = table.texts("order")
        sizes = table.texts(size) if size in table else words
        lines: dict[str, int] = {}
        twice = np.zeros(len(table), bool)
        for k in range(len(table)) if mine is None else np.flatnonzero(mine).tolist():
            if words[k] in lines:
                # An order that is open again, after a suspension, is no other.
                twice[k] = mine is None or sizes[k] != sizes[lines[words[k]]]
            elif words[k]:
                lines[words[k]] = k
        self.ids, self.at = list(lines), np.array(list(lines.values()), np.int64)
        self.number = {text: k for k, text in enumerate(self.ids)}
        self.quality = Quality(len(self.ids))
        if plan.orders is not None or (kinds == "order").any():
            of = table.mapped("order", self.of)
            self.quality.note("order that is there twice", table, twice, of)
        if size in table:
            self.quantity, known = table.whole(size, plan.quantity_step)
            self.quantity = self.quantity[self.at]
            known = known[self.at]
            if plan.orders is None:  # the last quantity counts
                every, told = table.whole(size, plan.quantity_step)
                for k in np.flatnonzero(kinds == "replace").tolist():
                    if words[k] in self.number:
                        self.quantity[self.number[words[k]]] = every[k] if told[k] else 0
            bad = ~known | (self.quantity < 1)
            self.quality.order("order without a quantity above 0", bad, self.ids)
        else:
            self.quantity = np.zeros(len(self.ids), np.int64)
            self.assumptions.append("an order was of as much as was filled: no column tells its quantity")
        self.sized = size in table
        self.side = self._sides(rows, kinds, plan)
        self.quality.order("order without a side", self.side == 0, self.ids)
        self.symbol = self._symbols(rows)
        self.time = {name: self._times(name) for name in ("decision_time", "arrival_time", "end_time")}
        if plan.orders is None and (kinds == "order").any() and "time" in table:
            self.time["decision_time"] = self.time["arrival_time"] = self._times("time")
            self.assumptions.append("an order was decided, and reached the market, when the row that opens it says")
        self.price = {name: self._prices(name) for name in ("decision_price", "arrival_price", "end_price")}
        self.fees = self._prices("fees", positive=False) if plan.orders is not None else None

    def of(self, order_id: str) -> int:
        """An order's place; -1 for one that is not there."""
        return self.number.get(order_id, -1)

    def _sides(self, rows: ForeignTable, kinds: Array, plan: ForeignMap) -> Array:
        def side(text: str) -> int:
            return plan.sides.get(text.lower(), 0)

        if "side" in self.table:
            told: Array = self.table.mapped("side", side)[self.at]
            return told
        out = np.zeros(len(self.ids), np.int64)
        if "side" in rows:  # of their fills
            of = rows.mapped("order", self.of)
            mine = np.flatnonzero((kinds == "fill") & (of >= 0))
            out[of[mine]] = rows.mapped("side", side)[mine]
        return out

    def _symbols(self, rows: ForeignTable) -> list[str]:
        """Of the orders, else of their fills."""
        if "symbol" in self.table:
            words = self.table.texts("symbol")
            return [words[k] for k in self.at]
        if "symbol" not in rows:
            return [""] * len(self.ids)
        of, words = rows.mapped("order", self.of), rows.texts("symbol")
        last = np.full(len(self.ids), -1)
        last[of[of >= 0]] = np.flatnonzero(of >= 0)
        return [words[k] if k >= 0 else "" for k in last.tolist()]

    def _times(self, name: str) -> tuple[Array, Array] | None:
        if name not in self.table:
            return None
        at, known, naive = (column[self.at] for column in self.table.times(name))
        if (known & ~naive).any():
            lost = self.table.section.time_zone is None
            self.quality.order(f"mixed time zones in {self.table.title(name)}", naive, self.ids, aside=lost)
        self.quality.order(f"{name} that cannot be read", ~known & ~naive, self.ids)
        return at, known

    def _prices(self, name: str, *, positive: bool = True) -> Array | None:
        if name not in self.table:
            return None
        values, known = (column[self.at] for column in self.table.decimals(name))
        bad = known & (values < 1) if positive else np.zeros(len(values), bool)
        self.quality.order(f"{name} that is not above 0", bad, self.ids)
        return np.where(known & ~bad, values, PRICE_UNKNOWN)

    def priced(self, market: Market) -> None:
        """Prices that the data do not have, from the quotes at the order's times."""
        for name in ("decision", "arrival", "end"):
            time = self.time[f"{name}_time"]
            if self.price[f"{name}_price"] is None and time is not None and market.quotes is not None:
                at, known = time
                mid = market.mids(at, self.symbol)
                self.price[f"{name}_price"] = np.where(known, mid, PRICE_UNKNOWN)


class Fills:
    """The fills that can be: what is wrong with the others is noted."""

    def __init__(self, rows: ForeignTable, kinds: Array, orders: Orders, plan: ForeignMap) -> None:
        quality = orders.quality
        of = rows.mapped("order", orders.of)
        quality.note("event of a kind that the map does not name", rows, kinds == "?")
        fill = (kinds == "fill") | (kinds == "correct")
        quality.note("fill of an order that is not there", rows, fill & (of < 0))
        fill &= of >= 0
        if "side" in rows:
            sides = rows.mapped("side", lambda text: plan.sides.get(text.lower(), 0))
            other = fill & (sides != np.append(orders.side, 0)[of])
            quality.note("fill on another side than its order", rows, other, of)
        if "symbol" in rows:
            other = np.array([*orders.symbol, ""], object)[of] != np.array([*rows.texts("symbol"), ""], object)[:-1]
            quality.note("fill of another symbol than its order", rows, fill & other, of)
        taken = self._busted(rows, kinds, quality)
        fill &= ~taken
        again = self._again(rows, fill)
        quality.note("duplicate fill", rows, again)
        fill &= ~again
        quantity, known = rows.whole("quantity", plan.quantity_step)
        quality.note("fill with a quantity that cannot be read", rows, fill & ~known, of)
        quality.note("negative quantity", rows, fill & known & (quantity < 0), of)
        quality.note("fill of nothing", rows, fill & known & (quantity == 0), of)
        price, priced = rows.decimals("price")
        quality.note("fill without a price above 0", rows, fill & (~priced | (price < 1)), of)
        self.time: Array | None = None
        if "time" in rows:
            at, timed, naive = rows.times("time")
            if (fill & timed & ~naive).any():
                lost = of if plan.fills.time_zone is None else None
                quality.note(f"mixed time zones in {rows.title('time')}", rows, fill & naive, lost)
            quality.note("fill with a time that cannot be read", rows, fill & ~timed & ~naive, of)
            self.time = at
            fill &= timed
        fill &= known & priced & (quantity > 0) & (price > 0)
        self.rows, self.line = rows, np.flatnonzero(fill)
        self.order, self.quantity, self.price = of[fill], quantity[fill], price[fill]
        self.time = None if self.time is None else self.time[fill]
        venues = rows.texts("venue") if "venue" in rows else [""] * len(rows)
        self.venue = [venues[k] for k in self.line]
        quoted = {name: rows.decimals(name) for name in ("bid", "ask", "mid", "fees") if name in rows}
        self.told = {name: np.where(good, values, PRICE_UNKNOWN)[fill] for name, (values, good) in quoted.items()}
        if not orders.sized:
            np.add.at(orders.quantity, self.order, self.quantity)
            orders.quantity = np.maximum(orders.quantity, 1)

    @staticmethod
    def _busted(rows: ForeignTable, kinds: Array, quality: Quality) -> Array:
        """Fills that were taken back."""
        if "reference" not in rows or "fill" not in rows:
            return np.zeros(len(rows), bool)
        texts = rows.texts("reference")
        fill, bust = ((kinds == kind) | (kinds == "correct") for kind in ("fill", "bust"))
        ids = rows.texts("fill")
        gone = {texts[k] for k in np.flatnonzero(bust).tolist()}
        there = {ids[k] for k in np.flatnonzero(fill).tolist()}
        unknown = np.array([text not in there for text in texts], bool) & bust
        quality.note("bust of a fill that is not there", rows, unknown)
        busted: Array = np.array([text in gone for text in ids], bool) & fill
        quality.note("fill that was taken back", rows, busted)
        return busted

    @staticmethod
    def _again(rows: ForeignTable, fill: Array) -> Array:
        """Fills that were there before: of the same id, or, without ids, alike in everything."""
        names = ("order", "fill") if "fill" in rows else ("order", "time", "quantity", "price", "venue")
        keys = list(zip(*(rows.texts(name) for name in names if name in rows), strict=True))
        again, seen = np.zeros(len(rows), bool), set()
        for k in np.flatnonzero(fill).tolist():
            again[k] = keys[k] in seen and (names[-1] != "fill" or keys[k][-1] != "")
            seen.add(keys[k])
        return again

    def keep(self, good: Array) -> None:
        self.line, self.order, self.quantity = self.line[good], self.order[good], self.quantity[good]
        self.price = self.price[good]
        self.time = None if self.time is None else self.time[good]
        self.venue = [venue for venue, kept in zip(self.venue, good.tolist(), strict=True) if kept]
        self.told = {name: values[good] for name, values in self.told.items()}


def check_lives(orders: Orders, fills: Fills) -> None:
    """Fills against the life of their orders."""
    quality, of, n = orders.quality, fills.order, len(orders.ids)
    filled = np.bincount(of, minlength=n) if len(of) else np.zeros(n, np.int64)
    sums = np.zeros(n, np.int64)
    np.add.at(sums, of, fills.quantity)
    untouched = np.array([not reasons for reasons in quality.reasons], bool)
    quality.order("order without fills", (filled == 0) & untouched, orders.ids)
    quality.order("fills of more than the order", (sums > orders.quantity) & untouched, orders.ids)
    if fills.time is None:
        return
    outside = np.zeros(len(of), bool)
    for name, sign in (("arrival_time", -1), ("end_time", 1)):
        time = orders.time[name]
        if time is not None:
            outside |= np.asarray(time[1][of] & (sign * (fills.time - time[0][of]) > 0))
    rows = np.zeros(len(fills.rows), bool)
    rows[fills.line[outside]] = True
    whole = np.full(len(fills.rows), -1, np.int64)
    whole[fills.line] = of
    quality.note("fill outside the order's life", fills.rows, rows, whole)
    decided = orders.time["decision_time"]
    if decided is not None and len(of):
        first = np.full(n, np.iinfo(np.int64).max)
        np.minimum.at(first, of, fills.time)
        quality.order("decision after the first fill", decided[1] & (first < decided[0]), orders.ids)
