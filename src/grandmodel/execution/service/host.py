"""An engine that is served: its loop, its port, its monitor and the service's process, from start to end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..clock import LiveClock
from ..config import ExecutionConfig, load_config
from ..performance import HighPerformanceExecutionEngine
from ..risk.monitor import RealTimeExecutionRiskMonitor
from .access import new_token, token_hash
from .port import EnginePort
from .process import listen, start_service, stop_service

if TYPE_CHECKING:
    from ..routing.ticket import ExecutionResult

log = logging.getLogger("grandmodel.execution.service")

#: Seconds between two beats of a market that nobody waits for, and for which open orders are waited at the end.
BEAT, ENDING = 0.01, 5.0


class Host:
    """One engine and its service.

    Parameters
    ----------
    config : its `service` section says to whom and how
    clock : of the engine; None: the machine's
    """

    def __init__(self, config: ExecutionConfig, clock: LiveClock | None = None) -> None:
        self.listening = listen(config.service)  # first: who cannot serve need not open a journal
        self.directory = Path(tempfile.mkdtemp(prefix="gmexec-"))  # mode 0700
        self.token: str | None = None
        settings = config.service
        if not settings.tokens:
            self.token = new_token()
            row = {"sha256": token_hash(self.token), "scopes": ["admin"]}
            settings = load_config({"service": {**settings.model_dump(), "tokens": {"this-run": row}}}).service
        journal = config.journal
        if journal.path is None:
            journal = journal.model_copy(update={"path": str(self.directory / "journal")})
        self.config = config.model_copy(update={"journal": journal, "service": settings})
        try:
            self.engine = HighPerformanceExecutionEngine(self.config, clock=clock)
        except BaseException:
            self._unlisten()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self.monitor = RealTimeExecutionRiskMonitor(engine=self.engine, window_seconds=settings.window_seconds)
        self.port = EnginePort(self.engine, self.directory / "engine.sock", self.monitor)
        self.child: Any = None

    def start(self) -> None:
        """Opens the port and starts the service."""
        loop = self.engine.loop_thread
        loop.submit(self.port.start()).result()
        loop.submit(self.monitor.monitor_execution_risk())
        loop.submit(self._beat())
        self.start_child()

    def start_child(self) -> None:
        """Starts the service's process. OSError when it does not serve."""
        path = self.config.journal.path
        assert path is not None
        self.child = start_service(self.config.service, self.listening, self.port.path, Path(path))

    def _unlisten(self) -> None:
        for each in self.listening:
            each.close()

    async def _beat(self) -> None:
        """A market lives when somebody asks it: here somebody does."""
        while not self.engine.core.closed:
            try:
                self.engine.order_manager.pump()
            except Exception:
                log.exception("the engine's beat failed")
            await asyncio.sleep(BEAT)

    @property
    def url(self) -> str:
        """Where it is served."""
        service = self.config.service
        scheme = "http" if service.tls_certificate is None else "https"
        host = f"[{service.host}]" if ":" in service.host else service.host
        return f"{scheme}://{host}:{service.port}/execution"

    def stop(self) -> dict[str, Any]:
        """Takes no more orders, cancels the open ones if the configuration says so, seals the journal: a report."""
        engine = self.engine
        self.port.accepting = False
        asked = 0
        if self.config.service.on_exit == "cancel":
            asked = len(engine.order_manager.cancel_all())
            until = time.monotonic() + ENDING
            while engine.order_manager.open_orders() and time.monotonic() < until:
                engine.order_manager.pump()
                time.sleep(BEAT)
        left = len(engine.order_manager.open_orders())
        self.monitor.monitoring_enabled = False
        self._unlisten()
        status = None if self.child is None else stop_service(self.child)
        engine.loop_thread.submit(self.port.close()).result()
        statistics = engine.order_manager.statistics()
        engine.close()
        kept = str(self.directory / "journal") != self.config.journal.path
        report = {"cancelled": asked, "left_open": left, "service_exit": status, "statistics": statistics,
                  "journal": self.config.journal.path if kept else None}  # fmt: skip
        shutil.rmtree(self.directory, ignore_errors=True)
        return report


def serve(path: Path | None, port: int | None, seconds: float | None) -> None:
    """What `gmexec serve` does."""
    config = load_config({} if path is None else path)
    _hosted(config, port, None, lambda host, began: seconds is not None and time.monotonic() - began >= seconds)


def serve_day(config: ExecutionConfig, port: int | None, speed: int) -> list[ExecutionResult]:
    """What `gmexec run --serve` does: the basket's day, `speed` times as fast, served meanwhile; on a terminal the
    pages stay until Ctrl-C. What became of the orders that have ended."""
    from ..sessions import session
    from ..simulation.basket import BASKET, work_basket

    hours = session("XNYS", date(2025, 1, 2))
    assert hours is not None
    clock = LiveClock(speed, hours.open_ns)
    results: list[ExecutionResult] = []
    day: concurrent.futures.Future[list[ExecutionResult]] | None = None

    def is_over(host: Host, _: float) -> bool:
        nonlocal day
        if day is None:
            work = work_basket(host.engine.core, clock, BASKET, hours.open_ns, hours.close_ns, None)
            day = host.engine.loop_thread.submit(work)
        if not day.done():
            return False
        if not results:
            results.extend(day.result())
            if sys.stdin.isatty():
                typer.echo("done        the day is over; Ctrl-C ends the pages")
        return not sys.stdin.isatty()

    _hosted(config, port, clock, is_over)
    return results


def _hosted(
    config: ExecutionConfig, port: int | None, clock: LiveClock | None, is_over: Callable[[Host, float], bool]
) -> None:
    """Serves an engine until a signal comes, or `is_over(host, began)`."""
    try:
        from .logs import configure
    except ImportError as error:
        raise ValueError(f"the service needs {error.name}: pip install 'grandmodel-execution[service]'") from error
    if port is not None:
        service = config.service.model_copy(update={"port": port})
        config = config.model_copy(update={"service": service})
    configure(config.service.log_format)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    host = Host(config, clock)
    try:
        host.start()
        typer.echo(f"serving     {host.url}/dashboard")
        typer.echo(f"journal     {host.config.journal.path}")
        if host.token is not None:
            typer.echo(f"token       {host.token}")
            typer.echo("            for this run, all scopes; it is not shown again")
        typer.echo(f"process     {os.getpid()}; SIGTERM or Ctrl-C stops it in order")
        sys.stdout.flush()
        began = time.monotonic()
        while not ending.wait(0.2) and not is_over(host, began):
            if host.child.poll() is not None:
                log.error("the service has ended with status %s: it is started again", host.child.returncode)
                try:
                    host.start_child()
                except OSError as error:
                    log.error("%s", error)
                ending.wait(1.0)
    finally:
        report = host.stop()
        figures = report["statistics"]
        typer.echo(
            f"stopped     {figures['accepted']} orders, {figures['fills']} fills, {report['cancelled']} cancelled, "
            f"{report['left_open']} left open"
        )
        if report["journal"] is not None:
            typer.echo(f"sealed      {report['journal']}")
