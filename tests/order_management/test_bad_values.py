"""Values that are none, at every door: a clear error that names the field, and nothing half done."""

import math
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest
from support import make_core, order, resting

from grandmodel.execution import OrderRejected, OrderStateError, UnknownOrder
from grandmodel.execution._core.values import OrderValidationError
from grandmodel.execution.order_management.order_manager import OrderManager

REFUSAL = 5
WRONG = {
    "nan": math.nan,
    "inf": math.inf,
    "minus inf": -math.inf,
    "minus one": -1,
    "zero": 0,
    "2**63": 2**63,
    "minus 2**63": -(2**63),
    "10**30": 10**30,
    "a half": 0.5,
    "1e-300": 1e-300,
    "true": True,
    "text": "x",
    "empty": "",
    "none of it": None,
    "list": [1],
    "dict": {},
    "bytes": b"100",
    "array": np.ones(2),
    "nan decimal": Decimal("NaN"),
    "huge decimal": Decimal("1e400"),
    "surrogate": "\ud800",
    "nul": "AAPL\0",
    "digits": "१०",
    "object": SimpleNamespace(),
}
# field -> the order it stands in, and which of WRONG are right there after all (None: left out)
FIELDS = {
    "symbol": (order(), {}),
    "side": (order(), {}),
    "quantity": (order(), {}),
    "order_type": (order(), {}),
    "limit_price": (resting(), {}),
    "stop_price": (order(order_type="stop", stop_price=160.0), {}),
    "time_in_force": (order(), {}),
    "display_quantity": (resting(order_type="iceberg", display_quantity=10), {}),
    "urgency": (order(), {"none of it"}),
    "strategy": (order(), {"none of it", "text"}),
    "account": (order(), {"zero"}),
    "tags": (order(), {"none of it", "text"}),
    "client_order_id": (order(), {"none of it", "text"}),
    "post_only": (resting(), {"true"}),
    "reduce_only": (order(), {"true"}),
    "all_or_none": (resting(), {"true"}),
    "hidden": (resting(), {"true"}),
    "min_quantity": (resting(), {"none of it"}),
    "expire_time": (resting(time_in_force="GTD"), {}),
    "trigger": (order(order_type="stop", stop_price=160.0), {"none of it"}),
    "trailing_amount": (order(order_type="trailing_stop"), {}),
    "trailing_bps": (order(order_type="trailing_stop"), {"a half"}),
    "limit_offset": (order(order_type="trailing_stop_limit", trailing_amount=1.0), {"none of it", "zero", "a half"}),
    "display_spread": (resting(order_type="iceberg", display_quantity=10), {"none of it", "zero", "a half", "1e-300"}),
    "venue": (order(), {"none of it"}),
    "peg_offset": (order(order_type="pegged_primary"), {"none of it", "zero", "a half", "minus one"}),
}
AMOUNTS = {"limit_price", "stop_price", "trailing_amount", "trailing_bps", "limit_offset"}


def wrong_of(field):
    """The values that are wrong there."""
    _, right = FIELDS[field]
    for name, value in WRONG.items():
        if name in right:
            continue
        if field in AMOUNTS and name == "a half":
            continue  # on the tick
        if field in ("tags", "strategy") and name == "digits":
            continue  # printable text like any other
        yield name, value


CASES = [pytest.param(field, value, id=f"{field} {name}") for field in FIELDS for name, value in wrong_of(field)]


@pytest.fixture(scope="module")
def shared():
    """One core for all that is refused: it must be the same after each."""
    core, gate = make_core(silent=True, limits={}, ring_bytes=1 << 25)
    for _ in range(3):
        gate.submit_order(resting())
    core.set_latch(4, 2, 1, b"symbol:JPM", b"a test")
    return core, OrderManager(engine=core)


def state(core):
    """All that a refusal may not touch."""
    told = core.statistics()
    names = (core.reader.strategies, core.reader.tags, core.reader.algorithms)
    return (
        core.orders_array().tobytes(),
        core.portfolio.positions(),
        str(core.portfolio.account()),
        core.latches(),
        told["accepted"],
        told["open"],
        told["illegal_transitions"],
        [len(each) for each in names],
    )


