"""The pre-trade checks over a portfolio that the caller describes; nothing here touches an engine.

    result = PreTradeRiskManager(config).check_order_risk(order, portfolio_state)   # or `await` it
    if not result.approved:
        print(result.reasons, result.recommended_adjustments["largest_quantity"])

Definitions: 17 CFR 240.15c3-5 (c)(1), worst case over open orders, by the core's own function.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final, Literal

from .._core.instruments import Instruments
from .._core.portfolio import Portfolio
from .._core.risk import NOT_EVALUATED, Limits
from .._core.values import CHECK_GROUPS, CHECKS, ORDER_TYPE_CODES, Unknown
from ..config import ExecutionConfig, risk_config
from ..instruments import InstrumentCatalog
from .limits import limit_settings, limit_values

__all__ = ["PreTradeRiskManager", "RiskCheckResult"]

CheckState = bool | Literal["not_configured", "not_evaluated"]

_E9: Final = 10**9
_QUANTITY_MAX = 1 << 50
_PRICE_MAX_E9 = 2**23 * 10**9  # cext/include/instruments.h
_MONEY_MAX_E9 = 1 << 95
_CENT_E9 = 10_000_000
_GROUP_OF = {name: group for _, name, group, _ in CHECKS}
_UNIT_OF = {name: unit for _, name, _, unit in CHECKS}
_BIT_OF = {name: bit for bit, name, _, _ in CHECKS}
_NEEDS_PRICE = ("notional", "daily_value")
_NEEDS_EQUITY = ("sector", "leverage", "concentration")
_NEEDS_MARKS = (*_NEEDS_EQUITY, "gross_exposure", "net_exposure")
#: The mission's six, then the other groups in the order of the checks.
_GROUPS = tuple(dict.fromkeys((*CHECK_GROUPS, *(group for _, name, group, _ in CHECKS if name != "price"))))
#: Stands in `failed_checks` when the order or the portfolio cannot be read; no limit is needed for it.
_READABLE = "valid_input"
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class RiskCheckResult:
    """The outcome of one what-if; awaiting it gives it again.

    approved, failed_checks : approved exactly if no check failed; names are the mission's six, those of the other
        groups of checks (`values.CHECKS`), and ``valid_input`` when the order or the portfolio could not be read
    risk_score              : the largest utilisation, at most 1; 1 is at or over a limit, or not known
    recommended_adjustments : largest_quantity (units), largest_quantity_lots (units, whole round lots),
        round_lot, binding_check, alternatives (sentences)
    checks                  : {name of the group: passed, "not_configured", or "not_evaluated": what it looks at (what
        was sent before, the age of a quote, the route) no portfolio tells; the engine evaluates it
    utilisation, figures    : by the engine's names of the checks: used / limit, and (used, limit); Unknown
        where an input is missing or not evaluated. What is there or is not (a bar, a halt) is 1 or 0 above 0
    binding_check           : the check with the largest utilisation (engine's name), of those that failed if any did
    reasons                 : a sentence for each thing that failed or was missing
    """

    approved: bool
    failed_checks: list[str] = field(default_factory=list)
    risk_score: float = 0.0
    recommended_adjustments: Mapping[str, Any] = field(default_factory=dict)
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    utilisation: Mapping[str, float] = field(default_factory=dict)
    binding_check: str | None = None
    figures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def __await__(self) -> Generator[Any, None, RiskCheckResult]:
        return self
        yield

    def __bool__(self) -> bool:
        return self.approved


class _UnreadableError(ValueError):
    """Something given is missing or wrong; the message says what."""


def _read(source: Any, *names: str) -> Any:
    """The first of ``names`` that a mapping or object has with a value other than None."""
    for name in names:
        value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
        if value is not None and not callable(value):
            return value
    return None


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."


def _exact(value: Any, what: str) -> Decimal:
    """A finite number, exactly; a float counts as the shortest decimal that reads back as it."""
    if isinstance(value, bool | str | bytes):
        raise _UnreadableError(f"{what} is {_shown(value)}, must be a number")
    try:
        number = Decimal(repr(float(value))) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        try:
            number = Decimal(repr(float(value)))
        except Exception:
            raise _UnreadableError(f"{what} is of type {type(value).__name__}, must be a number") from None
    if not number.is_finite():
        raise _UnreadableError(f"{what} is {_shown(value)}, must be a finite number")
    if abs(number) > 10**18:
        raise _UnreadableError(f"{what} is {_shown(value)}, which is too large")
    return number


def _e9(value: Any, what: str) -> int:
    scaled = (_exact(value, what) * _E9).quantize(Decimal(1), ROUND_HALF_EVEN)
    if abs(scaled) >= _MONEY_MAX_E9:
        raise _UnreadableError(f"{what} is {_shown(value)}, which is too large")
    return int(scaled)


def _price_e9(value: Any, what: str) -> int:
    price = _e9(value, what)
    if not 0 < price < _PRICE_MAX_E9:
        raise _UnreadableError(f"{what} is {_shown(value)}, must be positive and below {_PRICE_MAX_E9 / 1e9:,.0f}")
    return price


def _whole(value: Any, what: str) -> int:
    number = _exact(value, what)
    if number != number.to_integral_value():
        raise _UnreadableError(f"{what} is {_shown(value)}, must be a whole number of units")
    if abs(number) > _QUANTITY_MAX:
        raise _UnreadableError(f"{what} is {_shown(value)}, must be at most {_QUANTITY_MAX}")
    return int(number)


def _units(value: Any, what: str) -> int:
    """A position in whole units; a fraction counts as the next larger unit, so that no exposure is lost."""
    number = _exact(value, what)
    whole = int(number)
    if number != whole:
        whole += 1 if number > 0 else -1
    if abs(whole) > _QUANTITY_MAX:
        raise _UnreadableError(f"{what} is {_shown(value)}, must be at most {_QUANTITY_MAX}")
    return whole


def _side(value: Any, what: str) -> int:
    text = str(getattr(value, "value", value)).lower()
    side = {"buy": 1, "sell": -1, "1": 1, "-1": -1}.get(text)
    if side is None or isinstance(value, bool):
        raise _UnreadableError(f"{what} is {_shown(value)}, must be buy or sell")
    return side


@dataclass(slots=True)
class _Order:
    symbol: str
    side: int
    quantity: int
    price_e9: int | None
    sector: str | None


def _order(given: Any, what: str, *quantities: str) -> _Order:
    symbol = _read(given, "symbol")
    if not isinstance(symbol, str) or not symbol:
        raise _UnreadableError(f"{what}: symbol is {_shown(symbol)}, must be a str")
    raw_side, signed = _read(given, "side"), _read(given, "signed_quantity")
    raw = _read(given, *quantities)
    if raw is None and signed is None:
        raise _UnreadableError(f"{what}: quantity is missing")
    quantity = _whole(raw if raw is not None else abs(_exact(signed, f"{what}: signed_quantity")), f"{what}: quantity")
    if raw_side is None and signed is None:
        raise _UnreadableError(f"{what}: side is missing")
    if signed is not None:
        by_sign = _whole(signed, f"{what}: signed_quantity")
        side = 1 if by_sign > 0 else -1
        if abs(by_sign) != quantity or (raw_side is not None and _side(raw_side, f"{what}: side") != side):
            raise _UnreadableError(f"{what}: signed_quantity is {_shown(signed)}, side and quantity say something else")
    else:
        side = _side(raw_side, f"{what}: side")
    if quantity <= 0:
        raise _UnreadableError(f"{what}: quantity is {_shown(signed if raw is None else raw)}, must be positive")
    price = _read(given, "limit_price", "estimated_price", "price")
    price_e9 = None if price is None else _price_e9(price, f"{what}: price")
    return _Order(symbol, side, quantity, price_e9, _sector(given))


def _raises(held: tuple[int, int, int], order: _Order) -> bool:
    """Does the order raise its symbol's worst case?"""
    quantity, buys, sells = held
    before = max(abs(quantity + buys), abs(quantity - sells))
    if order.side > 0:
        return abs(quantity + buys + order.quantity) > before
    return abs(quantity - sells - order.quantity) > before


def _sector(given: Any) -> str | None:
    sector = _read(given, "sector")
    return sector if isinstance(sector, str) and sector else None


@dataclass(slots=True)
class _Holding:
    """A position as the core takes it: quantity * mark is its market value."""

    symbol: str
    quantity: int | None
    mark_e9: int | None
    value_e9: int | None
    sector: str | None


def _holding(symbol: Any, given: Any) -> _Holding:
    if not isinstance(symbol, str) or not symbol:
        raise _UnreadableError(f"positions has the key {_shown(symbol)}, must be a symbol")
    what = f"position {symbol}"
    if given is None:
        raise _UnreadableError(f"{what} is None, must be a number, a mapping or an object")
    plain = not isinstance(given, Mapping) and _read(given, "quantity", "market_value") is None
    if plain:
        return _Holding(symbol, _units(given, what), None, None, None)
    quantity, value = _read(given, "quantity"), _read(given, "market_value")
    mark = _read(given, "mark", "mark_price", "price")
    if quantity is None and value is None:
        raise _UnreadableError(f"{what}: quantity is missing")
    return _Holding(
        symbol,
        None if quantity is None else _units(quantity, f"{what}: quantity"),
        None if mark is None else _price_e9(mark, f"{what}: mark"),
        None if value is None else _e9(value, f"{what}: market_value"),
        _sector(given),
    )


class PreTradeRiskManager:
    """Checks orders against limits and a portfolio that the caller describes.

    Parameters
    ----------
    config    : mapping with the keys of ``risk_controls`` (position_limits, order_limits, exposure_limits, ...),
        or an ExecutionConfig. What is left out is not checked and reported as ``not_configured``
    catalog   : where sectors and round lots come from, by default the configuration's; never its prices

    Raises
    ------
    ConfigError  names every wrong key
    """

    def __init__(self, config: Any = None, *, catalog: InstrumentCatalog | None = None) -> None:
        whole: ExecutionConfig = risk_config(config)
        self._catalog = whole.catalog() if catalog is None else catalog
        controls = whole.risk_controls
        self.position_limits = controls.position_limits
        self.order_limits = controls.order_limits
        self.exposure_limits = controls.exposure_limits
        self._values = limit_values(whole, regardless=True)
        self._lock = threading.Lock()
        self._instruments = Instruments()
        self._limits = Limits(self._instruments)
        self._names: dict[tuple[str, str], str] = {}
        for symbol in self.position_limits:
            if symbol != "default":
                self._name(symbol, None)
        self._apply()

    # ---- limits

    def _apply(self) -> None:
        """Sets the limits for the names that the scratch table has by now: a symbol's hold for each of its names."""
        names: dict[str, list[str]] = {}
        for (symbol, _), name in self._names.items():
            names.setdefault(symbol, []).append(name)
        spread: dict[str, int] = {}
        for path, value in self._values.items():
            family, _, symbol = path.partition(".")
            if family in ("position_limits", "restricted", "long_only", "locates") and symbol not in ("", "default"):
                spread |= {f"{family}.{name}": value for name in names.get(symbol, ())}
            else:
                spread[path] = value
        self._limits.set(**limit_settings(spread, self._instruments))

    def _name(self, symbol: str, sector: str | None) -> str:
        """The symbol's name in the scratch table; in a sector that is not its usual one it has another."""
        known = self._catalog.get(symbol)
        usual = "unknown" if known is None else known.sector
        key = (symbol, sector or usual)
        name = self._names.get(key)
        if name is None:
            name = symbol if key[1] == usual else f"{symbol} | {key[1]}"
            try:
                self._instruments.add(
                    name,
                    tick_e9=1 if known is None else known.tick_e9,
                    multiplier=1 if known is None else known.multiplier,
                    sector=key[1],
                    adv=None if known is None else known.adv,
                )
            except ValueError as error:
                raise _UnreadableError(f"{symbol}: {error}") from None
            self._names[key] = name
            self._apply()
        return name

    # ---- the check

    def check_order_risk(self, order: Any, portfolio_state: Any) -> RiskCheckResult:
        """What the checks say of ``order``; works when called, and may be awaited.

        Parameters
        ----------
        order : mapping or object with symbol, side, quantity (or signed_quantity), and a price: limit_price,
            else estimated_price; units and currency
        portfolio_state : mapping or object with positions {symbol: quantity, or mapping or object with
            quantity, market_value or mark, sector}; total_value (equity; else cash and all market values);
            optional open_orders (each like an order; leaves_quantity goes before quantity), daily_traded (money;
            nothing if left out), daily_orders (how many were sent today), quotes ({symbol: bid, ask, last}) and halted
            (symbols): the price collar and the halt are evaluated only where these are given

        Returns
        -------
        RiskCheckResult. What is missing or not a number fails the checks that need it, with the reason.
        """
        with self._lock:
            try:
                return self._check(order, portfolio_state)
            except _UnreadableError as error:
                return self._unreadable(str(error))

    def _check(self, given: Any, state: Any) -> RiskCheckResult:
        order = _order(given, "order", "quantity")
        kind = _read(given, "order_type")
        if kind is not None and (not isinstance(kind, str) or kind not in ORDER_TYPE_CODES):
            raise _UnreadableError(f"order: order_type is {_shown(kind)}, must be one of {', '.join(ORDER_TYPE_CODES)}")
        holdings = self._holdings(state)
        open_orders = self._open_orders(state)
        own = next((each for each in holdings if each.symbol == order.symbol), None)
        sector = order.sector or (own.sector if own is not None else None)
        name = self._name(order.symbol, sector)
        reasons: list[str] = []
        blind: set[str] = set()  # checks without an input that they need: they fail
        portfolio = Portfolio(self._instruments)

        marks = self._open_positions(portfolio, holdings, order, name)
        if name not in marks and order.price_e9 is not None:
            marks[name] = order.price_e9
        for each in open_orders:
            its = name if each.symbol == order.symbol else self._name_held(each, holdings)
            mark = marks.get(its, each.price_e9 if its != name else None)
            if mark is not None:
                marks[its] = mark
            price = each.price_e9 if each.price_e9 is not None else mark
            if price is None and "daily_value" in self._limits.configured:
                blind.add("daily_value")
                reasons.append(f"open order in {each.symbol} has no price")
            portfolio.reserve(its, each.side, each.quantity, price)
        for symbol, mark_e9 in marks.items():
            portfolio.mark(symbol, mark_e9)
        self._set_equity(portfolio, state, reasons, blind)
        self._set_day(portfolio, state, reasons, blind)

        price_e9 = order.price_e9 if order.price_e9 is not None else marks.get(name)
        quote, halted = self._quote(state, order.symbol), self._halted(state, order.symbol)
        mask, figures = self._limits.check(
            portfolio, name, order.side, order.quantity, price_e9, quote=quote, halted=halted
        )
        largest = self._limits.largest(
            portfolio, name, order.side, order.quantity, price_e9, quote=quote, halted=halted
        )
        failing = {each for each, bit in _BIT_OF.items() if mask & bit and each != "price"}
        configured = self._limits.configured
        blind &= set(configured)
        if mask & _BIT_OF["price"]:
            if price_e9 is None:
                reasons.append(f"{order.symbol} has no price: give limit_price, estimated_price or a mark")
                failing |= {each for each in _NEEDS_PRICE if each in configured}
            unmarked = portfolio.account()["unmarked_symbols"]
            if (unmarked or name not in marks) and _raises(portfolio.position(name), order):
                if unmarked:
                    reasons.append(f"{unmarked} position(s) have neither market value nor mark")
                failing |= {each for each in _NEEDS_MARKS if each in configured}
            collar = figures.get("price_collar", (0.0, 0.0))[0]
            if collar is not NOT_EVALUATED and math.isnan(collar):
                reasons.append(f"{order.symbol} has no reference for the price collar")
                failing.add("price_collar")
        blind -= set(_NEEDS_EQUITY) - failing  # without equity too, what lowers an exposure passes
        failing |= blind
        if blind & {"daily_value", "daily_count"}:
            largest = 0
        return self._result(order, configured, figures, failing, blind, largest, reasons)

    def _quote(self, state: Any, symbol: str) -> tuple[int | None, int | None, int | None, int | None] | None:
        quotes = _read(state, "quotes")
        if quotes is None:
            return None
        if not isinstance(quotes, Mapping):
            raise _UnreadableError("portfolio: quotes must be a mapping of symbols")
        given = quotes.get(symbol)
        bid, ask, last = (
            None
            if given is None or (raw := _read(given, field)) is None
            else _price_e9(raw, f"quote {symbol}: {field}")
            for field in ("bid", "ask", "last")
        )
        return bid, ask, last, None

    def _halted(self, state: Any, symbol: str) -> bool | None:
        halted = _read(state, "halted")
        if halted is None:
            return None
        if isinstance(halted, str) or not isinstance(halted, Iterable):
            raise _UnreadableError(f"portfolio: halted is {_shown(halted)}, must be a list of symbols")
        return symbol in set(halted)

    def _holdings(self, state: Any) -> list[_Holding]:
        positions = _read(state, "positions")
        if positions is None:
            raise _UnreadableError("portfolio: positions is missing")
        if not isinstance(positions, Mapping):
            raise _UnreadableError("portfolio: positions must be a mapping of symbols")
        return [_holding(symbol, given) for symbol, given in positions.items()]

    def _open_orders(self, state: Any) -> list[_Order]:
        given = _read(state, "open_orders")
        if given is None:
            return []
        if isinstance(given, Mapping):
            given = given.values()
        if not isinstance(given, Iterable):
            raise _UnreadableError("portfolio: open_orders must be a list of orders")
        return [_order(each, f"open order {index}", "leaves_quantity", "quantity") for index, each in enumerate(given)]

    def _name_held(self, order: _Order, holdings: list[_Holding]) -> str:
        held = next((each.sector for each in holdings if each.symbol == order.symbol and each.sector), None)
        return self._name(order.symbol, order.sector or held)

    def _open_positions(
        self, portfolio: Portfolio, holdings: list[_Holding], order: _Order, name: str
    ) -> dict[str, int]:
        """Opens the positions; {name: mark in 1e-9}."""
        marks: dict[str, int] = {}
        for each in holdings:
            ordered = each.symbol == order.symbol
            its = name if ordered else self._name(each.symbol, each.sector)
            quantity, mark = each.quantity, each.mark_e9
            if each.value_e9 is not None and quantity:
                known = self._catalog.get(each.symbol)
                units = abs(quantity) * (1 if known is None else known.multiplier)
                mark = (2 * abs(each.value_e9) + units) // (2 * units)  # to the nearest
                if mark <= 0 or mark >= _PRICE_MAX_E9:
                    if ordered:
                        raise _UnreadableError(
                            f"position {each.symbol}: market_value and quantity give no usable price"
                        )
                    quantity = mark = None
            if quantity is None:
                if ordered:
                    raise _UnreadableError(f"position {each.symbol}: quantity is missing")
                assert each.value_e9 is not None
                cents = -(-abs(each.value_e9) // _CENT_E9)
                quantity = cents if each.value_e9 >= 0 else -cents
                mark = _CENT_E9
                if cents > _QUANTITY_MAX:
                    raise _UnreadableError(f"position {each.symbol}: market_value is too large")
            if ordered and mark is None:
                mark = order.price_e9
            if mark is not None:
                marks[its] = mark
            portfolio.open_position(its, quantity)
        return marks

    def _set_equity(self, portfolio: Portfolio, state: Any, reasons: list[str], blind: set[str]) -> None:
        """Gives the account the cash that makes its equity what the portfolio says."""
        total, cash = _read(state, "total_value"), _read(state, "cash")
        try:
            if total is not None:
                held = portfolio.account()["equity_e9"]
                portfolio.open_account(0, _e9(total, "portfolio: total_value") - held)
                return
            if cash is not None:
                portfolio.open_account(0, _e9(cash, "portfolio: cash"))
                return
            missing = "portfolio: total_value is missing, and so is cash"
        except _UnreadableError as error:
            missing = str(error)
        portfolio.open_account(0, -portfolio.account()["equity_e9"])  # equity 0: what raises an exposure fails
        configured = set(_NEEDS_EQUITY) & set(self._limits.configured)
        if configured:
            blind |= configured
            reasons.append(missing)

    def _set_day(self, portfolio: Portfolio, state: Any, reasons: list[str], blind: set[str]) -> None:
        done = {}
        for check, name, read in (("daily_value", "daily_traded", _e9), ("daily_count", "daily_orders", _whole)):
            raw = _read(state, name)
            try:
                done[name] = 0 if raw is None else read(raw, f"portfolio: {name}")
                if done[name] < 0:
                    raise _UnreadableError(f"portfolio: {name} is {_shown(raw)}, must not be negative")
            except _UnreadableError as error:
                done[name] = 0
                if check in self._limits.configured:
                    blind.add(check)
                    reasons.append(str(error))
        portfolio.open_day(0, done["daily_traded"], done["daily_orders"], len(self._open_orders(state)))

    # ---- the result

    def _result(
        self,
        order: _Order,
        configured: list[str],
        figures: Mapping[str, tuple[float, float]],
        failing: set[str],
        blind: set[str],
        largest: int,
        reasons: list[str],
    ) -> RiskCheckResult:
        shown: dict[str, tuple[float, float]] = {}
        utilisation: dict[str, float] = {}
        for each in configured:
            used, limit = figures[each]
            if each in blind:
                used = Unknown("an input is missing")
            shown[each] = (used, limit)
            utilisation[each] = _utilisation(used, limit)
            if each not in failing:
                continue
            if _UNIT_OF[each] == "flag":
                reasons.append(f"{_GROUP_OF[each]}: {each}")
            elif not math.isnan(used):
                reasons.append(f"{_GROUP_OF[each]}: {each} {_text(used, each)} above {_text(limit, each)}")
            elif each == "daily_volume":
                reasons.append(f"{order.symbol}: {getattr(used, 'reason', 'not known')}")
        unknown = [each for each in configured if each in failing and math.isnan(utilisation[each])]
        numbers = {each: value for each, value in utilisation.items() if not math.isnan(value)}
        told = {each: value for each, value in numbers.items() if each in failing} or numbers
        binding = unknown[0] if unknown else max(told, key=lambda each: told[each], default=None)
        score = 1.0 if unknown or failing else min(1.0, max(numbers.values(), default=0.0))
        unseen = {each for each in configured if figures[each][0] is NOT_EVALUATED}
        checks = _states(configured, failing, unseen)
        return RiskCheckResult(
            approved=not failing,
            failed_checks=[name for name, passed in checks.items() if passed is False],
            risk_score=score,
            recommended_adjustments=self._adjustments(order, largest, binding, failing),
            checks=checks,
            utilisation=utilisation,
            binding_check=binding,
            figures=shown,
            reasons=tuple(dict.fromkeys(reasons)) if failing else (),
        )

    def _adjustments(self, order: _Order, largest: int, binding: str | None, failing: set[str]) -> dict[str, Any]:
        known = self._catalog.get(order.symbol)
        lot = 100 if known is None else known.round_lot
        alternatives: list[str] = []
        if failing:
            if largest:
                alternatives.append(f"reduce the order to {largest} units")
            if largest > lot and largest % lot:
                alternatives.append(f"reduce the order to {largest // lot * lot} units, {largest // lot} round lots")
            if failing <= {"order_size", "notional"} and largest:
                parts = -(-order.quantity // largest)
                alternatives.append(f"split the order into {parts} of at most {largest} units")
            if "daily_value" in failing:
                alternatives.append("wait until the daily limit is reset")
            if "price_collar" in failing:
                alternatives.append("choose a price within the collar")
            if "halted" in failing:
                alternatives.append("wait until trading is resumed")
            exposed = sorted(failing & {"position", "open_orders", *_NEEDS_MARKS})
            if exposed:
                alternatives.append(f"cancel open orders or reduce what counts against {', '.join(exposed)}")
        return {
            "largest_quantity": largest,
            "largest_quantity_lots": largest // lot * lot,
            "round_lot": lot,
            "binding_check": binding,
            "alternatives": alternatives,
        }

    def _unreadable(self, reason: str) -> RiskCheckResult:
        configured = self._limits.configured
        checks = _states(configured, set(configured), set())
        failed = [name for name, passed in checks.items() if passed is False]
        why = Unknown("the order or the portfolio could not be read")
        return RiskCheckResult(
            approved=False,
            failed_checks=[_READABLE, *failed],
            risk_score=1.0,
            recommended_adjustments={
                "largest_quantity": 0, "largest_quantity_lots": 0, "round_lot": None,
                "binding_check": _READABLE, "alternatives": [],
            },
            checks={_READABLE: False, **checks},
            utilisation=dict.fromkeys(configured, why),
            binding_check=_READABLE,
            figures=dict.fromkeys(configured, (why, why)),
            reasons=(reason,),
        )  # fmt: skip


def _states(configured: Iterable[str], failing: set[str], unseen: set[str]) -> dict[str, CheckState]:
    """Of each group: whether all of it passed, as far as it is configured and could be evaluated."""
    states: dict[str, CheckState] = dict.fromkeys(_GROUPS, "not_configured")
    for each in configured:
        group = _GROUP_OF[each]
        if each in unseen:
            states[group] = "not_evaluated" if states[group] == "not_configured" else states[group]
        else:
            states[group] = states[group] is not False and each not in failing
    return states


def _utilisation(used: float, limit: float) -> float:
    if math.isnan(used):
        return used
    if math.isnan(limit):
        return limit
    if limit > 0:
        return used / limit
    return math.inf if used > 0 else 0.0


def _text(value: float, check: str) -> str:
    unit = _UNIT_OF[check]
    if unit == "fraction":
        return f"{value:.2%}"
    if unit in ("bps", "seconds"):
        return f"{value:,.6g} {unit}"
    return f"{value:,.2f}" if unit == "money" else f"{value:,.0f}"
