"""Alerts on what execution costs: thresholds passed, and a rolling cost that is no longer what it was.

    monitor = PerformanceMonitor(core, config, publish=bus.publish)
    bus.subscribe("PERFORMANCE_ALERT", tell_the_desk)

Thresholds are those of `risk_controls.execution_risk_limits`: shortfall of an order, milliseconds to a venue's first
answer, share of orders that venues reject. The cost that is followed is that of `analytics.benchmark_method`. A shift
is found by Page's cumulative sums (E. Page, "Continuous inspection schemes", Biometrika 41, 1954): of costs in
deviations from the mean of the first thirty, clipped to three so that no single order raises an alarm, S+ = max(0, S+ +
z - k) and S- likewise, alarm above h. With k = 1/2 and h = 5 a chart of normal figures that do not shift raises a
false alarm once in about 465 orders, and finds a shift of one deviation in about ten (D. Montgomery, Introduction to
Statistical Quality Control, section 9.1.2); the clipping makes both rarer.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ..events import Event, Pump
from .journal_costs import NOT_AVERAGED, JournalCosts, analyse_records
from .journal_records import read_records
from .references import References

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..config.models import Analytics, ExecutionConfig, ExecutionRiskLimits

__all__ = ["Alert", "AlertKind", "Cusum", "PerformanceMonitor", "alerts_of", "attribution", "benchmark_cost"]

log = logging.getLogger("grandmodel.execution")

PERFORMANCE_ALERT = "PERFORMANCE_ALERT"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REJECTIONS_OF = 100  # last orders of a venue
_KEPT = 1000


class AlertKind(StrEnum):
    """What an alert is about."""

    SHORTFALL = "shortfall"
    LATENCY = "latency"
    REJECTIONS = "rejections"
    COST_ROSE = "cost_rose"
    COST_FELL = "cost_fell"


@dataclass(frozen=True, slots=True)
class Alert:
    """A figure beyond its limit. `group`: the algorithm or venue; costs in bps, latency in ms, rejections a share."""

    kind: AlertKind
    time_ns: int
    group: str
    figure: float
    limit: float
    order_id: int
    samples: int = 1

    def __str__(self) -> str:
        text = {
            AlertKind.SHORTFALL: f"order {self.order_id} by {self.group} cost {self.figure:+.2f} bps",
            AlertKind.LATENCY: f"{self.group} answered order {self.order_id} after {self.figure:.3f} ms",
            AlertKind.REJECTIONS: f"{self.group} rejected {self.figure:.1%} of {self.samples} orders",
        }
        if self.kind in text:
            return f"{text[self.kind]}, above {self.limit:g}"
        moved = "rose" if self.kind is AlertKind.COST_ROSE else "fell"
        now = f"{moved} to {self.figure:+.2f} bps from {self.limit:+.2f}"
        return f"the cost of {self.group} {now}, within {self.samples} orders"


@dataclass(slots=True)
class Cusum:
    """Page's two-sided cumulative sums over figures, restarted with each alarm.

    reference : figures whose mean and deviation the others are held against
    slack, height : k and h, in deviations
    """

    reference: int = 30
    slack: float = 0.5
    height: float = 5.0
    clip: float = 3.0
    _first: list[float] = field(default_factory=list)
    _mean: float = 0.0
    _deviation: float = 0.0
    _high: float = 0.0
    _low: float = 0.0
    _above: list[float] = field(default_factory=list)  # figures since the upper sum was 0, when the shift began
    _below: list[float] = field(default_factory=list)

    def add(self, figure: float) -> tuple[int, float, float, int] | None:
        """Takes a figure in. (1 or -1, mean since the shift, mean before, figures since the shift) at an alarm."""
        if not math.isfinite(figure):
            raise ValueError(f"figure is {figure!r}, must be finite")
        if len(self._first) < self.reference:
            self._first.append(figure)
            if len(self._first) == self.reference:
                self._mean = math.fsum(self._first) / self.reference
                squares = math.fsum((each - self._mean) ** 2 for each in self._first)
                self._deviation = math.sqrt(squares / (self.reference - 1))
            return None
        gap = figure - self._mean
        z = gap / self._deviation if self._deviation > 0 else math.copysign(self.clip, gap) if gap else 0.0
        z = max(-self.clip, min(self.clip, z))
        self._high = max(0.0, self._high + z - self.slack)
        self._low = max(0.0, self._low - z - self.slack)
        self._above.append(figure)
        self._below.append(figure)
        if self._high == 0.0:
            self._above = []
        if self._low == 0.0:
            self._below = []
        if max(self._high, self._low) <= self.height:
            return None
        side, since = (1, self._above) if self._high > self._low else (-1, self._below)
        found = side, math.fsum(since) / len(since), self._mean, len(since)
        self._first = since[1 - self.reference :]  # what it is now is what is held against from here on
        self._high, self._low, self._above, self._below = 0.0, 0.0, [], []
        return found


#: {benchmark_method: column of an order's analysis}
_COLUMNS = {
    "decision": "total_bps", "arrival": "arrival_bps", "vwap": "vwap_bps", "twap": "twap_bps", "pwp": "pwp_bps",
    "open": "open_bps", "close": "close_bps", "previous_close": "previous_close_bps", "mid": "spread_bps",
}  # fmt: skip


def benchmark_cost(analysed: JournalCosts, method: str) -> tuple[Any, str]:
    """(n,) bps of every order by a `benchmark_method`, and what it is.

    Where the log cannot tell the benchmark (VWAP and its like need a capture, a previous close an earlier day), the
    arrival price takes its place, and the text says so.
    """
    column = _COLUMNS.get(method)
    if column is None or not np.isfinite(analysed.orders[column]).any():
        return analysed.orders["arrival_bps"], f"against the arrival price ({method} is not known here)"
    return analysed.orders[column], f"against {method}"


@dataclass(slots=True)
class _Watch:
    """What is carried from order to order."""

    limits: ExecutionRiskLimits
    settings: Analytics
    shifts: dict[str, Cusum] = field(default_factory=dict)
    rejected: dict[str, deque[bool]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)

    def read(self, analysed: JournalCosts, only: int | None = None) -> list[Alert]:
        """The alerts of orders that have ended, by time; of one order alone, what venues said is not looked at."""
        found = self._orders(analysed, only) + (self._venues(analysed) if only is None else [])
        return sorted(found, key=lambda each: each.time_ns)

    def _orders(self, analysed: JournalCosts, only: int | None) -> list[Alert]:
        o, names = analysed.orders, analysed.names
        cost, _ = benchmark_cost(analysed, self.settings.benchmark_method)
        found = []
        fine = np.flatnonzero((o["flags"] & NOT_AVERAGED) == 0)
        most = self.limits.max_implementation_shortfall
        for place in fine[np.argsort(o["end_ns"][fine], kind="stable")].tolist():
            order_id = int(o["order_id"][place])
            if o["parent_id"][place] or only not in (None, order_id):
                continue
            group = names.algorithm_text(int(o["algorithm"][place])) or "direct orders"
            when, total = int(o["end_ns"][place]), float(o["total_bps"][place])
            if most is not None and total > most * 1e4:
                found.append(Alert(AlertKind.SHORTFALL, when, group, total, most * 1e4, order_id))
            figure = float(cost[place])
            shift = self.shifts.setdefault(group, Cusum()).add(figure) if math.isfinite(figure) else None
            if shift is not None:
                side, now, before, samples = shift
                kind = AlertKind.COST_ROSE if side > 0 else AlertKind.COST_FELL
                found.append(Alert(kind, when, group, now, before, order_id, samples))
        return found

    def _venues(self, analysed: JournalCosts) -> list[Alert]:
        c, names, found = analysed.children, analysed.names, []
        share, slowest = self.limits.max_rejection_rate, self.limits.max_execution_latency
        if share is None and slowest is None:
            return []
        answered = np.flatnonzero((c["acknowledged_ns"] > 0) & (c["venue"] >= 0))
        for place in answered[np.argsort(c["acknowledged_ns"][answered], kind="stable")].tolist():
            order_id = int(c["order_id"][place])
            venue, when = names.venue_text(int(c["venue"][place])), int(c["acknowledged_ns"][place])
            took_ms = (when - int(c["sent_ns"][place])) / 1e6
            if slowest is not None and took_ms > slowest:
                found.append(Alert(AlertKind.LATENCY, when, venue, took_ms, slowest, order_id))
            last = self.rejected.setdefault(venue, deque(maxlen=_REJECTIONS_OF))
            last.append(int(c["status"][place]) == 8)
            rate = sum(last) / len(last)
            if share is not None and len(last) >= 30 and rate > share:
                if venue not in self.over:  # said once, until it has come back
                    found.append(Alert(AlertKind.REJECTIONS, when, venue, rate, share, order_id, len(last)))
                self.over.add(venue)
            else:
                self.over.discard(venue)
        return found


def alerts_of(analysed: JournalCosts, config: ExecutionConfig) -> list[Alert]:
    """The alerts that a journal's orders would have raised, oldest first."""
    watch = _Watch(config.risk_controls.execution_risk_limits, config.analytics)
    return watch.read(analysed)


