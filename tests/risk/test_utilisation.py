"""How much of each limit is used: by hand, and never above what the checks let pass."""

from __future__ import annotations

import pytest

from grandmodel.execution import OrderManager, OrderRejected
from grandmodel.execution.risk.utilisation import Utilisation, utilisation

LIMITS = {
    "position_limits": {"default": 1000, "MSFT": 500},
    "order_limits": {"daily_notional": 1_000_000, "max_open_orders": 20},
    "exposure_limits": {"max_leverage": 2, "max_gross": 500_000, "default_sector_limit": 0.5},
}


def shares(manager):
    return {each.limit: each for each in utilisation(manager.core)}


def test_by_hand():
    manager = OrderManager({"risk_controls": LIMITS, "account": {"cash": 1_000_000}, "daily_order_limit": 50})
    assert all(each.used == 0 for each in utilisation(manager.core))
    resting = {"symbol": "AAPL", "side": "buy", "quantity": 300, "order_type": "limit", "limit_price": 100}
    manager.submit_order(resting)
    manager.submit_order({**resting, "symbol": "MSFT", "side": "sell", "quantity": 100, "limit_price": 900})
    found = shares(manager)
    assert found["position_limits.AAPL"] == Utilisation("position_limits.AAPL", 300.0, 1000.0)
    assert found["position_limits.MSFT"].share == pytest.approx(100 / 500)
    assert found["order_limits.max_open_orders"].used == 2
    assert found["order_management.daily_order_limit"] == Utilisation("order_management.daily_order_limit", 2, 50.0)
    assert found["order_limits.daily_notional"].used == pytest.approx(300 * 100 + 100 * 900)
    ordered = [each.share for each in utilisation(manager.core)]
    assert ordered == sorted(ordered, reverse=True)
    manager.close()


def test_nothing_that_passed_is_beyond_its_limit():
    manager = OrderManager({"risk_controls": LIMITS, "account": {"cash": 1_000_000}, "seed": 3})
    refused = 0
    for k in range(60):
        order = {"symbol": ("AAPL", "MSFT", "KO")[k % 3], "side": "buy", "quantity": 90, "order_type": "market"}
        try:
            manager.submit_order(order)
        except OrderRejected:
            refused += 1
    assert refused > 0
    counted = shares(manager)
    assert counted["position_limits.AAPL"].used > 0
    assert all(each.share <= 1.0 for name, each in counted.items() if "notional" in name or "position" in name)
    manager.close()


def test_something_used_of_nothing():
    assert Utilisation("x", 1.0, 0.0).share == float("inf")
    assert Utilisation("x", 0.0, 0.0).share == 0.0
