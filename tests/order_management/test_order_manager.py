"""The order manager as a strategy author meets it: the mission's first example, tickets, refusals, buses."""

from __future__ import annotations

import asyncio
import threading
from unittest.mock import MagicMock

import numpy as np
import pytest

from grandmodel.execution import (
    EngineClosed,
    EventBus,
    EventType,
    ExecutionEngine,
    OrderManager,
    OrderRejected,
    OrderStateError,
    OrderStatus,
    OrderValidationError,
    Reason,
    RiskLimitBreached,
    SmartOrderRouter,
    UnknownOrder,
)
from grandmodel.execution import clock as clocks
from grandmodel.execution.config import ConfigError

MISSION_CONFIG = {"max_order_value": 1000000, "daily_order_limit": 10000, "enable_pre_trade_risk": True}
MISSION_ORDER = {"symbol": "AAPL", "quantity": 100, "order_type": "market", "side": "buy", "time_in_force": "DAY"}


def test_the_missions_first_example_works_as_it_stands():
    async def main():
        order_manager = OrderManager(MISSION_CONFIG, None)
        order_id = await order_manager.submit_order(dict(MISSION_ORDER))
        return order_manager.get_order(order_id)

    order = asyncio.run(main())
    assert order.status is OrderStatus.FILLED
    assert (order.filled_quantity, order.leaves_quantity) == (100, 0)
    assert 140.0 < order.average_price < 160.0  # the packaged reference of AAPL is 150.00


def test_a_plain_loop_of_calls_submits_each_order_when_called():
    om = OrderManager(MISSION_CONFIG)
    tickets = [om.submit_order({**MISSION_ORDER, "quantity": 1}) for _ in range(50)]
    assert [ticket.order_id for ticket in tickets] == list(range(1, 51))
    assert om.statistics()["accepted"] == 50


