"""The service's own process: made by `start_service`, told what it serves on its standard input, ended by that."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from ..config import Service, load_config


def start_service(settings: Service, socket: Path, journal: Path | None) -> subprocess.Popen[bytes]:
    """Starts the process. It ends when its standard input is closed, also by this one's death."""
    told = {
        "service": settings.model_dump(mode="json"),
        "socket": str(socket),
        "journal": None if journal is None else str(journal),
    }
    child = subprocess.Popen([sys.executable, "-m", "grandmodel.execution.service.process"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(json.dumps(told).encode() + b"\n")
    child.stdin.flush()
    return child


def stop_service(child: subprocess.Popen[bytes], patience: float = 10.0) -> int:
    """Ends it in order, or by force; its exit status."""
    if child.stdin is not None and not child.stdin.closed:
        child.stdin.close()
    try:
        return child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def main() -> None:
    """What the child runs."""
    told: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    settings = load_config({"service": told["service"]}).service
    work = serve(settings, Path(told["socket"]), told["journal"])
    try:
        uvloop: Any = import_module("uvloop")
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def serve(settings: Service, socket: Path, journal: str | None) -> None:
    """Serves until standard input ends."""
    import uvicorn

    from ..journal_file import JournalFile
    from .app import create_app
    from .board import Board
    from .engine_client import EngineClient
    from .logs import configure

    configure(settings.log_format)
    board = None if journal is None else Board(JournalFile(journal), settings.window_seconds)
    app = create_app(EngineClient(socket), board, settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.max_connections,
        h11_max_incomplete_event_size=16_384,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()

    def ended() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(setattr, server, "should_exit", True)

    threading.Thread(target=ended, name="parent", daemon=True).start()
    await server.serve()


if __name__ == "__main__":
    main()