class Nothing:
    """While it lasts nothing is done but what `records` says: kinds of new records in the log."""

    def __init__(self, core, records):
        self.core, self.records = core, records

    def __enter__(self):
        self.before, self.position = state(self.core), self.core.journal.head
        self.next_id, self.refused = self.core.orders.next_id, self.core.statistics()["refused"]

    def __exit__(self, kind, error, trace):
        if kind is not None:
            return
        found = [each for _, each, _ in self.core.journal.scan(self.position)]
        assert found == self.records
        assert state(self.core) == self.before
        refusals = self.records.count(REFUSAL)
        assert (self.core.orders.next_id, self.core.statistics()["refused"]) == (
            self.next_id + refusals,
            self.refused + refusals,
        )


@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_key_of_an_order(shared, field, value):
    core, manager = shared
    given = {**FIELDS[field][0], field: value}
    with Nothing(core, [REFUSAL]):
        with pytest.raises(OrderValidationError) as caught:
            manager.submit_order(given)
        assert any(field in named or named in ("trailing_amount", "expire_time") for named in caught.value.errors), (
            caught.value.errors
        )
        assert str(caught.value).isprintable()
    with Nothing(core, []):
        assert not manager.validate_order(given).is_valid
    with Nothing(core, [REFUSAL]), pytest.raises(OrderValidationError):
        core.submit_parent(given, "twap")
    with Nothing(core, [REFUSAL]):
        with pytest.raises(OrderValidationError) as caught:
            manager.submit_order_list([order(strategy="never seen"), given], "oco")
        assert all(named.startswith("orders[1].") for named in caught.value.errors)


@pytest.mark.parametrize(
    "given", [None, 5, "AAPL", [], [("symbol", "AAPL")], {1: 2}, {"": 1}, {"symbol\0": "AAPL"}, {"\ud800": 1}], ids=repr
)
def test_what_is_no_order(shared, given):
    core, manager = shared
    with Nothing(core, [REFUSAL]), pytest.raises(OrderValidationError):
        manager.submit_order(given)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("field", ["quantity", "limit_price", "stop_price"])
def test_a_replace(shared, field, name):
    core, manager = shared
    value = WRONG[name]
    if value is None or (field != "quantity" and name in ("digits", "a half")):
        return
    with Nothing(core, []), pytest.raises(OrderValidationError, match=field):
        manager.replace_order(1, **{field: value})


def test_a_replace_of_nothing(shared):
    core, manager = shared
    with Nothing(core, []), pytest.raises(OrderValidationError, match="is not changed"):
        manager.replace_order(1)
    with Nothing(core, []), pytest.raises(OrderValidationError, match="the order has none"):
        manager.replace_order(1, stop_price=139.0)


@pytest.mark.parametrize(
    ("quantity", "limit", "stop"),
    [
        (2**50 + 1, None, None),
        (2**63 - 1, None, None),
        (0, -1, None),
        (0, 0, None),
        (0, 140_005_000_001, None),
        (0, 2**62, None),
        (0, None, 5),
    ],
)
def test_a_replace_in_the_cores_units(shared, quantity, limit, stop):
    """Algorithms speak to the core without the face's checks: it looks for itself."""
    core, _ = shared
    changes = {"quantity": quantity, "limit_price_e9": limit, "stop_price_e9": stop}
    before = core.orders_array().tobytes()
    with pytest.raises(OrderStateError):
        core.replace(1, **{name: value for name, value in changes.items() if value is not None})
    assert core.orders_array().tobytes() == before


