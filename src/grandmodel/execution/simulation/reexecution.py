"""A day lived again from its journal and its capture: the same decisions, or what another configuration changes.

Decided anew, from the recorded quotes, limits and fees: which orders pass, where they go, at what expected price.
Taken as recorded: what the strategy and its algorithms asked for, what venues answered, what accounts began with. So
under the same configuration the new log is the recorded one, byte for byte; under another one it says what would have
been decided, not what would have been filled.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from .._core.capture import CaptureFile, Run
from .._core.clock import NativeClock
from .._core.journal import Journal
from .._core.orders import OrderTable
from .._core.portfolio import Portfolio
from .._core.records import NO_PRICE
from .._core.recovery import state_hash
from .._core.reexecution import RecordedMarket, Reexecutor, recovered_hash
from .._core.store import Survey
from .._core.submit import Core
from .._core.values import CHECKS, REASON_TEXT, JournalError, MarketDataError, Reason
from ..journal_file import JournalFile, open_journal
from ..record_codes import NAME_SYMBOL, NAME_VENUE
from ..records_split import RecordStream, pieces
from ..records_view import DECISION, NAME, REFUSAL
from ..risk.limits import apply_recorded

if TYPE_CHECKING:
    import numpy as np

    from ..config import ExecutionConfig

__all__ = ["Difference", "DifferenceKind", "Reexecution", "recorded_core", "reexecute"]

#: Called with (bytes of the journal lived through, all bytes) now and then.
Progress = Callable[[int, int], object]
#: Makes the empty core that lives the day: ({gm_name_kind: [texts]} as the log has them) -> Core.
Builder = Callable[[dict[int, list[str]]], Core]


class DifferenceKind(StrEnum):
    """How an order fares otherwise."""

    REFUSED = "refused"  # was accepted
    ACCEPTED = "accepted"  # was refused; it has no answers, and stays at work to the end
    PARENT_REFUSED = "parent refused"  # the child of an order that is refused now
    VENUE = "venue"
    COST = "cost"  # same venue, another expected price or cost
    REASON = "reason"  # refused both times, otherwise
    OTHER = "other"  # the same choice, other bytes: a runner-up, or (same configuration) a damaged day


_KINDS = (
    DifferenceKind.REFUSED, DifferenceKind.ACCEPTED, DifferenceKind.PARENT_REFUSED, DifferenceKind.VENUE,
    DifferenceKind.COST, DifferenceKind.REASON, DifferenceKind.OTHER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One order that fares otherwise. Of each pair the first is as recorded, the second as decided now.

    Prices are in 1e-9; `cost_bps` is the expected cost against the mid, positive is bad.
    """

    kind: DifferenceKind
    order_id: int
    parent_id: int | None
    sequence: int
    time_ns: int
    symbol: str
    side: str
    quantity: int
    limit_price_e9: int | None
    venues: tuple[str | None, str | None]
    expected_prices_e9: tuple[int | None, int | None]
    cost_bps: tuple[float | None, float | None]
    reasons: tuple[str | None, str | None]
    failed_checks: tuple[tuple[str, ...], tuple[str, ...]]
    mid_e9: int | None

    @property
    def cost_change_bps(self) -> float | None:
        """By how much the expected cost grew; None where one of them is not known."""
        then, now = self.cost_bps
        return None if then is None or now is None else now - then

    @property
    def cost_change(self) -> float | None:
        """The same in currency, for the whole order."""
        change = self.cost_change_bps
        return None if change is None or self.mid_e9 is None else change * 1e-4 * self.mid_e9 / 1e9 * self.quantity


