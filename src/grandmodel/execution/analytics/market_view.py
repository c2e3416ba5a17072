"""The market around orders, for their analysis: the consolidated quote at an instant, and what was printed meanwhile.

Two sources. A journal's records carry the consolidated quote of their instant: a quote is then known only near one of
them, and prints are not known at all. A capture (market_data/capture.py) has every quote of every venue and every
print: a quote is known at any instant that it covers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._core.capture import CaptureFile, Run
from .._core.records import NO_PRICE
from .._core.values import MarketDataError
from ..record_codes import EXEC_TRADE_CANCEL, EXEC_TRADE_CORRECT, FLAG_AUCTION, FLAG_OWN, SET_LEVEL, TRADE
from ..records_view import Names
from .journal_records import JournalRecords, mid_e9
from .session_prices import Tape

__all__ = ["INDEX", "NEAR_NS", "MarketView", "view_of_capture", "view_of_journal"]

Rows = np.ndarray[Any, Any]

#: A journal's quote, and the last of a capture, says what the market was up to this long after it.
NEAR_NS = 1_000_000_000
#: The index's number where it is no symbol of the journal.
INDEX = -2
_ALL = 1 << 62  # a feed sequence behind all others


@dataclass(frozen=True, slots=True)
class _Line:
    """One symbol: its quotes and prints in the order of time, and their running sums."""

    time_ns: Rows  # of quotes
    bid_e9: Rows
    ask_e9: Rows
    mid_e9: Rows
    mid_time: Rows  # integral of (mid - first mid) over time, 1e-9 ns, float64
    known_time: Rows  # ns during which there was a mid
    print_ns: Rows
    print_e9: Rows
    volume: Rows  # running: of others' prints
    worth: Rows  # running: (price - first price) * quantity of others' prints, exact
    own: Rows  # running: own volume
    auction: Rows  # bool: which prints are an auction's

    @property
    def base_mid(self) -> int:
        known = self.mid_e9 != NO_PRICE
        return int(self.mid_e9[known.argmax()]) if known.any() else 0


def _line(
    time_ns: Rows, bid: Rows, ask: Rows, print_ns: Rows, print_e9: Rows, quantity: Rows, own: Rows, auction: Rows
) -> _Line:
    mid = mid_e9(bid, ask)
    known = mid != NO_PRICE
    base = int(mid[known.argmax()]) if known.any() else 0
    lasted = np.diff(time_ns, append=time_ns[-1:])
    weight = np.where(known, lasted, 0)
    others = np.where(own, 0, quantity)
    first = int(print_e9[0]) if len(print_e9) else 0

    def running(values: Rows) -> Rows:
        out = np.zeros(len(values) + 1, values.dtype)
        np.cumsum(values, out=out[1:])
        return out

    return _Line(
        time_ns, bid, ask, mid,
        running(np.where(known, mid - base, 0).astype(np.float64) * weight), running(weight),
        print_ns, print_e9, running(others), running((print_e9 - first) * others), running(np.where(own, quantity, 0)),
        auction,
    )  # fmt: skip


class MarketView:
    """Quotes and prints by symbol number.

    source : "capture" or "journal"
    first_ns, last_ns : what is covered; with a capture, every instant between them that one of its runs does
    spans : (k, 2) first and last instant of each run of the capture
    index : the number of the index; None where nothing of it is there
    """

    def __init__(
        self, source: Literal["capture", "journal"], lines: dict[int, _Line], first_ns: int, last_ns: int,
        spans: Rows | None = None, index: int | None = None,
    ) -> None:  # fmt: skip
        self.source, self.first_ns, self.last_ns = source, first_ns, last_ns
        self.spans = np.array([[first_ns, last_ns]]) if spans is None else spans
        self.index = index if index in lines else None
        self._lines = lines

    @property
    def has_prints(self) -> bool:
        return self.source == "capture"

    def _by_symbol(self, symbol: Rows) -> list[tuple[_Line, Rows]]:
        return [
            (self._lines[number], np.flatnonzero(symbol == number))
            for number in np.unique(symbol).tolist()
            if number in self._lines
        ]

    def quotes_at(self, symbol: Rows, time_ns: Rows, near_ns: int | Rows = NEAR_NS) -> tuple[Rows, Rows]:
        """(bid_e9, ask_e9), (n,) each: the last consolidated quote at or before each instant.

        NO_PRICE where there is none; in a journal also where it is older than `near_ns`, in a capture where the
        instant is further than that behind its end.
        """
        bid, ask = np.full(len(symbol), NO_PRICE), np.full(len(symbol), NO_PRICE)
        near = np.broadcast_to(np.asarray(near_ns), len(symbol))
        for line, at in self._by_symbol(symbol):
            when = time_ns[at]
            place = np.searchsorted(line.time_ns, when, "right") - 1
            fits = place >= 0
            if self.source == "capture":
                fits &= when <= self.last_ns + near[at]
            else:
                fits &= when - line.time_ns[place] <= near[at]
            bid[at[fits]], ask[at[fits]] = line.bid_e9[place[fits]], line.ask_e9[place[fits]]
        return bid, ask

    def mids_at(self, symbol: Rows, time_ns: Rows, near_ns: int | Rows = NEAR_NS) -> Rows:
        """(n,) int64 mids as `quotes_at`; NO_PRICE where unknown, locked and crossed ones too."""
        bid, ask = self.quotes_at(symbol, time_ns, near_ns)
        return np.where(ask > bid, mid_e9(bid, ask), NO_PRICE)

    def _covers(self, start_ns: Rows, end_ns: Rows) -> Rows:
        inside: Rows = (start_ns >= self.first_ns) & (end_ns <= self.last_ns + NEAR_NS) & (end_ns >= start_ns)
        return inside

    def interval(self, symbol: Rows, start_ns: Rows, end_ns: Rows) -> dict[str, Rows]:
        """What happened in (start, end] of each row: `vwap` and `twap` in currency (NaN where unknown), `volume` and
        `own` in steps (-1 where unknown). VWAP is of what others traded, TWAP of the mid by time."""
        n = len(symbol)
        out = {"vwap": np.full(n, np.nan), "twap": np.full(n, np.nan)}
        out |= {"volume": np.full(n, -1), "own": np.full(n, -1)}
        if not self.has_prints:
            return out
        covered = self._covers(start_ns, end_ns)
        for line, at in self._by_symbol(symbol):
            at = at[covered[at]]
            begin = np.searchsorted(line.print_ns, start_ns[at], "right")
            end = np.searchsorted(line.print_ns, end_ns[at], "right")
            volume = line.volume[end] - line.volume[begin]
            out["volume"][at], out["own"][at] = volume, line.own[end] - line.own[begin]
            some = volume > 0
            worth = (line.worth[end] - line.worth[begin])[some]
            out["vwap"][at[some]] = (line.print_e9[0] + worth / volume[some]) / 1e9 if some.any() else np.nan
            if len(line.time_ns):
                sums, known = self._mid_until(line, end_ns[at]), self._mid_until(line, start_ns[at])
                lasted = sums[1] - known[1]
                some = lasted > 0
                out["twap"][at[some]] = (line.base_mid + ((sums[0] - known[0])[some] / lasted[some])) / 1e9
        return out

    @staticmethod
    def _mid_until(line: _Line, when: Rows) -> tuple[Rows, Rows]:
        place = np.searchsorted(line.time_ns, when, "right") - 1
        inside = place >= 0
        at = np.maximum(place, 0)
        known = inside & (line.mid_e9[at] != NO_PRICE)
        rest = np.where(known, when - line.time_ns[at], 0)
        sums = np.where(inside, line.mid_time[at], 0.0) + np.where(known, line.mid_e9[at] - line.base_mid, 0) * (
            rest.astype(np.float64)
        )
        return sums, np.where(inside, line.known_time[at], 0) + rest

    def pwp(self, symbol: Rows, start_ns: Rows, quantity: Rows, rate: float = 0.1) -> Rows:
        """(n,) VWAP, in currency, of the first quantity / rate shares that others printed after `start`
        (participation-weighted price); NaN where the prints do not reach that far."""
        out = np.full(len(symbol), np.nan)
        if not self.has_prints:
            return out
        for line, at in self._by_symbol(symbol):
            at = at[(start_ns[at] >= self.first_ns) & (start_ns[at] <= self.last_ns)]
            begin = np.searchsorted(line.print_ns, start_ns[at], "right")
            target = line.volume[begin] + np.ceil(quantity[at] / rate).astype(np.int64)
            end = np.searchsorted(line.volume, target, "left")
            some = end < len(line.volume)
            at, begin, end, target = at[some], begin[some], end[some], target[some]
            if len(at) == 0:
                continue
            over = line.volume[end] - target  # the last print counts as far as it is needed
            worth = line.worth[end] - line.worth[begin] - over * (line.print_e9[end - 1] - line.print_e9[0])
            out[at] = (line.print_e9[0] + worth / (target - line.volume[begin])) / 1e9
        return out

    def share_worse(self, symbol: int, start_ns: int, end_ns: int, side: int, price: float) -> float:
        """Of the shares that others printed in (start, end], the share at a price worse than `price` for `side`, those
        at it by half; NaN where nothing is known."""
        line = self._lines.get(symbol)
        one, two = np.array([start_ns]), np.array([end_ns])
        if line is None or not self.has_prints or not self._covers(one, two)[0]:
            return float("nan")
        begin, end = (int(np.searchsorted(line.print_ns, ns, "right")) for ns in (start_ns, end_ns))
        shares = np.diff(line.volume[begin : end + 1])
        if shares.sum() == 0:
            return float("nan")
        gap = side * (line.print_e9[begin:end] / 1e9 - price)
        return float(((gap > 1e-9) * shares).sum() + ((abs(gap) <= 1e-9) * shares).sum() / 2) / float(shares.sum())

    def tape(self, symbol: int) -> Tape | None:
        """A symbol's prints; None where there are none to look at."""
        line = self._lines.get(symbol)
        if not self.has_prints or line is None:
            return None
        return Tape(line.print_ns, line.print_e9, line.auction, self.covers)

    def covers(self, time_ns: int) -> bool:
        """Is an instant within a run of the capture?"""
        inside: Rows = (self.spans[:, 0] <= time_ns) & (time_ns <= self.spans[:, 1] + NEAR_NS)
        return self.has_prints and bool(inside.any())

    def first_at(self, symbol: int, start_ns: int, end_ns: int, side: int, price_e9: int) -> int:
        """When, from `start` to `end`, the best price of `side` (1 the bid, -1 the ask) first was at `price_e9` or
        worse than it, ns; 0 if never."""
        line = self._lines.get(symbol)
        if line is None:
            return 0
        begin = max(0, int(np.searchsorted(line.time_ns, start_ns, "right")) - 1)
        end = int(np.searchsorted(line.time_ns, end_ns, "right"))
        best = (line.bid_e9 if side > 0 else line.ask_e9)[begin:end]
        met = (best > 0) & (side * (price_e9 - np.where(best > 0, best, 0)) >= 0)
        return max(start_ns, int(line.time_ns[begin + int(met.argmax())])) if met.any() else 0

    def path(self, symbol: int, start_ns: int, end_ns: int, points: int = 160) -> tuple[Rows, Rows, Rows]:
        """(time_ns, bid_e9, ask_e9) of a symbol's quotes in a window, thinned to about `points`, the extremes kept."""
        line = self._lines.get(symbol)
        if line is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
        begin = max(0, int(np.searchsorted(line.time_ns, start_ns, "right")) - 1)
        end = int(np.searchsorted(line.time_ns, end_ns, "right"))
        places = begin + np.flatnonzero((line.bid_e9[begin:end] > 0) & (line.ask_e9[begin:end] > 0))
        if len(places) > points:
            groups = np.array_split(places, points // 2)
            kept = [(each[line.bid_e9[each].argmin()], each[line.ask_e9[each].argmax()]) for each in groups]
            places = np.unique(np.array([*kept, (places[0], places[-1])]).reshape(-1))
        return line.time_ns[places], line.bid_e9[places], line.ask_e9[places]


def view_of_journal(records: JournalRecords) -> MarketView:
    """The quotes that a journal's decisions, reports and refusals carry, each at its record's instant."""
    orders = records.orders["row"]
    by_id = np.argsort(orders["order_id"], kind="stable")
    ids = orders["order_id"][by_id]
    decisions, reports, refusals = (table["row"] for table in (records.decisions, records.reports, records.refusals))
    place = np.searchsorted(ids, decisions["order_id"])
    there = place < len(ids)
    there[there] &= ids[place[there]] == decisions["order_id"][there]
    of_decision = np.full(len(decisions), -1, np.int32)
    of_decision[there] = orders["symbol"][by_id[place[there]]]
    said = (reports["exec_type"] != EXEC_TRADE_CANCEL) & (reports["exec_type"] != EXEC_TRADE_CORRECT)
    of_report = np.where(said, reports["symbol"], -1)
    parts = ((records.decisions, of_decision), (records.reports, of_report), (records.refusals, refusals["symbol"]))
    symbol = np.concatenate([of for _, of in parts])
    header = np.concatenate([table["header"][["commit", "time_ns"]] for table, _ in parts])
    bid, ask = (np.concatenate([table["row"][name] for table, _ in parts]) for name in ("bid_e9", "ask_e9"))
    usable = (symbol >= 0) & (bid > 0) & (ask > 0)
    symbol, header, bid, ask = symbol[usable], header[usable], bid[usable], ask[usable]
    nothing = np.zeros(0, np.int64)
    lines = {}
    for number in np.unique(symbol).tolist():
        at = np.flatnonzero(symbol == number)
        at = at[np.lexsort((header["commit"][at], header["time_ns"][at]))]
        lines[number] = _line(header["time_ns"][at], bid[at], ask[at], *[nothing] * 3, *[nothing.astype(bool)] * 2)
    time_ns = header["time_ns"]
    first, last = (int(time_ns.min()), int(time_ns.max())) if len(time_ns) else (0, 0)
    return MarketView("journal", lines, first, last)


def view_of_capture(
    path: str | os.PathLike[str], names: Names, symbols: Rows, uuid: bytes | None = None, index: str | None = None
) -> MarketView:
    """What a capture says of some symbols.

    Parameters
    ----------
    names, symbols : the journal's names, and the numbers there of the symbols that are wanted
    uuid : the journal's; None: not known, and not looked at
    index : a symbol that is wanted too

    Raises
    ------
    MarketDataError  it is no capture, is damaged, is another journal's, or has none of the symbols
    """
    file = CaptureFile(path)
    if uuid is not None and any(run.uuid != uuid for run in file.runs):
        raise MarketDataError(f"{file.path}: is the capture of another journal")
    own = {names.symbol_text(number): number for number in np.unique(symbols).tolist()}
    wanted = own if index is None else {index: INDEX} | own
    quotes: dict[int, list[tuple[Rows, Rows, Rows]]] = {number: [] for number in wanted.values()}
    prints: dict[int, list[dict[str, Rows]]] = {number: [] for number in wanted.values()}
    spans = []
    for run, columns in _runs(file):
        time_ns = columns["time_ns"]
        spans.append((int(time_ns.min()), int(time_ns.max())))
        # of 16 bits, so that numpy sorts in one pass
        by_symbol = np.argsort(columns["symbol"].astype(np.int16), kind="stable")
        bounds = np.searchsorted(columns["symbol"][by_symbol], np.arange(len(run.symbols) + 1))
        for place, text in enumerate(run.symbols):
            if text in wanted and bounds[place] < bounds[place + 1]:
                at = by_symbol[bounds[place] : bounds[place + 1]]
                mine = {name: values[at] for name, values in columns.items()}
                trades = mine["action"] == TRADE
                prints[wanted[text]].append({name: values[trades] for name, values in mine.items()})
                levels = {name: values[~trades] for name, values in mine.items()}
                quotes[wanted[text]].append(_consolidated(levels, len(run.venues), int(run.start_ns)))
    lines = {}
    for symbol, pieces in quotes.items():
        if pieces:
            quote_ns, bid, ask = (np.concatenate(column) for column in zip(*pieces, strict=True))
            told = {name: np.concatenate([each[name] for each in prints[symbol]]) for name in _COLUMNS}
            lines[symbol] = _line(
                np.maximum.accumulate(quote_ns), bid, ask, np.maximum.accumulate(told["time_ns"]), told["price_e9"],
                told["quantity"], (told["flags"] & FLAG_OWN) != 0, (told["flags"] & FLAG_AUCTION) != 0,
            )  # fmt: skip
    if own and not lines.keys() & own.values():
        raise MarketDataError(f"{file.path}: has none of the journal's symbols ({', '.join(sorted(own))})")
    whole = np.array(spans or [(0, 0)], np.int64)
    found = None if index is None else wanted[index]
    return MarketView("capture", lines, int(whole[0, 0]), int(whole[:, 1].max()), whole, found)


_COLUMNS = ("time_ns", "symbol", "venue", "action", "side", "flags", "price_e9", "quantity")


def _runs(file: CaptureFile) -> Iterator[tuple[Run, dict[str, Rows]]]:
    """Each run's quotes and prints as columns.

    A day that is lived again needs a run's rows up to where the next one's begin in the log. What was said behind the
    log's last record was said nevertheless: here a run goes on until the next one starts.
    """
    starts = [run.start_ns for run in file.runs[1:]] + [np.iinfo(np.int64).max]
    ends = {run.number: start for run, start in zip(file.runs, starts, strict=True)}
    file.runs = [run._replace(until=_ALL) for run in file.runs]
    held: dict[int, tuple[Run, list[dict[str, Rows]]]] = {}
    for run, rows in file.chunks():
        kept = rows[((rows["action"] == SET_LEVEL) | (rows["action"] == TRADE)) & (rows["symbol"] >= 0)]
        kept = kept[kept["time_ns"] < ends[run.number]]
        held.setdefault(run.number, (run, []))[1].append({name: np.ascontiguousarray(kept[name]) for name in _COLUMNS})
    for _, (run, pieces) in sorted(held.items()):
        columns = {name: np.concatenate([each[name] for each in pieces]) for name in _COLUMNS}
        if len(columns["time_ns"]):
            yield run, columns


def _consolidated(rows: dict[str, Rows], venues: int, start_ns: int) -> tuple[Rows, Rows, Rows]:
    """(time_ns, bid_e9, ask_e9) of one symbol's SET_LEVEL rows of one run: the best over venues after each row."""
    price = rows["price_e9"]
    index = np.arange(len(price))
    bid = np.full(len(price), NO_PRICE)
    ask = np.full(len(price), np.iinfo(np.int64).max)
    for venue in range(venues):
        of_venue = rows["venue"] == venue
        for side, best in ((1, bid), (-1, ask)):
            mine = of_venue & (rows["side"] == side)
            if not mine.any():
                continue
            last = np.maximum.accumulate(np.where(mine, index, -1))
            shown = np.where(last >= 0, price[last], NO_PRICE)
            (np.maximum if side > 0 else np.minimum)(
                best, shown if side > 0 else np.where(shown > 0, shown, np.iinfo(np.int64).max), out=best
            )
    ask[ask == np.iinfo(np.int64).max] = NO_PRICE
    time_ns = rows["time_ns"]
    moved = np.ones(len(price), bool)
    moved[1:] = (bid[1:] != bid[:-1]) | (ask[1:] != ask[:-1])
    nobody = np.array([NO_PRICE])
    return (
        np.concatenate([[start_ns], time_ns[moved]]),
        np.concatenate([nobody, bid[moved]]),
        np.concatenate([nobody, ask[moved]]),
    )
