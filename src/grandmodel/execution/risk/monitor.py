"""`RealTimeExecutionRiskMonitor`: looks at the engine once a second, and says when something is beyond its limit."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..events import Event, EventType
from .execution_watch import ExecutionWatch

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..config import ExecutionConfig

log = logging.getLogger("grandmodel.execution.monitor")

#: An alert ends once its figure is this part of the limit below it (this project's choice).
HYSTERESIS = 0.1
#: Seconds until the next look after one that failed.
AFTER_ERROR = 5.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A figure and what is said when it is above its limit. `text` is formatted with the value."""

    metric: str
    type: str
    severity: str
    text: str


RULES = (
    Rule("rejection_rate", "HIGH_REJECTION_RATE", "HIGH", "Order rejection rate {:.2%} exceeds limit"),
    Rule("avg_execution_latency", "HIGH_EXECUTION_LATENCY", "MEDIUM", "Execution latency {:.1f}ms exceeds limit"),
    Rule(
        "avg_implementation_shortfall",
        "HIGH_IMPLEMENTATION_SHORTFALL",
        "HIGH",
        "Implementation shortfall {:.4f} exceeds limit",
    ),
)


class RealTimeExecutionRiskMonitor:
    """Metrics over a window, alerts as mappings with `type severity message current_value limit`.

    An alert is raised once, when its figure goes above the limit, and ends when that has come back by `HYSTERESIS`.
    A figure that is Unknown is not evaluated: it raises nothing and ends nothing. `alert_thresholds` ({metric: value},
    optional) raise the same alert with severity LOW earlier.

    Parameters
    ----------
    config : mapping of `risk_controls` (`execution_risk_limits`, `alert_thresholds`), or an ExecutionConfig; None: the
        engine's own
    event_bus : where alerts go as events RISK_ALERT: our EventBus, or any object with `publish`
    engine : an ExecutionEngine or one of its parts; None: a private paper core
    window_seconds, interval_seconds : what the metrics are about, and how often they are looked at

    Raises
    ------
    ConfigError  when the configuration is wrong
    ValueError   when a threshold names no metric
    """

    def __init__(
        self,
        config: Any = None,
        event_bus: Any = None,
        *,
        engine: Any = None,
        window_seconds: float = 60.0,
        interval_seconds: float = 1.0,
    ) -> None:
        from ..config import risk_config

        if isinstance(interval_seconds, bool) or not 0.01 <= interval_seconds <= 3600:
            raise ValueError(f"interval_seconds is {interval_seconds!r}, must be from 0.01 to 3600")
        given: ExecutionConfig | None = getattr(engine, "config", None)
        settings = risk_config(config if config is not None or given is None else given)
        self.risk_limits: dict[str, float | None] = settings.risk_controls.execution_risk_limits.model_dump()
        self.alert_thresholds: dict[str, float] = dict(settings.risk_controls.alert_thresholds)
        names = [rule.metric for rule in RULES]
        for name in self.alert_thresholds:
            if name not in names:
                raise ValueError(f"alert_thresholds.{name}: no such metric, must be one of {', '.join(names)}")
        self.monitoring_enabled = True
        self.interval_seconds = interval_seconds
        #: Of the last look; empty before the first.
        self.metrics: dict[str, Any] = {}
        #: Those that stand, by (type, subject).
        self.standing: dict[tuple[str, str], dict[str, Any]] = {}
        self.failures = 0
        self._config, self._engine, self._bus = settings, engine, event_bus
        self._core: Core | None = None
        self._watch: ExecutionWatch | None = None
        self._window_seconds = window_seconds
        self._overfills = 0

    @property
    def core(self) -> Core:
        """The engine core that is watched."""
        if self._core is None:
            from ..engine import core_of, private_core

            self._core = private_core(self._config) if self._engine is None else core_of(self._engine)
            self._watch = ExecutionWatch(self._core.journal, self._window_seconds)
        return self._core

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that stand."""
        return list(self.standing.values())

    async def monitor_execution_risk(self) -> None:
        """Looks every `interval_seconds` until `monitoring_enabled` is false. What fails is logged, and tried again."""
        clock: Any = self.core.clock
        while self.monitoring_enabled and not self.core.closed:
            try:
                self.look()
                await clock.sleep(self.interval_seconds)
            except Exception:
                self.failures += 1
                log.exception("monitoring failed; the next look is in %g s", AFTER_ERROR)
                await clock.sleep(AFTER_ERROR)

    def look(self) -> list[dict[str, Any]]:
        """One look: reads the log, checks, tells. The alerts that are new."""
        core = self.core
        assert self._watch is not None
        assert core.clock is not None
        self._watch.read()
        now_ns = core.clock.now_ns()
        self.metrics = self._watch.metrics(now_ns)
        found = self.check(self.metrics) + self._of_engine(core.health(), core.statistics())
        current = {(each["type"], each.pop("subject", "")): each for each in found}
        new = []
        for key, alert in current.items():
            before = self.standing.get(key)
            if before is None or (before["severity"] == "LOW" and alert["severity"] != "LOW"):
                new.append(alert)
        for key in [key for key in self.standing if key not in current]:
            log.info("alert over: %s", self.standing[key]["message"])
        self.standing = current
        for alert in new:
            self._tell(alert, now_ns)
        return new

    def check(self, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The alerts of these figures, those included that stand and are not far enough below their limits yet."""
        found = []
        for rule in RULES:
            value = metrics[rule.metric]
            before = self.standing.get((rule.type, ""))
            if math.isnan(value):
                if before is not None:
                    found.append(before)  # not evaluated: neither raised nor ended
                continue
            highest, threshold = self.risk_limits[_LIMITS[rule.metric]], self.alert_thresholds.get(rule.metric)
            for limit, severity in ((highest, rule.severity), (threshold, "LOW")):
                if limit is None:
                    continue
                stands = before is not None and before["limit"] == limit
                if value > limit or (stands and value > limit * (1.0 - HYSTERESIS)):
                    found.append({
                        "type": rule.type,
                        "severity": severity,
                        "message": rule.text.format(value),
                        "current_value": float(value),
                        "limit": limit,
                    })  # fmt: skip
                    break
        return found

    def _of_engine(self, health: Mapping[str, Any], statistics: Mapping[str, int]) -> list[dict[str, Any]]:
        """The engine's own: it takes no orders, its journal is in trouble, a venue is out, somebody overfilled."""
        found: list[dict[str, Any]] = []

        def add(kind: str, severity: str, message: str, value: Any, limit: Any, subject: str = "") -> None:
            found.append({"type": kind, "severity": severity, "message": message, "current_value": value,
                          "limit": limit, "subject": subject})  # fmt: skip

        if health["journal"] != "healthy":
            add("JOURNAL_TROUBLE", "CRITICAL", f"The journal is {health['journal']}: {health['trouble']}",
                health["journal"], "healthy")  # fmt: skip
        elif not health["accepting"]:
            add("NOT_ACCEPTING", "CRITICAL", f"The engine takes no orders: {health['trouble']}", False, True)
        for venue, out in health["venues_out"].items():
            add("VENUE_OUT", "MEDIUM", f"{venue} is taken out by the circuit breaker ({out['state']})", out["state"],
                "in", venue)  # fmt: skip
        if statistics["overfills"]:
            add("OVERFILL", "HIGH", f"{statistics['overfills']} fills beyond what their orders had open",
                statistics["overfills"], 0)  # fmt: skip
        if health["capture"] not in (None, "on"):
            add("CAPTURE_ENDED", "MEDIUM", f"The market is no longer captured: {health['capture']}", health["capture"],
                "on")  # fmt: skip
        return found

    def _tell(self, alert: dict[str, Any], now_ns: int) -> None:
        log.warning("%s %s: %s (limit %s)", alert["severity"], alert["type"], alert["message"], alert["limit"])
        if self._bus is not None:
            timestamp = datetime.fromtimestamp(now_ns // 1000 / 1e6, UTC)
            event = Event(event_type=EventType.RISK_ALERT, timestamp=timestamp, payload=dict(alert), source="monitor")
            result = self._bus.publish(event)
            if hasattr(result, "__await__"):
                self._awaited(result)

    @staticmethod
    def _awaited(result: Any) -> None:
        """Another bus's publish may be a coroutine: it becomes a task of the loop that runs, if one does."""
        import asyncio

        async def wait() -> None:
            await result

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if hasattr(result, "close"):
                result.close()
            return
        task = loop.create_task(wait())
        _TASKS.add(task)
        task.add_done_callback(_TASKS.discard)


_TASKS: set[Any] = set()
_LIMITS = {
    "rejection_rate": "max_rejection_rate",
    "avg_execution_latency": "max_execution_latency",
    "avg_implementation_shortfall": "max_implementation_shortfall",
}
