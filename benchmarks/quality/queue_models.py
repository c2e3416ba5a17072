"""How well do queue models tell what the queue itself knows?

The AMZN day of the LOBSTER samples is recorded by order, so an own order's place in it is exact. The same day told by
price level, with the same own orders, is what a model must guess. Every twenty seconds an order for 100 shares joins
the bid or the ask, and leaves a minute later.

    python benchmarks/quality/queue_models.py --messages AMZN_..._message_5.csv --orderbook AMZN_..._orderbook_5.csv
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np

from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation import read_lobster, read_recording
from grandmodel.execution.simulation.recording import of_lobster
from grandmodel.execution.simulation.replay import replay_core

EVERY, PATIENCE, SHARES = 20.0, 60.0, 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of each order, as they were sent: shares filled, seconds to the last fill (NaN: none)."""

    filled: np.ndarray[Any, np.dtype[np.int64]]
    seconds: np.ndarray[Any, np.dtype[np.float64]]


def join_the_touch(recording: Any, model: str = "risk_averse", power: int = 2) -> Outcome:
    """Orders at the touch all day, in one recording."""
    clock = SimulatedClock(recording.start_ns)
    core = replay_core(recording, clock, queue_model=model, power=power)
    orders = OrderManager(engine=core)
    sent: list[int] = []

    async def one(side: str, price_e9: int) -> None:
        ticket = orders.submit_order(
            {"symbol": recording.symbol, "side": side, "quantity": SHARES, "order_type": "limit",
             "limit_price": price_e9 / 1e9, "post_only": True}
        )  # fmt: skip
        sent.append(ticket.order_id)
        await clock.sleep(PATIENCE)
        if not core.is_closed(ticket.order_id):
            core.cancel(ticket.order_id)

    async def day() -> None:
        working = []
        await clock.sleep(EVERY)
        while clock.now_ns() < recording.end_ns - 2 * PATIENCE * 1e9:
            quote = core.quote(recording.symbol)
            side, price_e9 = ("buy", quote.bid_e9) if len(sent) % 2 == 0 else ("sell", quote.ask_e9)
            working.append(asyncio.ensure_future(one(side, price_e9)))
            await clock.sleep(EVERY)
        await asyncio.gather(*working)

    run(day(), clock=clock)
    filled, seconds = np.zeros(len(sent), np.int64), np.full(len(sent), np.nan)
    fills = core.fills()
    for place, order_id in enumerate(sent):
        mine = fills[fills["order_id"] == order_id]
        if len(mine):
            filled[place] = mine["quantity"].sum()
            seconds[place] = (int(mine["venue_time_ns"][-1]) - core.get_order(order_id).created_ns) / 1e9
    return Outcome(filled, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", required=True)
    parser.add_argument("--orderbook", required=True)
    given = parser.parse_args()
    exact = join_the_touch(of_lobster(read_lobster(given.messages, given.orderbook)))
    levels = read_recording(given.messages, orderbook=given.orderbook, symbol="AMZN")
    print(f"{len(exact.filled)} orders of {SHARES} shares, a minute each")
    print(f"{'':<14}{'shares filled':>14}{'of the exact':>14}{'same outcome':>14}{'median wait':>13}")
    rows = [("by order", exact)]
    for model, power in (("risk_averse", 2), ("power", 1), ("power", 2), ("power", 3), ("log", 2)):
        rows.append((f"power {power}" if model == "power" else model, join_the_touch(levels, model, power)))
    for name, outcome in rows:
        same = np.mean((outcome.filled == SHARES) == (exact.filled == SHARES))
        print(
            f"{name:<14}{outcome.filled.sum():>14,}{outcome.filled.sum() / exact.filled.sum():>14.1%}{same:>14.1%}"
            f"{np.nanmedian(outcome.seconds):>11.1f} s"
        )


if __name__ == "__main__":
    main()
