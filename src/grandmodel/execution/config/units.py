"""The numbers of a configuration: how each kind is written, what is refused, and its exact integer form.

Every reader here takes a raw value (from YAML or from Python) and returns the number, or raises
:class:`RefusedError` with what was expected. A ``bool`` is never a number; text is a number only where a
unit is allowed (``250ms``, ``5bps``, ``10%``, ``4G``), for money (``"0.0015"``), or where it comes from the
environment.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from .._core.values import decimal_of
from .problems import Interpolated

INT64_MAX = 2**63 - 1
NANO = 10**9
MONEY_MAX = Decimal(INT64_MAX) / NANO  # 19 digits, exact in the default context
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_WITH_UNIT = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*([A-Za-z%]*)\s*")
_DURATION_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NANO, "min": 60 * NANO, "h": 3600 * NANO}
_SIZE = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class RefusedError(ValueError):
    """A raw value that is not what was expected; the only argument says what was."""


def _plain_number(value: Any, expected: str) -> int | float | Decimal:
    """An int, float or Decimal that is finite; numpy's scalars count, bools and text do not."""
    if isinstance(value, Interpolated):
        text = value.strip()
        if _INTEGER.fullmatch(text):
            return int(text)
        number = decimal_of(text)
        if number is None:
            raise RefusedError(expected)
        return number
    if isinstance(value, bool):
        raise RefusedError(expected)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedError(expected)
        return float(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise RefusedError(expected)
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise RefusedError(expected) from None


def read_int(low: int, high: int = INT64_MAX, what: str = "a whole number") -> Callable[[Any], int]:
    """A reader of whole numbers within [low, high]. A float is refused, also 8.0."""
    expected = f"{what} of at least {low}, below 2**63" if high == INT64_MAX else f"{what} from {low} to {high}"

    def read(value: Any) -> int:
        number = _plain_number(value, expected)
        if not isinstance(number, int) or not low <= number <= high:
            raise RefusedError(expected)
        return number

    return read


def read_quantity(value: Any, *, signed: bool = False) -> int | Decimal:
    """A quantity in units (shares): an int if whole, else an exact Decimal with up to nine decimals."""
    expected = f"a quantity{'' if signed else ' of at least 0'} below 2**63, with up to nine decimals"
    number = _plain_number(value, expected)
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not -INT64_MAX <= exact <= INT64_MAX or (exact < 0 and not signed):
        raise RefusedError(expected)
    if exact == exact.to_integral_value():
        return int(exact)
    if _decimals(exact) > 9:
        raise RefusedError(expected)
    return exact


def read_signed_quantity(value: Any) -> int | Decimal:
    """A position: like :func:`read_quantity`, negative for a short one."""
    return read_quantity(value, signed=True)


def read_number(low: float, high: float, what: str, *, above: bool = False) -> Callable[[Any], float]:
    """A reader of real numbers within [low, high], or (low, high] if ``above``."""
    expected = f"{what} {'above' if above else 'from'} {low:g} {'up ' if above else ''}to {high:g}"

    def read(value: Any) -> float:
        number = _plain_number(value, expected)
        if not low <= number <= high or (above and number == low):
            raise RefusedError(expected)
        return float(number)

    return read


def read_fraction(low: float, high: float, what: str = "a fraction") -> Callable[[Any], float]:
    """A reader of ratios: a number, or text with ``%`` or ``bps`` (1e-4). The result is a plain fraction."""
    expected = f"{what} from {low:g} to {high:g}, or such as '5%' or '5bps'"

    def read(value: Any) -> float:
        number: int | float | Decimal
        if isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)) and match[2]:
            scale = {"%": Decimal("0.01"), "bps": Decimal("0.0001"), "bp": Decimal("0.0001")}.get(match[2])
            if scale is None:
                raise RefusedError(expected)
            number = Decimal(match[1]) * scale
        else:
            number = _plain_number(value, expected)
        if not low <= number <= high:
            raise RefusedError(expected)
        return float(number)

    return read


def read_bps(low: float, high: float) -> Callable[[Any], float]:
    """A reader of basis points: a number of them, or text such as ``5bps`` or ``0.05%``. The result is in bps."""
    expected = f"basis points from {low:g} to {high:g}, or such as '5bps' or '0.05%'"
    fraction = read_fraction(low / 1e4, high / 1e4)

    def read(value: Any) -> float:
        if isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)) and match[2]:
            try:
                return round(fraction(value) * 1e4, 9)
            except RefusedError:
                raise RefusedError(expected) from None
        number = _plain_number(value, expected)
        if not low <= number <= high:
            raise RefusedError(expected)
        return float(number)

    return read


