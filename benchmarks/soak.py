"""An engine and its service under a steady flow: memory and handles flat, nothing lost, the log gives the state again.

    python benchmarks/soak.py [MINUTES] [ORDERS_A_MINUTE]

100,000 orders a minute for ten minutes unless told otherwise: most take, some rest and are cancelled. Exit status 1
when anonymous memory or handles have grown (8 MB, 4 handles between the second minute and the last), an order is
missing, or the journal, read again, gives another state.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from grandmodel.execution._core.recovery import state_hash
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import ExecutionEngine
from grandmodel.execution.order_management.memory import process_bytes
from grandmodel.execution.service.host import Host

GROWTH, HANDLES, BEAT = 8 << 20, 4, 0.05
TAKING = {"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "market", "time_in_force": "IOC"}
RESTING = {"symbol": "MSFT", "side": "sell", "quantity": 1, "order_type": "limit", "limit_price": 900.0}


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    a_minute = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as directory:
        journal = {"path": str(Path(directory) / "log")}
        config = load_config({"seed": 4, "journal": journal, "service": {"port": 8712, "on_exit": "leave"},
                              "performance": {"enable_fast_path": False}})  # fmt: skip
        host = Host(config)
        host.start()
        manager, submitted, seen, began = host.engine.order_manager, 0, [], time.monotonic()
        say = began
        while (now := time.monotonic()) - began < minutes * 60:
            for _ in range(max(0, int((now - began) * a_minute / 60) - submitted)):
                if submitted % 10 == 9:
                    manager.cancel_order(manager.submit_order(RESTING))
                else:
                    manager.submit_order({**TAKING, "side": "sell" if submitted % 2 else "buy"})
                submitted += 1
            if now - say >= 10:
                say = now
                handles = len(os.listdir("/proc/self/fd"))
                seen.append((now - began, int(process_bytes()), handles))
                megabytes = seen[-1][1] / 2**20
                print(f"{now - began:6.0f} s {submitted:10,} orders {megabytes:8.1f} MB {handles:4d} handles")
                sys.stdout.flush()
            time.sleep(BEAT)
        statistics, state = manager.statistics(), state_hash(host.engine.core)
        host.stop()
        with ExecutionEngine(config) as again:
            same = state_hash(again.core) == state
    settled = [row for row in seen if row[0] >= min(120.0, minutes * 30)] or seen
    grown, more = settled[-1][1] - settled[0][1], settled[-1][2] - settled[0][2]
    wrong = []
    if grown > GROWTH or more > HANDLES:
        wrong.append(f"grown by {grown / 2**20:.1f} MB and {more} handles")
    if statistics["accepted"] != submitted or statistics["journal_lost"]:
        lost = statistics["journal_lost"]
        wrong.append(f"{submitted} submitted, {statistics['accepted']} accepted, {lost} records lost")
    if not same:
        wrong.append("the journal gives another state")
    told = f"{submitted:,} orders, {statistics['fills']:,} fills, {grown / 2**20:+.1f} MB, {more:+d} handles"
    print(f"{told}: {'; '.join(wrong) or 'good'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
