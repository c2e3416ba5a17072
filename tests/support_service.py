"""An engine with its port, and the application in front of it; parts that need the extra skip without it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("fastapi", reason="the extra `service` is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

import httpx

from grandmodel.execution.config import load_config
from grandmodel.execution.engine import ExecutionEngine
from grandmodel.execution.journal_file import JournalFile
from grandmodel.execution.risk.monitor import RealTimeExecutionRiskMonitor
from grandmodel.execution.service.access import Holder, Tokens, new_token, token_hash
from grandmodel.execution.service.app import create_app
from grandmodel.execution.service.board import Board
from grandmodel.execution.service.engine_client import EngineClient
from grandmodel.execution.service.port import EnginePort

TRADE, RISK, ADMIN = new_token(), new_token(), new_token()
TOKENS = Tokens(
    Holder(name, token_hash(token), frozenset(scopes))
    for name, token, scopes in (("desk", TRADE, ["trade"]), ("risk", RISK, ["risk"]), ("ops", ADMIN, ["admin"]))
)
HOST = "127.0.0.1:8000"
ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 1.25}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Served:
    """An engine, its port, and a client of the application; all in one loop."""

    def __init__(self, engine, app, client, http, monitor, port):
        self.engine, self.app, self.client, self.http = engine, app, client, http
        self.monitor, self.port = monitor, port

    async def fresh(self):
        """The next snapshot, and what the journal has by then."""
        self.engine.core.journal.flush()
        self.monitor.look()
        self.client.snapshot = await self.client.ask("snapshot")
        self.client.taken = time.monotonic()
        self.app.state.hub.board.read()


@contextlib.asynccontextmanager
async def served(tmp_path, *, tokens=TOKENS, service=None, **config):
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    settings = load_config({
        "seed": 4, "journal": {"path": str(tmp_path / "log")}, "service": service or {}, **config,
    })  # fmt: skip
    engine = ExecutionEngine(settings)
    monitor = RealTimeExecutionRiskMonitor(engine=engine)
    port = EnginePort(engine, directory / "engine.sock", monitor)
    await port.start()
    client = EngineClient(port.path, interval=30.0)
    app = create_app(client, Board(JournalFile(tmp_path / "log")), settings.service, tokens)
    try:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as http:
                here = Served(engine, app, client, http, monitor, port)
                await here.fresh()
                yield here
    finally:
        await port.close()
        engine.close()


GTC = {**ORDER, "time_in_force": "GTC"}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Run:
    """`gmexec serve` in a process of its own, until SIGTERM."""

    def __init__(self, directory, **config):
        self.port = free_port()
        self.journal = directory / "log"
        settings = {"journal": {"path": str(self.journal)}, "seed": 4, "performance": {"enable_fast_path": False},
                    **config}  # fmt: skip
        file = directory / "engine.yaml"
        file.write_text(json.dumps(settings))
        self.log = directory / "log.txt"
        code = "from grandmodel.execution.cli import main; import sys; sys.argv[0] = 'gmexec'; main()"
        with open(self.log, "w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "serve", "--config", str(file), "--port", str(self.port)],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self._until(lambda: "in order" in self.log.read_text())  # the banner is whole
        self._until(lambda: self.http.get("/execution/ready").status_code == 200)
        self.token = next(word for word in self.log.read_text().split() if word.startswith("gmx_"))

    def _until(self, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if what():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def submit(self, order=GTC):
        answer = self.http.post("/execution/orders", json=order, headers={"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.http.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.http.close()
