"""The rows that readers give, and the names of what stands in them."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grandmodel.execution._core import book as _core
from grandmodel.execution._core.records import MESSAGE_DTYPE, NO_PRICE


class Action(IntEnum):
    """What a message does: its ``action``."""

    ADD = _core.ACTIONS["add"]
    REDUCE = _core.ACTIONS["reduce"]
    DELETE = _core.ACTIONS["delete"]
    EXECUTE = _core.ACTIONS["execute"]
    EXECUTE_HIDDEN = _core.ACTIONS["execute_hidden"]
    REPLACE = _core.ACTIONS["replace"]
    HALT = _core.ACTIONS["halt"]
    CLEAR = _core.ACTIONS["clear"]
    TRADE = _core.ACTIONS["trade"]
    SET_LEVEL = _core.ACTIONS["set_level"]
    CROSS_TRADE = _core.ACTIONS["cross_trade"]


class Flag(IntFlag):
    """Bits of a message's ``flags``. A HALT has its state in the lowest two: 1 halted, 2 quoting, 3 trading."""

    OWN = _core.FLAG_OWN
    AUCTION = _core.FLAG_AUCTION
    SNAPSHOT = _core.FLAG_SNAPSHOT
    LAST = _core.FLAG_LAST
    GAP = _core.FLAG_GAP
    UNPRINTED = _core.FLAG_UNPRINTED


#: Actions that print a trade, FLAG_UNPRINTED apart.
TRADES = (Action.EXECUTE, Action.EXECUTE_HIDDEN, Action.TRADE, Action.CROSS_TRADE)

#: A bar. ``time_ns`` is its begin; ``side`` 0 is of trades, 1 of bids, -1 of asks, whose ``volume`` is the last size.
BAR_DTYPE = np.dtype(
    [
        ("time_ns", "<i8"),
        ("open_e9", "<i8"),
        ("high_e9", "<i8"),
        ("low_e9", "<i8"),
        ("close_e9", "<i8"),
        ("volume", "<i8"),
        ("symbol", "<i4"),
        ("side", "i1"),
    ],
    align=True,
)


def rows_of(n: int, **fields: Any) -> NDArray[Any]:
    """n rows without price, with the fields given (columns or one value for all)."""
    rows = np.zeros(n, MESSAGE_DTYPE)
    rows["price_e9"] = NO_PRICE
    for name, value in fields.items():
        rows[name] = value
    return rows
