"""What a person says of an order whose venue says nothing more, read from a mapping by execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.submit import Core

_FIELDS = ("quantity", "price", "fee", "execution_id")
_REQUIRED = ("quantity", "price", "fee")
_LARGEST = 2**63 - 1


def read_executions(executions: Any) -> list[tuple[int, int, int, int]]:
    """(execution id, quantity, price in 1e-9, fee in 1e-9) of each mapping. ValueError names element and field."""
    if isinstance(executions, (str, bytes, Mapping)) or not isinstance(executions, Sequence):
        raise ValueError(f"executions is {executions!r}, must be a list of mappings with {', '.join(_FIELDS)}")
    return [_read(f"executions[{k}]", each) for k, each in enumerate(executions)]


def _read(where: str, given: Any) -> tuple[int, int, int, int]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} is {given!r}, must be a mapping with {', '.join(_FIELDS)}")
    unknown = [name for name in given if name not in _FIELDS]
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}, which nobody knows; known are {', '.join(_FIELDS)}")
    missing = [name for name in _REQUIRED if name not in given]
    if missing:
        raise ValueError(f"{where} has no {missing[0]!r}: a fill is booked with its quantity, price and fee")
    quantity = _whole(f"{where}['quantity']", given["quantity"], 1)
    number = _whole(f"{where}['execution_id']", given.get("execution_id", 0), 0)
    price = _money(f"{where}['price']", given["price"])
    if price <= 0:
        raise ValueError(f"{where}['price'] is {given['price']!r}, must be positive")
    return number, quantity, price, _money(f"{where}['fee']", given["fee"])


def _whole(where: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST:
        raise ValueError(f"{where} is {value!r}, must be an int from {least} to {_LARGEST}")
    return value


def _money(where: str, value: Any) -> int:
    from ..config.units import money_e9  # an order manager loads no configuration before it needs one

    try:
        return money_e9(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} is {value!r}: {error}") from None


def resolve(core: Core, order_id: int, executions: Any) -> None:
    """Books the executions and ends the order: all, or nothing (`Core.resolve` has the errors)."""
    core.resolve(order_id, read_executions(executions))
