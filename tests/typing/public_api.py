"""What mypy makes of the public names; test_typing.py runs it over this file and reads the comments."""

from typing import reveal_type

from grandmodel.execution import OrderManager, OrderStatus, Side, Unknown, load_config, to_json
from grandmodel.execution.clock import current_clock
from grandmodel.execution.routing.algorithms import make_algorithm

manager = OrderManager({"max_order_value": 1_000_000})
reveal_type(manager.validate_order({}).is_valid)  # bool
reveal_type(manager.validate_order({}).errors)  # dict[str, list[str]]
reveal_type(manager.statistics())  # dict[str, int]
reveal_type(OrderStatus.FILLED.is_closed)  # bool
reveal_type(Side.BUY.sign)  # int
reveal_type(Unknown("no quote").reason)  # str
reveal_type(to_json({}))  # str
reveal_type(load_config({}).seed)  # int
reveal_type(current_clock().now_ns())  # int
reveal_type(make_algorithm({"algorithm": "market"}).participation_rate)  # float | None
