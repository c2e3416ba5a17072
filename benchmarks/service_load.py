"""What HTTP costs: requests a second, and what clients that stall cost the order path.

    pip install 'grandmodel-execution[service]'
    python benchmarks/service_load.py

An engine and its service as `gmexec serve` has them. First `/execution/health` is asked over eight connections kept
alive while orders flow; then the 99th percentile of `submit_order` is taken, in turns without clients, with a hundred
that opened a stream and read nothing, and with a dashboard's stream of fifty updates a second. The load is made in this
process and another, so on two processors they share: read the ratios.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from statistics import median

from grandmodel.execution.config import load_config
from grandmodel.execution.service.host import Host

ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 1.25}
PORT, SECONDS, CONNECTIONS, STALLED, ROUNDS, ORDERS = 8711, 3.0, 8, 100, 7, 34
REQUEST = f"GET /execution/health HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode()
STREAM = f"GET /execution/stream HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode()


def connect(request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    connection.sendall(request)
    return connection


def answered(connection: socket.socket) -> None:
    """Reads one whole answer."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65_536)
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head[:80]
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)


def load(seconds: float, told: multiprocessing.Queue) -> None:
    """Requests over kept connections, from a process of its own."""
    connections = [connect(REQUEST) for _ in range(CONNECTIONS)]
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for connection in connections:
            answered(connection)
            count += 1
            connection.sendall(REQUEST)
    told.put(count / seconds)


def watch(seconds: float, told: multiprocessing.Queue) -> None:
    """Reads a dashboard's stream, from a process of its own; updates a second."""
    connection, count = connect(STREAM), 0
    connection.recv(1 << 20)
    told.put("connected")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        count += connection.recv(1 << 20).count(b"event: state")
    told.put(count / seconds)


def orders(manager: object, count: int, seconds: float = 0.0) -> float:
    """The 99th percentile of single submissions, microseconds; for so long, `count` at a time, fifty times a second."""
    took, until = [], time.monotonic() + seconds
    while True:
        for _ in range(count):
            began = time.perf_counter_ns()
            manager.submit_order(ORDER)  # type: ignore[attr-defined]
            took.append(time.perf_counter_ns() - began)
        manager.cancel_all()  # type: ignore[attr-defined]
        if time.monotonic() >= until:
            return sorted(took)[len(took) * 99 // 100] / 1e3
        time.sleep(0.02)


def main() -> None:
    service = {"port": PORT, "max_connections": 1000, "updates_per_second": 50}
    config = load_config({"service": service, "market": {"events_per_second": 1}})
    host = Host(config)
    host.start()
    manager = host.engine.order_manager
    try:
        time.sleep(3)
        spawn = multiprocessing.get_context("spawn")
        told: multiprocessing.Queue = spawn.Queue()
        process = spawn.Process(target=load, args=(SECONDS, told))
        process.start()
        flowing = 0
        while process.is_alive():
            orders(manager, 100)
            flowing += 100
            time.sleep(0.05)
        print(f"{'/execution/health while orders flow':<52} {told.get():9.0f} requests/s ({flowing} orders)")
        quiet, stalled, streamed, rates = [], [], [], []
        for _ in range(ROUNDS):
            quiet.append(orders(manager, ORDERS, 2.0))
            idle = [connect(STREAM) for _ in range(STALLED)]
            time.sleep(0.5)
            stalled.append(orders(manager, ORDERS, 2.0))
            for connection in idle:
                connection.close()
            watcher = spawn.Process(target=watch, args=(2.0, told))
            watcher.start()
            assert told.get(timeout=30) == "connected"
            streamed.append(orders(manager, ORDERS, 2.0))
            rates.append(told.get(timeout=30))
            watcher.join()
        print(f"{'p99 of submit_order, nobody connected':<52} {median(quiet):9.2f} us")
        print(f"{'the same, 100 clients that stall':<52} {median(stalled) / median(quiet):9.2f} times")
        name = f"the same, a dashboard, {median(rates):.0f} updates/s"
        print(f"{name:<52} {median(streamed) / median(quiet):9.2f} times")
    finally:
        host.stop()


if __name__ == "__main__":
    main()
