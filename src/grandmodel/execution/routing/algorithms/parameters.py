"""The parameters of an algorithm: read by name, checked, refused by name."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

#: No schedule has more slices.
SLICES_MAX = 100_000


class AlgorithmConfigError(ValueError):
    """A parameter of an algorithm is wrong. `.field`, `.value` and `.expected` say which and how."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.field, self.value, self.expected))


def as_number(value: Any) -> float:
    """A number as a float; NaN for what is none: text, booleans, integers beyond every float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def read_number(
    config: dict[str, Any], field: str, default: float | None, low: float, high: float, expected: str
) -> float | None:
    """Takes `field` out of `config` as a float in (low, high]; None is `default`."""
    value = config.pop(field, None)
    if value is None:
        return default
    number = as_number(value)
    if not low < number <= high:
        raise AlgorithmConfigError(field, value, expected)
    return number


def read_share(config: dict[str, Any], field: str) -> float | None:
    """Takes `field` out of `config` as a fraction in (0, 1], or None."""
    return read_number(config, field, None, 0.0, 1.0, "a fraction in (0, 1]")


def read_minutes(config: dict[str, Any], field: str = "duration_minutes") -> float | None:
    """Takes `field` out of `config` as minutes, or None."""
    return read_number(config, field, None, 1e-4, 60 * 24 * 7, "minutes above 0.0001, up to a week")


def read_duration(config: dict[str, Any]) -> float:
    """Takes `duration_minutes`, which must be there, out of `config`."""
    minutes = read_minutes(config)
    if minutes is None:
        raise AlgorithmConfigError("duration_minutes", None, "minutes above 0.0001, up to a week")
    return minutes


def read_slices(config: dict[str, Any], field: str, default: float, duration: float) -> int:
    """Takes `field`, minutes a slice, out of `config`: how many slices that makes of `duration` minutes."""
    minutes = read_number(config, field, default, 0.0, duration, "minutes above 0, up to duration_minutes")
    assert minutes is not None
    if duration / minutes > SLICES_MAX:
        raise AlgorithmConfigError(field, minutes, f"long enough for at most {SLICES_MAX:,} slices")
    return max(1, math.ceil(duration / minutes - 1e-9))


def read_choice(config: dict[str, Any], field: str, default: str, choices: tuple[str, ...]) -> str:
    """Takes `field` out of `config` as one of `choices`."""
    value = config.pop(field, default)
    if value not in choices:
        raise AlgorithmConfigError(field, value, f"one of {', '.join(choices)}")
    return str(value)


def read_count(
    config: dict[str, Any], field: str, default: int | None, low: int, high: int, expected: str
) -> int | None:
    """Takes `field` out of `config` as a whole number from `low` to `high`; None is `default`."""
    value = config.pop(field, None)
    if value is None:
        return default
    number = as_number(value)
    if not (low <= number <= high and number == int(number)):
        raise AlgorithmConfigError(field, value, expected)
    return int(number)


def read_seconds(config: dict[str, Any], field: str, default: float | None) -> float | None:
    """Takes `field` out of `config` as seconds, at least a millisecond, or None."""
    return read_number(config, field, default, 0.000_999, 86_400.0, "seconds from 0.001 to a day")