@pytest.mark.parametrize("name", [name for name in WRONG if name != "none of it"])
@pytest.mark.parametrize("field", ["symbol", "strategy", "venue", "side", "account"])
def test_cancel_all_of_what_is_not_there(shared, field, name):
    core, manager = shared
    if (field == "strategy" and name in ("text", "digits")) or (field == "account" and name == "zero"):
        return
    if field == "account" and name == "digits":
        return
    with Nothing(core, []), pytest.raises(ValueError, match=field):
        manager.cancel_all(**{field: WRONG[name]})


@pytest.mark.parametrize("name", WRONG)
def test_kill_and_reset(shared, name):
    core, manager = shared
    value = WRONG[name]
    with Nothing(core, []):
        for each in (manager.kill, manager.reduce):
            with pytest.raises(ValueError, match="scope"):
                each(value, "a reason")
            with pytest.raises(ValueError, match="scope"):
                each((value, "AAPL"), "a reason")
            for kind in ("symbol", "venue"):
                with pytest.raises(ValueError, match=kind):
                    each((kind, value), "a reason")
            if not isinstance(value, str) or name in ("empty", "surrogate", "nul"):
                with pytest.raises(ValueError, match="reason"):
                    each("engine", value)
                if value is not None:
                    with pytest.raises(ValueError, match="name"):
                        each("engine", "a reason", name=value)
            with pytest.raises(ValueError, match="reason"):
                each("engine", "x" * 160)
            with pytest.raises(ValueError, match="name"):
                each("engine", "a reason", name="x" * 48)
        with pytest.raises(KeyError, match="no kill switch"):
            manager.reset_kill(value, "a reason")
        if not isinstance(value, str) or name in ("empty", "surrogate", "nul"):
            with pytest.raises(ValueError, match="reason"):
                manager.reset_kill("symbol:JPM", value)


@pytest.mark.parametrize("name", [name for name in WRONG if name != "none of it"])
def test_lists(shared, name):
    core, manager = shared
    value = WRONG[name]
    pair = [order(), order()]
    with Nothing(core, []), pytest.raises(ValueError, match="contingency"):
        manager.submit_order_list(pair, value)
    with Nothing(core, []), pytest.raises((TypeError, ValueError), match="orders"):
        manager.submit_order_list(value, "oco")
    with Nothing(core, [REFUSAL]), pytest.raises(OrderValidationError, match=r"orders\[1\]"):
        manager.submit_order_list([order(), value], "oco")
    with Nothing(core, []), pytest.raises(ValueError, match=r"orders\[1\]"):
        manager.submit_order_list([order(), value], "bracket")


@pytest.mark.parametrize("count", [0, 1, 17])
def test_lists_of_a_wrong_length(shared, count):
    core, manager = shared
    with Nothing(core, []), pytest.raises(ValueError, match="must be 2 to 16"):
        manager.submit_order_list([order()] * count, "oco")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": "buy"}, "side"),
        ({"symbol": "MSFT"}, "symbol"),
        ({"quantity": 50}, "quantity"),
        ({"account": 1}, "account"),
        ({"quantity": math.nan}, "quantity"),
    ],
)
def test_exits_that_are_none(shared, change, words):
    core, manager = shared
    with Nothing(core, []), pytest.raises(ValueError, match=rf"orders\[1\].{words}"):
        manager.submit_order_list([order(), {**order(side="sell"), **change}], "bracket")


@pytest.mark.parametrize("name", [*WRONG, "ticket of nobody"])
def test_ids(shared, name):
    core, manager = shared
    value = WRONG.get(name, 4711)
    for act in (
        manager.cancel_order,
        manager.get_order,
        manager.explain,
        lambda each: manager.replace_order(each, quantity=5),
    ):
        with Nothing(core, []), pytest.raises((TypeError, UnknownOrder), match=r"order_id is|no order has the id"):
            act(value)


