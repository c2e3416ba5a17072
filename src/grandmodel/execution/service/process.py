"""The service's own process: made by `start_service`, told what it serves on its standard input, ended by that."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..config import Service, load_config

#: Seconds that the process may take until it serves.
PATIENCE = 60.0


def listen(settings: Service) -> list[socket.socket]:
    """The sockets that the service accepts on. The engine's process opens them: what is wrong is said before anything
    is begun, and while the service is started again its clients wait, instead of being refused."""
    _check_tls(settings)
    found: list[socket.socket] = []
    failure: OSError | None = None
    try:
        rows = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(rows):
            try:
                found.append(_bound(family, kind, protocol, address))
            except OSError as error:  # a name such as localhost may have an address that this machine has not
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                failure = error
        if not found:
            raise failure or OSError(errno.EADDRNOTAVAIL, "it has no address")
    except OSError as error:
        for each in found:
            each.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, f"port {settings.port} is in use") from None
        text = f"{settings.host}, port {settings.port}, cannot be served: {error.strerror or error}"
        raise OSError(error.errno, text) from None
    return found


def _bound(family: int, kind: int, protocol: int, address: object) -> socket.socket:
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)  # type: ignore[arg-type]
        bound.listen(2048)  # two who are bound alike differ only here
    except BaseException:
        bound.close()
        raise
    return bound


def _check_tls(settings: Service) -> None:
    """OSError names a file that cannot be read, ValueError both where they do not fit."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    for path in (settings.tls_certificate, settings.tls_key):
        with open(path, "rb"):  # its error names the file; OpenSSL's does not
            pass
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=""
        )  # an encrypted key would be asked about on a terminal that a service has not
    except ssl.SSLError as error:
        text = f"tls_certificate {settings.tls_certificate} and tls_key {settings.tls_key} are no pair of PEM files"
        raise ValueError(f"{text} without a passphrase: {error.reason or error}") from None


def start_service(
    settings: Service, listening: Sequence[socket.socket], engine: Path, journal: Path | None
) -> subprocess.Popen[bytes]:
    """Starts the process, and waits until it serves. It ends when its standard input is closed, also by this one's
    death.

    Parameters
    ----------
    listening : of `listen`
    engine : the socket of the engine's port

    Raises
    ------
    OSError  it has ended instead, or takes too long
    """
    ready, told_on = os.pipe()
    fds = [each.fileno() for each in listening]
    told = {
        "service": settings.model_dump(mode="json"),
        "listening": fds,
        "ready": told_on,
        "socket": str(engine),
        "journal": None if journal is None else str(journal),
    }
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "grandmodel.execution.service.process"],
            stdin=subprocess.PIPE,
            pass_fds=(*fds, told_on),
            start_new_session=True,  # a terminal's Ctrl-C is the host's, who ends this in order
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(told_on)  # only the child has it: its end is an end of file here
    try:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(told).encode() + b"\n")
            child.stdin.flush()
        came, _, _ = select.select([ready], [], [], PATIENCE)
        if not came:
            raise OSError(f"the service does not start: nothing for {PATIENCE:g} s")
        if not os.read(ready, 1):
            raise OSError(f"the service does not start: its process ended with status {child.wait(PATIENCE)}")
    except BaseException:
        child.kill()
        child.communicate()  # waits, and closes its standard input
        raise
    finally:
        os.close(ready)
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
    listening = [socket.socket(fileno=fd) for fd in told["listening"]]
    work = serve(settings, listening, told["ready"], Path(told["socket"]), told["journal"])
    try:
        uvloop: Any = import_module("uvloop")
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def serve(
    settings: Service, listening: list[socket.socket], ready: int, engine: Path, journal: str | None
) -> None:
    """Serves until standard input ends. That it does is told by a byte on the descriptor `ready`."""
    import uvicorn

    from ..journal_file import JournalFile
    from .app import create_app
    from .board import Board
    from .engine_client import EngineClient
    from .logs import configure

    configure(settings.log_format)
    board = None if journal is None else Board(JournalFile(journal), settings.window_seconds)
    app = create_app(EngineClient(engine), board, settings)
    config = uvicorn.Config(
        app,
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

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                os.write(ready, b"1")
            os.close(ready)

    server = Server(config)
    loop = asyncio.get_running_loop()

    def ended() -> None:
        while os.read(0, 4096):  # sys.stdin has a lock, which a daemon thread may hold when the interpreter ends
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(setattr, server, "should_exit", True)

    threading.Thread(target=ended, name="parent", daemon=True).start()
    await server.serve(sockets=listening)


if __name__ == "__main__":
    main()
