"""Unknown, the enums, the exceptions and JSON: what they mean to Python."""

import copy
import json
import math
import operator
import pickle

import numpy as np
import pytest

from grandmodel.execution._core import values
from grandmodel.execution._core.values import (
    CHECK_GROUPS,
    CHECKS,
    REASON_TEXT,
    OrderRejected,
    OrderStatus,
    OrderValidationError,
    Reason,
    RiskLimitBreached,
    Side,
    Unknown,
    UnknownOrder,
    check_names,
    to_json,
)

NOTHING = Unknown("no fill yet")


def test_unknown_is_nan_with_a_reason():
    assert isinstance(NOTHING, float)
    assert math.isnan(NOTHING)
    assert NOTHING.reason == "no fill yet"
    assert str(NOTHING) == "n/a (no fill yet)"
    assert repr(NOTHING) == "Unknown('no fill yet')"
    assert [NOTHING < 1, NOTHING > 1, NOTHING >= 0] == [False] * 3


def test_unknown_equals_nothing_as_nan_does():
    """Two prices that cannot be known, for whatever reason, are not one price."""
    same = NOTHING
    assert not same == NOTHING  # noqa: SIM201
    assert same != NOTHING
    assert Unknown("no fill yet") != NOTHING
    assert float("nan") != NOTHING
    assert NOTHING != 0.0
    assert Unknown("no fill yet").reason == NOTHING.reason
    assert {NOTHING: 1}[same] == 1  # a key is found by what it is, as a NaN is
    assert Unknown("no fill yet") not in {NOTHING, Unknown("other")}


@pytest.mark.parametrize("reason", ["", None, 5])
def test_unknown_needs_a_reason(reason):
    with pytest.raises(TypeError, match="reason"):
        Unknown(reason)


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("", "n/a"), (".4f", "n/a"), ("8.2f", "     n/a"), ("<8.2f", "n/a     "), ("^9", "   n/a   "),
        (">5", "  n/a"), ("+8.2f", "     n/a"), ("08.2f", "     n/a"), ("*^7", "**n/a**"), ("*=7", "****n/a"),
        (",.2f", "n/a"), ("10,.2f", "       n/a"), (".2%", "n/a"), ("e", "n/a"), ("2", "n/a"), ("6_.1f", "   n/a"),
    ],
)  # fmt: skip
def test_unknown_formats_in_the_width(spec, shown):
    assert format(NOTHING, spec) == shown
    assert f"{NOTHING:{spec}}" == shown


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.pow, operator.mod],
)
@pytest.mark.parametrize("other", [1, 2.5, True, np.float64(3)])
def test_arithmetic_keeps_the_unknown(operation, other):
    assert operation(NOTHING, other) is NOTHING
    assert operation(NOTHING, Unknown("second")) is NOTHING
    if not isinstance(other, np.float64):
        assert operation(other, NOTHING) is NOTHING


def test_other_operations_keep_it_too():
    for changed in (
        -NOTHING,
        +NOTHING,
        abs(NOTHING),
        round(NOTHING),
        round(NOTHING, 2),
        sum([1, NOTHING, Unknown("second")]),
    ):
        assert changed is NOTHING
    with pytest.raises(ValueError, match="NaN"):
        int(NOTHING)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_unknown_survives_copies(again):
    assert repr(again(NOTHING)) == repr(NOTHING)
    assert again(NOTHING).reason == "no fill yet"
    assert isinstance(again([NOTHING])[0] if again is not copy.copy else NOTHING, Unknown)


def test_json_has_null_where_there_is_no_number():
    text = to_json(
        {
            "unknown": NOTHING, "nan": float("nan"), "infinite": float("inf"), "number": 1.5, "big": 2**70,
            "status": OrderStatus.FILLED, "reason": Reason.RISK, "numpy": np.float64("nan"), "int": np.int64(3),
            "array": np.array([1.0, np.nan]), "nested": [(NOTHING,), {"a": {1.0}}], "none": None, "true": True,
            5: "key",
        }
    )  # fmt: skip
    assert json.loads(text) == {
        "unknown": None, "nan": None, "infinite": None, "number": 1.5, "big": 2**70, "status": "FILLED", "reason": 200,
        "numpy": None, "int": 3, "array": [1.0, None], "nested": [[None], {"a": [1.0]}], "none": None, "true": True,
        "5": "key",
    }  # fmt: skip
    assert "NaN" not in text


def test_enums():
    assert OrderStatus.FILLED == "FILLED"
    assert [status for status in OrderStatus if status.is_closed] == ["FILLED", "CANCELED", "REJECTED", "EXPIRED"]
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert set(REASON_TEXT) == set(Reason)
    assert Reason.RISK == 200


def test_checks_have_one_bit_each_and_the_missions_names():
    bits = [bit for bit, *_ in CHECKS]
    assert bits == [1 << index for index in range(len(CHECKS))]
    others = {group for _, _, group, _ in CHECKS} - set(CHECK_GROUPS)
    assert check_names(sum(bits)) == [*CHECK_GROUPS, *sorted(others)]
    assert len({name for _, name, *_ in CHECKS}) == len(CHECKS)
    units = {"steps", "money", "orders", "fraction", "none", "bps", "messages", "flag", "seconds"}
    assert {unit for *_, unit in CHECKS} == units
    assert check_names(0) == []
    assert CHECK_GROUPS == (
        "position_limit", "order_size_limit", "daily_trading_limit", "sector_exposure", "leverage_limit",
        "concentration_limit",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [OrderRejected, OrderValidationError, RiskLimitBreached])
def test_refusals_survive_pickling(kind):
    error = kind("said", Reason.RISK, 7, {"side": ["is wrong"]}, ["position_limit"])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.reason, again.order_id, again.errors, again.failed_checks) == (
        "said", Reason.RISK, 7, {"side": ["is wrong"]}, ["position_limit"],
    )  # fmt: skip


def test_exception_tree():
    assert issubclass(OrderValidationError, ValueError)
    assert issubclass(UnknownOrder, KeyError)
    assert str(UnknownOrder("no order has the id 5")) == "no order has the id 5"
    for name in ("OrderStateError", "JournalError", "MarketDataError", "EngineClosed", "EngineForked", "OrderRejected"):
        assert issubclass(getattr(values, name), values.ExecutionError)
