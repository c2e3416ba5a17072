"""A synthetic trading day with as many orders as are asked for, journalled and captured: what reports are made of."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from grandmodel.execution import ExecutionError, OrderManager
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.routing.algorithms.parent import run_parent
from grandmodel.execution.routing.smart_router import SmartOrderRouter
from grandmodel.execution.sessions import session

SYMBOLS = ("AAPL", "MSFT", "NVDA", "JPM", "XOM", "KO", "PFE", "WMT", "CVX", "HD", "GS", "BAC")
ALGORITHMS = ("twap", "vwap", "implementation_shortfall", "pov")
STRATEGIES = ("momentum", "value", "pairs")
LIMITS: dict[str, Any] = {
    "position_limits": {"default": 10**9},
    "order_limits": {"max_order_size": 10**6, "max_notional": 8_000_000, "daily_notional": 9_000_000_000},
    "exposure_limits": {
        "sectors": {}, "default_sector_limit": 1000, "max_leverage": 1000, "max_concentration": 1000,
    },
}  # fmt: skip


def make_day(
    folder: Path, orders: int, parents: int, *, seed: int = 1, minutes: float = 385.0, day: str = "2025-01-02",
    events_per_second: float | None = None,
) -> tuple[Path, Path]:  # fmt: skip
    """Works `orders` plain orders and `parents` algorithms' ones; the paths of journal and capture.

    Plain orders are market, limit at the touch or away from it, some are cancelled later; a few are refused.
    """
    from datetime import date

    hours = session("XNYS", date.fromisoformat(day))
    assert hours is not None
    journal, capture = folder / "day.gmj", folder / "day.gmc"
    market = {} if events_per_second is None else {"market": {"events_per_second": events_per_second}}
    config = load_config({
        "mode": "simulation", "seed": seed, "account": {"cash": 9_000_000_000},
        "order_management": {"daily_order_limit": 10**9, "max_order_value": 10**7}, "risk_controls": LIMITS,
        "journal": {"path": str(journal), "capture": str(capture)}, **market,
    })  # fmt: skip
    clock = SimulatedClock(hours.open_ns)
    core = make_core(config, clock=clock)
    draw = random.Random(seed)
    span_ns = round(minutes * 60e9)
    at = sorted(draw.randrange(span_ns) for _ in range(orders))

    async def plain(manager: OrderManager) -> None:
        resting: list[int] = []
        for number, offset in enumerate(at):
            await clock.sleep_until(hours.open_ns + 10**9 + offset)
            order: dict[str, Any] = {
                "symbol": draw.choice(SYMBOLS), "side": draw.choice(("buy", "sell")), "order_type": "market",
                "quantity": 100 * draw.choice((1, 1, 1, 2, 3, 5)), "strategy": draw.choice(STRATEGIES),
            }  # fmt: skip
            kind = draw.random()
            if kind < 0.6:
                quote = core.quote(order["symbol"])
                near = quote.bid_e9 if order["side"] == "buy" else quote.ask_e9
                if near is not None and near > 0:
                    away = draw.choice((0, 0, 1, 3)) * 10**7
                    price = near - away if order["side"] == "buy" else near + away
                    order |= {"order_type": "limit", "limit_price": price / 1e9}
            elif kind < 0.602:
                order["quantity"] = 10**7  # too large: refused
            try:
                order_id = int(await manager.submit_order(order))
            except ExecutionError:
                continue
            if order["order_type"] == "limit":
                resting.append(order_id)
            if number % 3 == 0 and len(resting) > 50:
                victim = resting.pop(draw.randrange(len(resting) // 2))
                if not core.is_closed(victim):
                    core.cancel(victim)
        for order_id in resting:
            if not core.is_closed(order_id):
                core.cancel(order_id)

    async def worked(router: SmartOrderRouter, number: int) -> None:
        begin = draw.randrange(max(1, span_ns * 9 // 10))
        order = {
            "symbol": SYMBOLS[number % len(SYMBOLS)], "side": draw.choice(("buy", "sell")), "order_type": "market",
            "quantity": 100 * draw.randrange(10, 60), "strategy": draw.choice(STRATEGIES),
        }  # fmt: skip
        algorithm = ALGORITHMS[number % len(ALGORITHMS)]
        minutes_left = (span_ns - begin) / 60e9
        await clock.sleep_until(hours.open_ns + 10**9 + begin)
        parameters = {"algorithm": algorithm, "duration_minutes": max(1.0, min(20.0, minutes_left)), "seed": number}
        if algorithm == "pov":
            parameters["participation_rate"] = 0.1
        parent = router.start(order, parameters)
        await run_parent(parent)

    async def all_of_it() -> None:
        router, manager = SmartOrderRouter(engine=core), OrderManager(engine=core)
        async with asyncio.TaskGroup() as group:
            group.create_task(plain(manager))
            for number in range(parents):
                group.create_task(worked(router, number))
        await clock.sleep_until(clock.now_ns() + 310 * 10**9)
        for symbol in SYMBOLS:  # so that the capture has what the market was five minutes after the last fill
            core.touch(symbol)

    run(all_of_it(), clock=clock, seed=seed)
    core.close()
    return journal, capture
