"""One trade as it is to be analysed: read from a mapping, checked, with what was assumed and what is odd about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.values import ExecutionError
from ..clock import to_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where a fill was made that does not say where.
UNSPECIFIED = "UNSPECIFIED"
_KEYS = (
    "symbol", "side", "quantity", "order_quantity", "average_price", "benchmark_price", "decision_price",
    "arrival_price", "end_price", "market_vwap", "fees", "fills", "decision_time", "start_time", "end_time", "venue",
    "strategy", "algorithm", "market_twap", "market_pwp", "open_price", "close_price", "previous_close",
    "index_arrival", "index_vwap", "beta",
)  # fmt: skip
_FILL_KEYS = ("time", "price", "quantity", "venue")
#: As core prices are bounded: below it neighbouring doubles are nearer to each other than 1e-9.
PRICE_MAX = 1 << 23
_MAX_QUANTITY = 1 << 62


class TradeError(ExecutionError, ValueError):
    """A field of a trade is wrong. `.field`, `.value` and `.expected` say which and how."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(f"{field} is {value!r}, must be {expected}")
        self.field, self.value, self.expected = field, value, expected

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.field, self.value, self.expected))


@dataclass(frozen=True, slots=True)
class Trade:
    """What is analysed. Prices in 1e-9 of the currency, quantities in units, times in UTC ns; None: not known.
    `others`: what was given of the market beside, by its key: prices in the currency, and the beta."""

    symbol: str
    side: int
    order_quantity: int
    fill_quantity: NDArray[np.int64]
    fill_price_e9: NDArray[np.int64]
    fill_venue: tuple[str, ...]
    fill_ns: tuple[int | None, ...]
    decision_price_e9: int | None
    arrival_price_e9: int | None
    end_price_e9: int | None
    market_vwap_e9: int | None
    fees_e9: int | None
    decision_ns: int | None
    start_ns: int | None
    end_ns: int | None
    strategy: str | None
    algorithm: str | None
    assumptions: tuple[str, ...]
    flags: tuple[str, ...]
    others: Mapping[str, float] | None = None

    @property
    def filled_quantity(self) -> int:
        return int(self.fill_quantity.sum())


def read_trade(given: Mapping[str, Any]) -> Trade:
    """A trade from a mapping: the mission's keys, and those of `_KEYS`.

    Either `average_price` with `quantity`, or `fills` (mappings of price, quantity, and if you like time and venue).
    `benchmark_price` is the decision price where no `decision_price` is given; `quantity` is what was filled, and what
    was ordered where no `order_quantity` is given; `side` is buy unless it says otherwise.

    Raises TradeError naming the field.
    """
    if not isinstance(given, Mapping):
        raise TradeError("trade", given, "a mapping, an order id or columns")
    for key in given:
        if key not in _KEYS:
            from difflib import get_close_matches

            near = get_close_matches(str(key), _KEYS, 1)
            raise TradeError(
                str(key), given[key], "left out: no such key" + (f"; did you mean {near[0]!r}?" if near else "")
            )
    assumptions: list[str] = []
    flags: list[str] = []
    symbol = given.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise TradeError("symbol", symbol, "a text")
    side = _side(given, assumptions)
    times = {name: _time(given.get(name), name, assumptions) for name in ("decision_time", "start_time", "end_time")}
    quantities, prices, venues, stamps = _fills(given, assumptions)
    filled = sum(quantities)
    ordered = _whole(given["order_quantity"], "order_quantity") if given.get("order_quantity") is not None else filled
    if given.get("order_quantity") is None:
        assumptions.append("order_quantity was not given: what was filled is what was ordered")
    if ordered < filled:
        raise TradeError("order_quantity", given["order_quantity"], f"at least what was filled, {filled}")
    if ordered == 0:
        raise TradeError("order_quantity", given.get("order_quantity"), "above 0")
    decision = _price(given.get("decision_price"), "decision_price")
    if decision is None and given.get("benchmark_price") is not None:
        decision = _price(given["benchmark_price"], "benchmark_price")
        assumptions.append("benchmark_price is taken for the decision price")
    _order(times, stamps, flags)
    return Trade(
        symbol=symbol,
        side=side,
        order_quantity=ordered,
        fill_quantity=np.array(quantities, np.int64),
        fill_price_e9=np.array(prices, np.int64),
        fill_venue=tuple(venues),
        fill_ns=tuple(stamps),
        decision_price_e9=decision,
        arrival_price_e9=_price(given.get("arrival_price"), "arrival_price"),
        end_price_e9=_price(given.get("end_price"), "end_price"),
        market_vwap_e9=_price(given.get("market_vwap"), "market_vwap"),
        fees_e9=_money(given.get("fees"), "fees"),
        decision_ns=times["decision_time"],
        start_ns=times["start_time"],
        end_ns=times["end_time"],
        strategy=_text(given.get("strategy"), "strategy"),
        algorithm=_text(given.get("algorithm"), "algorithm"),
        assumptions=tuple(assumptions),
        flags=tuple(flags),
        others=_others(given),
    )


# ---- fields