BAD_ROWS = [
    ("symbol", -1),
    ("symbol", 99),
    ("symbol", 2**31 - 1),
    ("side", 0),
    ("side", 2),
    ("side", -128),
    ("quantity", 0),
    ("quantity", -1),
    ("quantity", 2**50 + 1),
    ("quantity", 2**63 - 1),
    ("quantity", -(2**63)),
    ("order_type", 0),
    ("order_type", 5),
    ("order_type", 6),
    ("order_type", 13),
    ("order_type", 255),
    ("time_in_force", 0),
    ("time_in_force", 5),
    ("time_in_force", 8),
    ("time_in_force", 255),
    ("limit_price_e9", 0),
    ("limit_price_e9", 1),
    ("limit_price_e9", -(10**9)),
    ("limit_price_e9", 2**63 - 1),
    ("stop_price_e9", 10**9),
    ("display_quantity", 1),
    ("display_quantity", -1),
    ("urgency", 5),
    ("urgency", 255),
    ("account", -1),
    ("account", 64),
    ("strategy", -1),
    ("strategy", 10**6),
    ("tag", -1),
    ("tag", 10**6),
    ("flags", 4),
    ("flags", 16),
    ("flags", 32),
    ("flags", 128),
    ("parent_id", 1),
    ("algorithm", 1),
    ("venue", -2),
    ("venue", 99),
    ("terms", 1),
    ("terms", 2**32 - 1),
]


@pytest.mark.parametrize(("field", "value"), BAD_ROWS)
def test_a_row_of_a_batch(shared, field, value):
    core, manager = shared
    rows = core.order_rows(2)
    rows["symbol"], rows["side"], rows["quantity"], rows["order_type"], rows["limit_price_e9"] = (
        0,
        1,
        10,
        2,
        140 * 10**9,
    )
    rows[field] = value
    with Nothing(core, [REFUSAL, REFUSAL]):
        assert manager.submit_orders(rows).tolist() == [-100, -100]


@pytest.mark.parametrize("given", [None, [], [order()], np.zeros(3), np.zeros((2, 2)), "x", 5], ids=repr)
def test_what_is_no_batch(shared, given):
    core, manager = shared
    with Nothing(core, []), pytest.raises(TypeError, match="ORDER_DTYPE"):
        manager.submit_orders(given)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"price_e9": -(2**63)}, "execution"),
        ({"price_e9": 0}, "execution"),
        ({"quantity": 0}, "execution"),
        ({"quantity": -1}, "report"),
        ({"quantity": 2**50 + 1}, "out of range"),
        ({"price_e9": 2**62}, "out of range"),
        ({"status": 99}, "out of range"),
        ({"venue": 99}, "out of range"),
        ({"exec_type": 0}, "report"),
        ({"exec_type": 11}, "report"),
        ({"symbol": 3}, "report"),
    ],
)
def test_a_report_that_cannot_be(shared, fields, words):
    from support import EXEC_TRADE, report

    core, _ = shared
    row = report(core, 1, EXEC_TRADE, quantity=5, price=140.0)
    for name, value in fields.items():
        row[name] = value
    with Nothing(core, []), pytest.raises(ValueError, match=words):
        core.report(row)


def test_the_ends_of_the_ids_and_a_list_that_would_pass_them():
    core, _gate = make_core(silent=True, limits={})
    core.skip_ids((1 << 28) - 6)
    with pytest.raises(OrderRejected, match=r"orders\[0\].*capacity|orders\[0\]"):
        core.submit_list([resting()] * 16, 1)
    assert core.orders.live == 0
    assert core.orders.next_id < 1 << 28


def test_one_client_order_id_is_one_order_also_in_a_list():
    core, _ = make_core(silent=True, limits={})
    with pytest.raises(OrderRejected, match=r"orders\[1\]"):
        core.submit_list([resting(client_order_id="a"), resting(client_order_id="a")], 1)
    assert core.orders.live == 0
    first, second = core.submit_list([resting(client_order_id="a"), resting(client_order_id="b")], 1)
    with pytest.raises(OrderRejected, match=r"orders\[1\]"):
        core.submit_list([resting(client_order_id="c"), resting(client_order_id="b")], 1)
    assert core.orders.live == 2
    assert core.portfolio.position("AAPL") == (0, 200, 0)
    assert (int(first), int(second)) == (3, 4)