@pytest.mark.parametrize(
    "order",
    [
        {
            "symbol": "AAPL", "quantity": 100, "order_type": "limit", "side": "buy", "limit_price": 150.25,
            "time_in_force": "GTC",
        },
        {"symbol": "AAPL", "quantity": 100, "order_type": "market", "side": "buy", "urgency": "immediate"},
        {
            "symbol": "AAPL", "quantity": 1000, "order_type": "iceberg", "side": "buy", "limit_price": 150.00,
            "display_quantity": 100, "time_in_force": "DAY",
        },
    ],
)  # fmt: skip
def test_the_missions_order_types(order):
    om = OrderManager(MISSION_CONFIG)
    assert om.validate_order(order).is_valid
    assert om.submit_order(order).status in (OrderStatus.FILLED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


def test_validate_order_names_the_field_and_records_nothing():
    om = OrderManager(MISSION_CONFIG, MagicMock())
    before = om.core.journal.records
    result = om.validate_order({"symbol": "AAPL", "quantity": -100, "order_type": "market", "side": "buy"})
    assert not result.is_valid
    assert "quantity" in result.errors
    assert om.core.journal.records == before


def test_what_no_venue_takes_is_refused_by_name():
    om = OrderManager({"routing": {"venues": {"A": {"cost_per_share": 0, "order_types": ["limit"]}}}})
    pegged = {"symbol": "AAPL", "quantity": 100, "order_type": "pegged_midpoint", "side": "sell"}
    with pytest.raises(OrderRejected) as caught:
        om.submit_order(pegged)
    assert caught.value.reason is Reason.UNSUPPORTED
    with pytest.raises(OrderRejected, match=r"no venue takes a limit order with OPG$"):
        om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": 150, "time_in_force": "OPG"})
    with pytest.raises(OrderRejected, match=r"A takes no market order with DAY$"):
        om.submit_order({**MISSION_ORDER, "venue": "A"})


def test_limits_of_the_section_hold_at_submission():
    om = OrderManager({"max_order_value": 1000, "risk_controls": {"order_limits": {"max_order_size": 50}}})
    with pytest.raises(RiskLimitBreached) as caught:
        om.submit_order(MISSION_ORDER)
    assert caught.value.failed_checks == ["order_size_limit"]
    assert om.core.portfolio.position("AAPL") == (0, 0, 0)
    assert om.statistics()["refused"] == 1


def test_a_wrong_configuration_names_path_and_nearest_key():
    with pytest.raises(ConfigError, match="max_order_value"):
        OrderManager({"max_order_valu": 1})


def test_await_filled_and_done_in_virtual_time():
    async def main():
        om = OrderManager()
        bid = om.quote("AAPL").bid
        resting = om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": bid})
        order = await resting.filled()
        far = om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": 100.0})
        om.cancel_order(far.order_id)
        ended = await far.done()
        with pytest.raises(OrderStateError, match="CANCELED"):
            await far.filled()
        return order, ended

    order, ended = clocks.run(main(), seed=3)
    assert order.status is OrderStatus.FILLED
    assert order.average_price == order.limit_price
    assert ended.status is OrderStatus.CANCELED


def test_cancel_of_what_is_closed_or_unknown_is_an_error():
    om = OrderManager()
    order_id = om.submit_order(MISSION_ORDER).order_id
    with pytest.raises(OrderStateError):
        om.cancel_order(order_id)
    with pytest.raises(UnknownOrder):
        om.cancel_order(999)


def test_a_batch_gives_ids_and_reasons_row_by_row():
    om = OrderManager()
    rows = om.order_rows(4)
    rows["symbol"] = om.symbol_number("AAPL")
    rows["side"] = 1
    rows["quantity"] = [10, 0, 10, 10]
    rows["order_type"] = 2
    rows["limit_price_e9"] = [100 * 10**9, 100 * 10**9, 100 * 10**9 + 1, 100 * 10**9]
    result = om.submit_orders(rows)
    assert (result > 0).tolist() == [True, False, False, True]
    assert result[1] == result[2] == -100
    assert [order.quantity for order in om.open_orders()] == [10, 10]
    assert np.array_equal(om.orders_array()["quantity"], [10, 10])


def test_any_object_with_publish_is_a_bus():
    bus = MagicMock()
    om = OrderManager(MISSION_CONFIG, bus)
    om.submit_order(MISSION_ORDER)
    om.pump()
    types = [call.args[0].event_type for call in bus.publish.call_args_list]
    assert EventType.ORDER_SUBMITTED in types
    assert EventType.ORDER_FILLED in types


def test_our_bus_delivers_in_a_running_loop_without_a_pump():
    seen = []

    async def main():
        bus = EventBus()
        bus.subscribe(EventType.ORDER_FILLED, seen.append)
        om = OrderManager(MISSION_CONFIG, bus)
        await om.submit_order(MISSION_ORDER)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert sum(event.payload["quantity"] for event in seen) == 100


def test_close_refuses_what_comes_after_and_may_be_repeated():
    om = OrderManager()
    order_id = om.submit_order(MISSION_ORDER).order_id
    om.close()
    om.close()
    with pytest.raises(EngineClosed):
        om.submit_order(MISSION_ORDER)
    assert om.get_order(order_id).status is OrderStatus.FILLED


def test_leaving_a_with_block_closes():
    with OrderManager() as om:
        ticket = om.submit_order(MISSION_ORDER)
    assert ticket.order_id
    with pytest.raises(EngineClosed):
        om.submit_order(MISSION_ORDER)


def test_one_engine_has_one_core_behind_all_its_faces():
    with ExecutionEngine({"mode": "simulation"}) as engine:
        order_id = engine.order_manager.submit_order(MISSION_ORDER).order_id
        assert SmartOrderRouter(engine=engine).core is engine.core
        assert OrderManager(engine=engine).get_order(order_id).order_id == order_id
    with pytest.raises(ValueError, match="config and engine"):
        OrderManager({"max_order_value": 1}, engine=engine)
    with pytest.raises(TypeError, match="engine is int"):
        _ = OrderManager(engine=3).core


def test_the_seed_of_the_simulation_is_the_private_cores():
    async def main():
        om = OrderManager()
        for _ in range(20):
            om.submit_order(MISSION_ORDER)
            await clocks.current_clock().sleep(1.0)
        om.close()
        return om.core.journal.sha256()

    hashes = [clocks.run(main(), seed=seed) for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_threads_at_the_first_use_share_one_core():
    om = OrderManager()
    barrier = threading.Barrier(4)
    ids = []

    def work():
        barrier.wait()
        ids.extend(om.submit_order({**MISSION_ORDER, "quantity": 1}).order_id for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == list(range(1, 201))
    assert om.statistics()["accepted"] == 200


def test_who_waits_when_the_engine_is_closed_is_told():
    async def main():
        om = OrderManager()
        ticket = om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": 1.0})
        waiting = asyncio.ensure_future(ticket.filled())
        await asyncio.sleep(0)
        om.close()
        with pytest.raises(EngineClosed):
            await waiting
        with pytest.raises(EngineClosed):
            await ticket.done()

    asyncio.run(main())


def test_a_wait_that_was_given_up_is_forgotten():
    async def main():
        om = OrderManager()
        ticket = om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": 1.0})
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ticket.filled(), 1.0)
        return om.core.has_waiters

    assert clocks.run(main()) is False


def test_a_thousand_market_orders_at_once_find_what_there_is_and_no_more():
    om = OrderManager()
    tickets = [om.submit_order(MISSION_ORDER) for _ in range(1000)]
    ended = {om.get_order(ticket.order_id).status for ticket in tickets}
    assert ended <= {OrderStatus.FILLED, OrderStatus.CANCELED}
    filled = sum(om.get_order(ticket.order_id).filled_quantity for ticket in tickets)
    assert om.core.portfolio.position("AAPL") == (filled, 0, 0)


@pytest.mark.parametrize("wrong", [1.5, True, "1", None])
def test_what_is_no_order_id_is_refused(wrong):
    om = OrderManager()
    om.submit_order(MISSION_ORDER)
    for call in (om.get_order, om.cancel_order):
        with pytest.raises(TypeError, match="order_id is"):
            call(wrong)
    for unknown in (0, -1, 2**63, 77):
        with pytest.raises(UnknownOrder):
            om.get_order(unknown)
        with pytest.raises(UnknownOrder):
            om.fills(unknown)


def test_a_refused_order_cannot_be_cancelled():
    om = OrderManager()
    with pytest.raises(OrderValidationError) as refused:
        om.submit_order({**MISSION_ORDER, "quantity": 0})
    with pytest.raises(OrderStateError, match="REJECTED"):
        om.cancel_order(refused.value.order_id)


def test_a_ticket_stands_for_its_order_id():
    om = OrderManager()
    ticket = om.submit_order(MISSION_ORDER)
    assert om.get_order(ticket).order_id == int(ticket) == ticket.order_id
    resting = om.submit_order({**MISSION_ORDER, "order_type": "limit", "limit_price": 1.0})
    om.cancel_order(resting)
    assert resting.status is OrderStatus.CANCELED
    assert om.fills(ticket)["quantity"].sum() == 100