@dataclass(frozen=True, slots=True)
class Reexecution:
    """What came of living a day again."""

    orders: int  # decided again
    refusals: int
    same_count: int  # of both
    taken_refusals: int  # that no quote and no limit explains
    left_out: int  # reports and requests of orders that are refused now
    differences: list[Difference]
    same_configuration: bool
    config_hash: int
    recorded_hashes: dict[int, int]  # {hash: decisions}
    records: int
    rows: int  # of the capture, lived through
    runs: int
    uncovered: int  # decisions and refusals that saw quotes the capture does not have
    sha256: tuple[str, str] | None  # of the logs then and now; None where they cannot be equal
    state: tuple[int, int] | None  # hashes of the states that they leave
    seconds: float
    notes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether the new log is the recorded one, byte for byte, and leaves the same state."""
        return (
            self.same_configuration
            and not self.differences
            and not self.uncovered
            and self.sha256 is not None
            and self.sha256[0] == self.sha256[1]
            and self.state is not None
            and self.state[0] == self.state[1]
        )

    @property
    def counts(self) -> dict[DifferenceKind, int]:
        """How many orders differ in each way; ways that do not occur are left out."""
        found = Counter(difference.kind for difference in self.differences)
        return {kind: found[kind] for kind in _KINDS if found[kind]}

    @property
    def cost_change(self) -> float:
        """By how much the expected cost of the orders accepted both times grew, in currency."""
        return sum(difference.cost_change or 0.0 for difference in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """The result as a mapping for JSON; hashes are hexadecimal."""
        return {
            "same": self.same,
            "same_configuration": self.same_configuration,
            "config_hash": f"{self.config_hash:016x}",
            "recorded_hashes": {f"{key:016x}": count for key, count in self.recorded_hashes.items()},
            "orders": self.orders,
            "refusals": self.refusals,
            "same_count": self.same_count,
            "taken_refusals": self.taken_refusals,
            "left_out": self.left_out,
            "uncovered": self.uncovered,
            "records": self.records,
            "capture_rows": self.rows,
            "capture_runs": self.runs,
            "sha256": None if self.sha256 is None else dict(zip(("then", "now"), self.sha256, strict=True)),
            "state": None if self.state is None else {"then": f"{self.state[0]:016x}", "now": f"{self.state[1]:016x}"},
            "seconds": self.seconds,
            "counts": {str(kind): count for kind, count in self.counts.items()},
            "cost_change": self.cost_change,
            "notes": self.notes,
            "differences": [
                {**asdict(each), "cost_change_bps": each.cost_change_bps, "cost_change": each.cost_change}
                for each in self.differences
            ],
        }


def recorded_core(config: ExecutionConfig, known: dict[int, list[str]]) -> Core:
    """An empty core of a configuration: it decides over recorded quotes, its log begins with recorded records."""
    from ..engine import make_instruments, make_limits, make_venues

    table = make_instruments(config.catalog().values(), known.get(NAME_SYMBOL, ()))
    venues = make_venues(config, table, known.get(NAME_VENUE, ()))
    return Core(
        instruments=table,
        portfolio=Portfolio(table),
        limits=make_limits(config, table),
        venues=venues,
        journal=Journal(None, ring_bytes=config.journal.ring_bytes),
        orders=OrderTable(retained=max(1, config.order_management.retention.closed_orders)),
        market=RecordedMarket(venues),
        clock=NativeClock(simulated=True),
        config_hash=int(config.config_hash()[:16], 16),
        introduce=False,
    )


def reexecute(
    journal: str | os.PathLike[str] | RecordStream,
    capture: str | os.PathLike[str] | CaptureFile,
    config: Any = None,
    *,
    build: Builder | None = None,
    progress: Progress | None = None,
) -> Reexecution:
    """Lives a recorded day again.

    Parameters
    ----------
    journal : a journal's directory, or a journal
    capture : what the market said meanwhile (`journal.capture` in the configuration)
    config : path of a YAML file, a mapping, an ExecutionConfig; None: the one that the capture holds, else the packaged
        defaults
    build : makes the core instead, for engines that were made without a configuration; `recorded_core` shows how

    Raises
    ------
    JournalError, MarketDataError  one of the two is damaged, they do not belong together, or the log has no decisions
    ValueError  without `config`, and no configuration that is known has made the log
    """
    began = time.perf_counter()
    log = journal if not isinstance(journal, (str, os.PathLike)) else open_journal(journal)
    quotes = capture if isinstance(capture, CaptureFile) else CaptureFile(capture)
    notes = [f"{quotes.torn}; what it held is lost"] if quotes.torn else []
    _check_pair(log, quotes)
    known, hashes = _survey(log)
    recorded = hashes or {run.config_hash: 0 for run in quotes.runs}
    if build is None:
        chosen = _configuration(config, quotes, recorded)

        def build(names: dict[int, list[str]]) -> Core:
            return recorded_core(chosen, names)

    core = build(known)
    market = core.market
    assert isinstance(market, RecordedMarket)
    machine = Reexecutor(core)
    if set(recorded) == {core.config_hash} and core.limits.values:  # under other limits theirs were never in force
        machine.on_limit = partial(apply_recorded, core)
    finished = machine.run(log, _rows(quotes, core), progress)
    counted = machine.counters
    same_configuration = set(recorded) == {core.config_hash}
    if len(recorded) > 1:
        notes.append(
            "the log was made under several configurations ("
            + ", ".join(f"{key:016x} {count:,} decisions" for key, count in recorded.items())
            + "); all of it is decided under this one"
        )
    uncovered = 0
    if not finished:
        uncovered = _left(log, machine.position)
        where = (
            f"the capture ends at feed sequence {core.venues.updates}"
            if machine.stopped == "rows"
            else f"the capture has a gap behind feed sequence {core.venues.updates}"
        )
        text = f"{where}: record {machine.sequence + 1} of the log and {uncovered - 1:,} later decisions saw more"
        if counted["orders"] + counted["refusals"] == 0:
            raise MarketDataError(f"{quotes.path}: {text}; nothing can be decided again")
        notes.append(text)
    differences = [_difference(row, core) for row in machine.differences]
    sums = states = None
    if same_configuration and finished:
        sums = (_sha256(log), core.journal.sha256())
        states = (recovered_hash(build(known), log), state_hash(core))
    records = machine.sequence
    core.close()
    return Reexecution(
        orders=counted["orders"],
        refusals=counted["refusals"],
        same_count=counted["same"],
        taken_refusals=counted["as_recorded"],
        left_out=counted["left_out"],
        differences=differences,
        same_configuration=same_configuration,
        config_hash=core.config_hash,
        recorded_hashes=recorded,
        records=records,
        rows=market.position,
        runs=len(quotes.runs),
        uncovered=uncovered,
        sha256=sums,
        state=states,
        seconds=time.perf_counter() - began,
        notes=notes + _meaning(differences, counted["left_out"]),
    )


def _check_pair(log: RecordStream, quotes: CaptureFile) -> None:
    if not quotes.runs:
        raise MarketDataError(f"{quotes.path}: holds nothing")
    uuid = Survey(log.path).mark.uuid if isinstance(log, JournalFile) else getattr(log, "uuid", None)
    if uuid is not None and any(run.uuid != bytes(uuid) for run in quotes.runs):
        where = getattr(log, "path", None) or "this journal"
        raise MarketDataError(f"{quotes.path}: holds the market of another journal than {where}")
    if log.head == 0:
        raise JournalError(f"{getattr(log, 'path', None) or 'the journal'}: holds no record")


def _survey(log: RecordStream) -> tuple[dict[int, list[str]], dict[int, int]]:
    """Names by kind and number, and how many decisions each configuration made."""
    names: dict[int, dict[int, str]] = {}
    hashes: Counter[int] = Counter()
    for _, by_kind in pieces(log):
        for record in by_kind.get(NAME, ()):
            row = record["row"]
            names.setdefault(int(row["kind"]), {})[int(row["id"])] = bytes(row["text"]).decode()
        if DECISION in by_kind:
            hashes.update(by_kind[DECISION]["row"]["config_hash"].tolist())
    return {kind: [texts[number] for number in sorted(texts)] for kind, texts in names.items()}, dict(hashes)


def _configuration(config: Any, quotes: CaptureFile, recorded: dict[int, int]) -> ExecutionConfig:
    import json

    from ..config import load_config

    if config is not None:
        return load_config(config)
    by_hash = {run.config_hash: run.config for run in quotes.runs if run.config is not None}
    most = max(recorded, key=lambda key: recorded[key])
    text = by_hash.get(most)
    chosen = load_config({} if text is None else json.loads(text))
    found = int(chosen.config_hash()[:16], 16)
    if found != most:
        whose = "the packaged defaults have" if text is None else "what the capture holds of it gives"
        raise ValueError(
            f"the log was made under the configuration {most:016x}, {whose} {found:016x}; give the recorded day's "
            "configuration (--config)"
        )
    return chosen


def _rows(quotes: CaptureFile, core: Core) -> Iterator[np.ndarray[Any, Any]]:
    """The capture's rows, once it is sure that they speak of the core's symbols and venues."""
    for run in quotes.runs:
        _check_names(quotes, run, core)
    for _, rows in quotes.chunks():
        yield rows


def _check_names(quotes: CaptureFile, run: Run, core: Core) -> None:
    symbols, venues = list(core.instruments.symbols), core.venues.names
    for kind, theirs, ours in (("symbol", run.symbols, symbols), ("venue", run.venues, venues)):
        for number, name in enumerate(theirs):
            if number >= len(ours) or ours[number] != name:
                here = repr(ours[number]) if number < len(ours) else "none"
                raise MarketDataError(
                    f"{quotes.path}: {kind} {number} is {name!r} in run {run.number} and {here} in the configuration; "
                    "a venue can be disabled (enabled: false), not taken away"
                )
    for symbol, tick in zip(run.symbols, run.ticks_e9, strict=True):
        if core.instruments.tick_e9(symbol) != tick:
            raise MarketDataError(
                f"{quotes.path}: {symbol} has tick {tick} (1e-9) in run {run.number}, "
                f"{core.instruments.tick_e9(symbol)} in the configuration"
            )


def _left(log: RecordStream, position: int) -> int:
    """Decisions and refusals from `position` on."""
    return sum(
        len(by_kind[kind]) for _, by_kind in pieces(log, position) for kind in (DECISION, REFUSAL) if kind in by_kind
    )


def _sha256(log: RecordStream) -> str:
    total, position, end = hashlib.sha256(), 0, log.head
    while position < end and (piece := log.read(position, min(1 << 20, end - position))):
        total.update(piece)
        position += len(piece)
    return total.hexdigest()


def _difference(row: Any, core: Core) -> Difference:
    kind = _KINDS[int(row["kind"]) - 1]
    accepted = tuple(int(reason) == 0 for reason in row["reason"])
    routed = tuple(int(venue) >= 0 for venue in row["venue"])
    bid, ask = int(row["bid_e9"]), int(row["ask_e9"])
    has_mid = NO_PRICE not in (bid, ask)
    return Difference(
        kind=kind,
        order_id=int(row["order_id"]),
        parent_id=int(row["parent_id"]) or None,
        sequence=int(row["sequence"]),
        time_ns=int(row["time_ns"]),
        symbol=core.instruments.symbols.text(int(row["symbol"])),
        side="buy" if row["side"] > 0 else "sell",
        quantity=int(row["quantity"]),
        limit_price_e9=_price(row["limit_e9"]),
        venues=_pair(core.venues.names[int(v)] if v >= 0 else None for v in row["venue"]),
        expected_prices_e9=_pair(_price(price) for price in row["expected_e9"]),
        cost_bps=_pair(
            float(score) if yes and there and has_mid else None
            for score, yes, there in zip(row["score"], accepted, routed, strict=True)
        ),
        reasons=_pair(None if int(reason) == 0 else REASON_TEXT[Reason(int(reason))] for reason in row["reason"]),
        failed_checks=_pair(
            tuple(name for bit, name, *_ in CHECKS if int(mask) & bit) for mask in row["failed_checks"]
        ),
        mid_e9=bid + (ask - bid) // 2 if has_mid else None,
    )


def _pair(values: Iterator[Any]) -> tuple[Any, Any]:
    then, now = values
    return then, now


def _price(value: Any) -> int | None:
    return None if int(value) == NO_PRICE else int(value)


def _meaning(differences: list[Difference], left_out: int) -> list[str]:
    """What the reader of a what-if has to know."""
    kinds = {difference.kind for difference in differences}
    notes = []
    if DifferenceKind.REFUSED in kinds or left_out:
        notes.append(
            f"{left_out:,} reports and requests of orders that are refused now were left out; a parent whose child is "
            "refused keeps that part open"
        )
    if DifferenceKind.ACCEPTED in kinds:
        count = sum(difference.kind is DifferenceKind.ACCEPTED for difference in differences)
        notes.append(
            f"{count:,} orders are accepted only now: nobody knows what a venue would have answered, so they count as "
            "sent and unanswered to the end"
        )
    if DifferenceKind.VENUE in kinds:
        notes.append("orders that go to another venue keep the fills, prices and fees of the recorded one")
    return notes
