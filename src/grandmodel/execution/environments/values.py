"""Values that users give: read, or refused with the field, the value and what was expected."""

from __future__ import annotations

import math
import operator
from importlib import import_module
from typing import Any


def read_number(name: str, value: Any, low: float, high: float, expected: str) -> float:
    """A finite number in [low, high]. ValueError names the field, its value and what was expected."""
    if not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if low <= number <= high:
            return number
    raise ValueError(f"{name} is {value!r}, must be {expected}")


def read_whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in [low, high], no bool and no float."""
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            number = low - 1
        if low <= number <= high:
            return number
    raise ValueError(f"{name} is {value!r}, must be a whole number from {low} to {high}")


def need(module: str) -> Any:
    """A module of the extra `marl`, or an ImportError that says how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module.partition('.')[0]} is not installed: pip install 'grandmodel-execution[marl]'"
        ) from error
