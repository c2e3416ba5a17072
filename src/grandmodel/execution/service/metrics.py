"""The engine's own counters for Prometheus: collected when they are asked for, nothing is counted twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTERS = {
    "accepted": "Orders accepted", "refused": "Orders refused by the engine", "fills": "Fills booked",
    "late_fills": "Fills of orders that had ended", "overfills": "Fills beyond what was open",
    "duplicate_executions": "Executions told twice", "trade_throughs": "Executions at a worse price than was displayed",
    "unknown_reports": "Reports of nothing that is known", "journal_records": "Records of the journal",
}  # fmt: skip


class _Collector:
    def __init__(self, snapshot: Mapping[str, Any], venues: Mapping[str, Mapping[str, Any]]) -> None:
        self.snapshot, self.venues = snapshot, venues

    def collect(self) -> Iterable[Metric]:
        statistics, health = self.snapshot["statistics"], self.snapshot["health"]
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"grandmodel_{name}", text, value=statistics[name])
        yield GaugeMetricFamily("grandmodel_open_orders", "Orders that have not ended", value=statistics["open"])
        yield GaugeMetricFamily("grandmodel_accepting", "1: orders are taken", value=int(health["accepting"]))
        yield GaugeMetricFamily(
            "grandmodel_journal_healthy", "1: the journal is healthy", value=int(health["journal"] == "healthy")
        )
        yield GaugeMetricFamily("grandmodel_alerts", "Alerts that stand", value=len(self.snapshot["alerts"]))
        for name, value in self.snapshot["metrics"].items():
            if isinstance(value, int | float) and not math.isnan(value):
                yield GaugeMetricFamily(f"grandmodel_monitor_{name}", "Of the risk monitor's window", value=value)
        stages = GaugeMetricFamily(
            "grandmodel_latency_ns", "Percentiles of the order path by stage", labels=["stage", "quantile"]
        )
        for stage, row in self.snapshot["latency"].items():
            for quantile in ("p50", "p99", "p99.9"):
                if row.get(quantile) is not None:
                    stages.add_metric([stage, quantile], row[quantile])
        yield stages
        yield from self._of_venues(health)

    def _of_venues(self, health: Mapping[str, Any]) -> Iterable[Metric]:
        out = GaugeMetricFamily("grandmodel_venue_out", "1: taken out by the circuit breaker", labels=["venue"])
        for name in self.snapshot["venues"]:
            out.add_metric([name], int(name in health["venues_out"]))
        yield out
        for key, text in (("orders", "Orders sent"), ("fills", "Fills"), ("rejects", "Rejected orders")):
            family = CounterMetricFamily(f"grandmodel_venue_{key}", f"{text} by venue", labels=["venue"])
            for name, row in self.venues.items():
                family.add_metric([name], row[key])
            yield family


def exposition(snapshot: Mapping[str, Any], venues: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A snapshot in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot, venues))
    return generate_latest(registry)