class PerformanceMonitor:
    """Reads an engine's log against the configuration, at most once in `interval_s` of the engine's time.

    Each look reads what was recorded since the last; an order that was open then is read by itself once it has ended.
    (A venue's answer that comes in a later look than its order is not counted.) Nothing stands in the order path. What
    it finds is an event `PERFORMANCE_ALERT`, a warning and an entry of `alerts`.

    Parameters
    ----------
    publish : called with an Event for each alert; None: nobody is told
    """

    def __init__(
        self, core: Core, config: ExecutionConfig, publish: Callable[[Event], Any] | None = None, *,
        interval_s: float = 60.0,
    ) -> None:  # fmt: skip
        self.core = core
        self.alerts: deque[Alert] = deque(maxlen=_KEPT)
        self._publish = publish
        self._references = References.of_config(config)
        self._watch = _Watch(config.risk_controls.execution_risk_limits, config.analytics)
        self._open: dict[int, None] = {}  # orders without a parent, oldest first
        self._position: int = core.journal.head
        self._interval_ns = round(interval_s * 1e9)
        self._next_ns = core.clock.now_ns() + self._interval_ns
        self._pump = Pump(core, lambda limit: self._looked())

    def _looked(self) -> int:
        if self.core.clock.now_ns() >= self._next_ns:
            self.look()
        return 0

    def look(self) -> list[Alert]:
        """Reads what has ended since the last look: what was found in it."""
        self._next_ns = self.core.clock.now_ns() + self._interval_ns
        journal, core = self.core.journal, self.core
        found: list[Alert] = []
        for order_id in [each for each in self._open if core.is_closed(each)]:
            del self._open[order_id]
            first, last = journal.find(order_id) or (0, -1)
            alone = analyse_records(
                read_records(journal, first=first, last=last + 256, names=core), references=self._references
            )
            found += self._watch.read(alone, order_id)
        records = read_records(journal, first=self._position, names=core)
        if records.head > self._position:
            self._position = records.head
            analysed = analyse_records(records, references=self._references)
            found += self._watch.read(analysed)
            o = analysed.orders
            self._open.update(dict.fromkeys(o["order_id"][(o["end_ns"] == 0) & (o["parent_id"] == 0)].tolist()))
        for each in found:
            self._tell(each)
        return found

    def _tell(self, alert: Alert) -> None:
        self.alerts.append(alert)
        log.warning("%s", alert)
        if self._publish is not None:
            when = _EPOCH + timedelta(microseconds=alert.time_ns // 1000)
            payload = asdict(alert)
            self._publish(Event(event_type=PERFORMANCE_ALERT, timestamp=when, payload=payload, source="analytics"))

    def close(self) -> None:
        """Reads what is left, and no more."""
        self.look()
        self._pump.close()


def attribution(analysed: JournalCosts, frequency: str = "daily") -> list[dict[str, Any]]:
    """The parts of the cost by period of the decision (exchange time) and algorithm, as exact sums.

    frequency : "hourly", "daily", "weekly" (its Monday) or "monthly", as `analytics.attribution_frequency`
    """
    from ..sessions import ns_to_local
    from .day_summary import summed_parts

    def period(ns: int) -> str:
        when = ns_to_local(ns)
        if frequency == "hourly":
            return f"{when:%Y-%m-%dT%H}:00"
        if frequency == "weekly":
            return f"{(when - timedelta(days=when.weekday())):%Y-%m-%d}"
        return f"{when:%Y-%m-%d}" if frequency == "daily" else f"{when:%Y-%m}"

    if frequency not in ("hourly", "daily", "weekly", "monthly"):
        raise ValueError(f"frequency is {frequency!r}, must be 'hourly', 'daily', 'weekly' or 'monthly'")
    o, names = analysed.orders, analysed.names
    hours, place = np.unique(o["decision_ns"] // 3_600_000_000_000, return_inverse=True)
    texts = [period(hour * 3_600_000_000_000) for hour in hours.tolist()]
    groups: dict[tuple[str, int], Any] = {}
    for hour, text in enumerate(texts):
        for number in np.unique(o["algorithm"][place == hour]).tolist():
            mask = (place == hour) & (o["algorithm"] == number)
            groups[text, number] = groups.get((text, number), False) | mask
    rows = []
    for (text, number), mask in sorted(groups.items(), key=lambda each: each[0]):
        used = mask & analysed.measured
        rows.append(
            {"period": text, "algorithm": names.algorithm_text(number), "orders": int(mask.sum()),
             "measured": int(used.sum()), "value": float(o["value"][used].sum()), **summed_parts(analysed, used)}
        )  # fmt: skip
    return rows