def read_duration(unit: str, low_ns: int, high_ns: int) -> Callable[[Any], float]:
    """A reader of durations in ``unit``: a number of them, or text such as ``250ms``, ``5s``, ``1.5min``.

    The result is in ``unit``; what is not a whole number of nanoseconds is refused.
    """
    scale = _DURATION_NS[unit]
    expected = (
        f"a duration in {unit} from {Decimal(low_ns) / scale:f} to {Decimal(high_ns) / scale:f}, "
        "or such as '250ms' or '5s'"
    )

    def read(value: Any) -> float:
        if isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)) and match[2]:
            factor = _DURATION_NS.get(match[2])
            if factor is None:
                raise RefusedError(expected)
            ns = Decimal(match[1]) * factor
        else:
            number = _plain_number(value, expected)
            ns = (Decimal(repr(number)) if isinstance(number, float) else Decimal(number)) * scale
        if not low_ns <= ns <= high_ns or ns != ns.to_integral_value():
            raise RefusedError(expected)
        return float(ns / scale)

    return read


def read_size(low: int, high: int, multiple: int = 1) -> Callable[[Any], int]:
    """A reader of sizes in bytes: a number, or text such as ``4G``, ``16MiB``; K, M, G, T are of 1024."""
    steps = f", a multiple of {multiple}" if multiple > 1 else ""
    expected = f"a size in bytes from {low} to {high}{steps}, or such as '512M' or '4G'"

    def read(value: Any) -> int:
        if isinstance(value, str) and (match := _WITH_UNIT.fullmatch(value)) and match[2]:
            unit = match[2].upper()
            factor = _SIZE.get(unit, _SIZE.get(unit.removesuffix("IB").removesuffix("B")))
            if factor is None:
                raise RefusedError(expected)
            number = Decimal(match[1]) * factor
            if number != number.to_integral_value():
                raise RefusedError(expected)
            size = int(number)
        else:
            plain = _plain_number(value, expected)
            if not isinstance(plain, int):
                raise RefusedError(expected)
            size = plain
        if not low <= size <= high or size % multiple:
            raise RefusedError(expected)
        return size

    return read


def read_flag(value: Any) -> bool:
    """True or false; nothing else stands for them."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Interpolated) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise RefusedError("true or false")


def read_text(pattern: str, expected: str) -> Callable[[Any], str]:
    """A reader of text that matches ``pattern`` as a whole."""
    compiled = re.compile(pattern)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise RefusedError(expected)
        return value

    return read


def read_choice(*choices: str) -> Callable[[Any], str]:
    """A reader of one of a few words."""
    expected = "one of " + ", ".join(repr(choice) for choice in choices)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise RefusedError(expected)
        return str.__str__(value)

    return read


def _decimals(exact: Decimal) -> int:
    exponent = exact.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def read_money(low: Decimal | int, high: Decimal | int, what: str = "an amount") -> Callable[[Any], Decimal]:
    """A reader of money in the quote currency: int, float, Decimal or decimal text, on the grid of 1e-9.

    A float counts as the shortest decimal that reads back as it (0.0015 is exactly 0.0015).
    """
    expected = f"{what} from {Decimal(low):f} to {Decimal(high):f}, with up to nine decimals"

    def read(value: Any) -> Decimal:
        if isinstance(value, str) and not isinstance(value, Interpolated):
            told = decimal_of(value)
            if told is None:
                raise RefusedError(expected)
            exact = told
        else:
            number = _plain_number(value, expected)
            exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
        if not low <= exact <= high or _decimals(exact) > 9:
            raise RefusedError(expected)
        return exact.normalize() + 0

    return read


_any_money = read_money(-MONEY_MAX, MONEY_MAX)


def money_e9(value: int | float | str | Decimal) -> int:
    """An amount of money in the quote currency as int64 in units of 1e-9 of it, exactly.

    Raises
    ------
    ValueError  if it is not a finite number, lies outside int64 (about 9.22 billion), or is not on the grid.
    """
    try:
        exact = _any_money(value)
    except (RefusedError, InvalidOperation) as error:
        raise ValueError(f"expected {error}") from None
    return int(exact.scaleb(9))