def _others(given: Mapping[str, Any]) -> dict[str, float]:
    """Prices of the market to compare with, in the currency, and the beta."""
    names = ("market_twap", "market_pwp", "open_price", "close_price", "previous_close", "index_arrival", "index_vwap")
    read = {name: _price(given.get(name), name) for name in names}
    out = {name: price_e9 / 1e9 for name, price_e9 in read.items() if price_e9 is not None}
    if given.get("beta") is not None:
        out["beta"] = float(_number(given["beta"], "beta", "a finite number"))
        if not math.isfinite(out["beta"]):  # beyond any float
            raise TradeError("beta", given["beta"], "a finite number")
    return out


def _side(given: Mapping[str, Any], assumptions: list[str]) -> int:
    value = given.get("side")
    if value is None:
        assumptions.append("side was not given: buy")
        return 1
    side = {"buy": 1, "sell": -1}.get(value) if isinstance(value, str) else None
    if side is None:
        raise TradeError("side", value, "'buy' or 'sell'")
    return side


def _fills(
    given: Mapping[str, Any], assumptions: list[str]
) -> tuple[list[int], list[int], list[str], list[int | None]]:
    fills = given.get("fills")
    venue = _text(given.get("venue"), "venue") or UNSPECIFIED
    if fills is None:
        quantity = _whole(given.get("quantity"), "quantity")
        price = _price(given.get("average_price"), "average_price")
        if quantity == 0:
            return [], [], [], []
        if price is None:
            raise TradeError("average_price", None, "a price, or fills be given")
        return [quantity], [price], [venue], [None]
    if not isinstance(fills, Sequence) or isinstance(fills, str | bytes):
        raise TradeError("fills", fills, "a list of mappings")
    if given.get("average_price") is not None:
        raise TradeError("average_price", given["average_price"], "left out where fills are given")
    quantities, prices, venues, stamps = [], [], [], []
    for place, fill in enumerate(fills):
        where = f"fills[{place}]"
        if not isinstance(fill, Mapping):
            raise TradeError(where, fill, "a mapping of price, quantity, time and venue")
        unknown = [key for key in fill if key not in _FILL_KEYS]
        if unknown:
            raise TradeError(f"{where}.{unknown[0]}", fill[unknown[0]], "left out: no such key")
        amount = _whole(fill.get("quantity"), f"{where}.quantity")
        price = _price(fill.get("price"), f"{where}.price")
        if amount == 0 or price is None:
            raise TradeError(f"{where}.{'quantity' if amount == 0 else 'price'}", fill.get("price"), "above 0")
        quantities.append(amount)
        prices.append(price)
        venues.append(_text(fill.get("venue"), f"{where}.venue") or venue)
        stamps.append(_time(fill.get("time"), f"{where}.time", assumptions))
    if given.get("quantity") is not None and _whole(given["quantity"], "quantity") != sum(quantities):
        raise TradeError("quantity", given["quantity"], f"the sum of the fills, {sum(quantities)}")
    return quantities, prices, venues, stamps


def _order(times: Mapping[str, int | None], stamps: Sequence[int | None], flags: list[str]) -> None:
    """What is odd about the times is flagged, not refused."""
    decision, start, end = times["decision_time"], times["start_time"], times["end_time"]
    known = [stamp for stamp in stamps if stamp is not None]
    if decision is not None and start is not None and start < decision:
        flags.append("it starts before it was decided")
    if start is not None and end is not None and end < start:
        flags.append("it ends before it starts")
    if known and decision is not None and min(known) < decision:
        flags.append("its first fill is before its decision")
    if known and end is not None and max(known) > end:
        flags.append("its last fill is after its end")
    first = decision if decision is not None else start
    if first is not None and _off_session(first):
        flags.append("its decision is outside the regular session")


def _off_session(ns: int) -> bool:
    from ..sessions import SessionRangeError, session_of

    try:
        return session_of("XNYS", ns) is None
    except SessionRangeError:
        return False


def _time(value: object, field: str, assumptions: list[str]) -> int | None:
    if value is None:
        return None
    if isinstance(value, datetime) and value.utcoffset() is None:
        from ..sessions import local_to_ns

        note = "times without a zone are New York's"
        if note not in assumptions:
            assumptions.append(note)
        return local_to_ns(value)
    try:
        return to_ns(value, field)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TradeError(field, value, "a datetime, or int nanoseconds since 1970") from None


def _number(value: object, field: str, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | np.integer | np.floating):
        raise TradeError(field, value, expected)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise TradeError(field, value, expected) from None
    if not number.is_finite():
        raise TradeError(field, value, expected)
    return number


def _whole(value: object, field: str) -> int:
    expected = "a whole number from 0 up"
    number = _number(value, field, expected)
    if number != number.to_integral_value() or not 0 <= number < _MAX_QUANTITY:
        raise TradeError(field, value, expected)
    return int(number)


def _price(value: object, field: str) -> int | None:
    if value is None:
        return None
    number = _number(value, field, "a price above 0")
    if not 0 < number < PRICE_MAX:
        raise TradeError(field, value, f"a price above 0 and below {PRICE_MAX}")
    price_e9 = int((number * 10**9).to_integral_value())
    if price_e9 == 0:
        raise TradeError(field, value, "a price of at least 1e-9")
    return price_e9


def _money(value: object, field: str) -> int | None:
    if value is None:
        return None
    number = _number(value, field, "an amount of money")
    if abs(number) > 10**9:
        raise TradeError(field, value, "an amount of money within a thousand million")
    return int((number * 10**9).to_integral_value())


def _text(value: object, field: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value or not math.isfinite(len(value)):
        raise TradeError(field, value, "a text")
    return value
