"""What is traded: symbols with their ticks, steps, sectors and reference data.

:class:`InstrumentCatalog` reads the packaged ``data/instruments.yaml``, a file of the same form, or a
mapping; the ``instruments:`` section of a configuration adds to it and overrides single fields. Prices are
int64 in 1e-9 of the currency, taken exactly from decimal text. PyYAML is imported when a file is read.
"""

from __future__ import annotations

import difflib
import math
import operator
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["Instrument", "InstrumentCatalog", "InstrumentError", "InstrumentProblem", "UnknownSymbol"]

_PACKAGED = Path(__file__).with_name("data") / "instruments.yaml"
_INT64_MAX = 2**63 - 1
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._/\-]{0,15}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)
_US_EQUITY: dict[str, Any] = {
    "sector": "unknown", "currency": "USD", "multiplier": 1, "quantity_step": 1, "round_lot": 100,
    "tick_size": {"0": "0.0001", "1": "0.01"}, "session": "XNYS", "venue": "NYSE",
    "adv": None, "shares_outstanding": None, "volatility_daily": None, "beta": None,
}  # fmt: skip


class UnknownSymbol(KeyError):  # noqa: N818  (the name is the project's)
    """``symbol`` is not in the catalog; ``nearest`` holds the known ones that look like it, best first."""

    def __init__(self, symbol: object, nearest: tuple[str, ...] = ()) -> None:
        self.symbol = symbol
        self.nearest = nearest
        super().__init__(symbol, nearest)

    def __str__(self) -> str:
        known = f"; nearest known: {', '.join(self.nearest)}" if self.nearest else ""
        return (
            f"unknown symbol {self.symbol!r}{known}; to add it, put it under 'instruments' in the "
            f"configuration: instruments: {{{self.symbol}: {{reference_price: '100.00', sector: energy}}}}"
        )


@dataclass(frozen=True, slots=True)
class InstrumentProblem:
    """A refused value: the symbol, the field (None: the whole entry), what was expected, and the value."""

    symbol: str
    field: str | None
    message: str
    value: Any = None

    def __str__(self) -> str:
        where = f"{self.symbol}.{self.field}" if self.field else self.symbol
        return f"{where}: {self.message}"


class InstrumentError(ValueError):
    """Instrument data is refused; ``problems`` names every symbol and field."""

    def __init__(self, problems: list[InstrumentProblem], source: str = "instruments") -> None:
        self.problems = problems
        self.source = source
        super().__init__(f"{source}: " + "; ".join(map(str, problems)))

    def __reduce__(self) -> tuple[Any, ...]:
        return InstrumentError, (self.problems, self.source)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument. ``_e9`` is int64 in 1e-9 of the currency (prices) or of a unit (``quantity_step_e9``).

    symbol             : up to 16 of A-Z 0-9 . _ / -
    name, sector       : display name; sector in lower case, "unknown" if nobody said.
    reference_price_e9 : price that the paper market begins from.
    tick_ladder_e9     : (from price, tick) in rising order of price, the first from 0.
    quantity_step_e9   : smallest change of a quantity; 1e9 is one share.
    round_lot          : units in a round lot.
    currency           : ISO 4217 code of price and money.
    multiplier         : money per unit of price and unit of quantity.
    adv                : average daily volume, units; None if unknown.
    shares_outstanding : units; None if unknown.
    volatility_daily   : standard deviation of daily returns, a fraction; None if unknown.
    beta               : of its returns to the index's (``analytics.index``); None if unknown.
    venue              : primary listing.
    session            : MIC of the exchange whose hours apply, or 24/7 (see ``sessions``).
    """

    symbol: str
    name: str
    sector: str
    reference_price_e9: int
    tick_ladder_e9: tuple[tuple[int, int], ...]
    quantity_step_e9: int
    round_lot: int
    currency: str
    multiplier: int
    adv: int | None
    shares_outstanding: int | None
    volatility_daily: float | None
    venue: str
    session: str
    beta: float | None = None

    @property
    def reference_price(self) -> float:
        """The reference price in the currency."""
        return self.reference_price_e9 / 1e9

    @property
    def tick_e9(self) -> int:
        """The tick at the reference price, 1e-9 of the currency."""
        return self.tick_e9_at(self.reference_price_e9)

    @property
    def tick_size(self) -> float:
        """The tick at the reference price, in the currency."""
        return self.tick_e9 / 1e9

    def tick_e9_at(self, price_e9: int) -> int:
        """The tick that applies at a price, both in 1e-9 of the currency. ValueError below 0."""
        if price_e9 < 0:
            raise ValueError(f"price_e9 is {price_e9}, must be >= 0")
        tick = self.tick_ladder_e9[0][1]
        for start, step in self.tick_ladder_e9:
            if price_e9 < start:
                break
            tick = step
        return tick


class InstrumentCatalog(Mapping[str, Instrument]):
    """An immutable mapping from symbol to :class:`Instrument`, in alphabetical order.

    ``catalog["AAPL"]`` raises :class:`UnknownSymbol` for what it does not hold; ``get`` and ``in`` do not.
    """

    __slots__ = ("_raw", "_rows")

    def __init__(self, raw: Mapping[str, Mapping[str, Any]], *, source: str = "instruments") -> None:
        """From a mapping {symbol: fields}; fields that are left out have the values of a US equity.

        ``reference_price`` is required. Raises InstrumentError, which names every bad symbol and field.
        """
        problems: list[InstrumentProblem] = []
        rows: dict[str, Instrument] = {}
        if not isinstance(raw, Mapping):
            raise _whole_error("expected a mapping of symbols", source, raw)
        for symbol in sorted(raw, key=str):
            row = _parse(symbol, raw[symbol], problems)
            if row is not None:
                rows[symbol] = row
        if problems:
            raise InstrumentError(problems, source)
        self._rows = rows
        self._raw = {symbol: dict(raw[symbol]) for symbol in rows}

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> InstrumentCatalog:
        """The packaged catalog (read once a process), or one from a YAML file of the same form.

        Raises
        ------
        OSError          if the file cannot be read.
        InstrumentError  if its content is refused.
        """
        return _packaged() if path is None else _read(Path(path))

    def extended(self, additions: Mapping[str, Mapping[str, Any]] | None) -> InstrumentCatalog:
        """A catalog with more symbols; a symbol that is known already has only the given fields replaced.

        Raises InstrumentError. The present catalog does not change.
        """
        if not additions:
            return self
        if not isinstance(additions, Mapping):
            raise _whole_error("expected a mapping of symbols", "instruments", additions)
        raw: dict[str, Any] = dict(self._raw)
        for symbol, fields in additions.items():
            known = raw.get(symbol)
            raw[symbol] = {**known, **fields} if known is not None and isinstance(fields, Mapping) else fields
        return InstrumentCatalog(raw)

    def __getitem__(self, symbol: str) -> Instrument:
        try:
            return self._rows[symbol]
        except (KeyError, TypeError):
            raise UnknownSymbol(symbol, self.nearest(symbol)) from None

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and symbol in self._rows

    def get(self, symbol: str, default: Any = None) -> Any:
        """The instrument, or ``default``; no search for similar names."""
        return self._rows.get(symbol, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"InstrumentCatalog({len(self)} instruments)"

    def nearest(self, symbol: object, count: int = 3) -> tuple[str, ...]:
        """The known symbols that look most like ``symbol``, best first."""
        if not isinstance(symbol, str) or len(symbol) > 64:
            return ()
        return tuple(difflib.get_close_matches(symbol.upper(), self._rows, n=count, cutoff=0.5))

    def sectors(self) -> tuple[str, ...]:
        """The sectors that occur, in alphabetical order."""
        return tuple(sorted({row.sector for row in self._rows.values()}))


def _whole_error(message: str, source: str, value: Any = None) -> InstrumentError:
    return InstrumentError([InstrumentProblem("*", None, message, value)], source)


@lru_cache(maxsize=1)
def _packaged() -> InstrumentCatalog:
    return _read(_PACKAGED)


def _read(path: Path) -> InstrumentCatalog:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    # The base loader leaves every scalar as text: that is exact for prices, and twice as fast.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        document = yaml.load(path.read_bytes(), Loader=loader)
    except yaml.YAMLError as error:
        raise _whole_error(" ".join(str(error).split()), str(path)) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("instruments"), Mapping):
        raise _whole_error("expected a mapping with 'instruments'", str(path))
    defaults = document.get("defaults", {})
    if not isinstance(defaults, Mapping) or set(document) - {"defaults", "instruments"}:
        raise _whole_error("expected the mappings 'defaults' and 'instruments' only", str(path))
    raw = {
        symbol: {**defaults, **fields} if isinstance(fields, Mapping) else fields
        for symbol, fields in document["instruments"].items()
    }
    return InstrumentCatalog(raw, source=str(path))


# Parsing of one entry. A reader returns the value or raises ValueError with what was expected.


def _whole(low: int) -> Callable[[Any], int]:
    expected = f"a whole number of at least {low}, below 2**63"

    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
            value = int(value)
        if isinstance(value, bool):
            raise ValueError(expected)
        try:
            number = operator.index(value)
        except TypeError:
            raise ValueError(expected) from None
        if not low <= number <= _INT64_MAX:
            raise ValueError(expected)
        return number

    return read


def _positive_e9(value: Any, expected: str = "a positive decimal number with up to nine decimals") -> int:
    """Exactly value × 1e9. A float counts as the shortest decimal that reads back as it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(expected)
    if isinstance(value, int) and value > _INT64_MAX:
        raise ValueError(expected)
    text = repr(float(value)) if isinstance(value, float) else str(value)
    if isinstance(value, str) and not _DECIMAL.fullmatch(text):
        raise ValueError(expected)
    try:
        scaled = Decimal(text).scaleb(9)
    except InvalidOperation:
        raise ValueError(expected) from None
    if not scaled.is_finite() or not 0 < scaled <= _INT64_MAX or scaled != scaled.to_integral_value():
        raise ValueError(expected)
    return int(scaled)


def _ladder_e9(value: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, Mapping):
        return ((0, _positive_e9(value, "a positive tick, or a mapping {from price: tick}")),)
    steps = []
    for start, tick in value.items():
        zero = not isinstance(start, bool) and str(start) in ("0", "0.0", "0.00")
        steps.append((0 if zero else _positive_e9(start), _positive_e9(tick)))
    steps.sort()
    if not steps or steps[0][0] != 0 or len({start for start, _ in steps}) != len(steps):
        raise ValueError("a mapping {from price: tick} with different prices, beginning at 0")
    if any(start % tick for start, tick in steps):
        raise ValueError("a ladder whose prices are multiples of the tick that begins at them")
    return tuple(steps)


def _volatility(value: Any) -> float:
    expected = "a fraction above 0 and at most 10, such as 0.02"
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(expected)
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(expected)
    if not 0 < value <= 10 or not math.isfinite(value):
        raise ValueError(expected)
    return float(value)


def _beta(value: Any) -> float:
    expected = "a number from -100 to 100, such as 1.2"
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not -100 <= value <= 100:
        raise ValueError(expected)
    return float(value)


def _matching(pattern: str, expected: str) -> Callable[[Any], str]:
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(expected)
        return str(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 64 or not value.isprintable():
        raise ValueError("up to 64 printable characters")
    return value


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "sector": _matching(r"[a-z][a-z0-9_]{0,31}", "a sector in lower case, such as technology"),
    "reference_price": _positive_e9,
    "tick_size": _ladder_e9,
    "quantity_step": _positive_e9,
    "round_lot": _whole(1),
    "currency": _matching(r"[A-Z]{3}", "a currency code of three capital letters, such as USD"),
    "multiplier": _whole(1),
    "adv": _optional(_whole(1)),
    "shares_outstanding": _optional(_whole(1)),
    "volatility_daily": _optional(_volatility),
    "beta": _optional(_beta),
    "venue": _matching(_WORD.pattern, "the name of a venue, such as NYSE"),
    "session": _matching(r"X[A-Z]{3}|24/7", "the MIC of an exchange with a session table, such as XNYS, or 24/7"),
}


def _parse(symbol: Any, fields: Any, problems: list[InstrumentProblem]) -> Instrument | None:
    """The instrument, or None with the reasons appended to ``problems``."""
    before = len(problems)
    if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
        message = "a symbol has up to 16 of A-Z 0-9 . _ / -"
        problems.append(InstrumentProblem(str(symbol), None, message, symbol))
        return None
    if not isinstance(fields, Mapping):
        problems.append(InstrumentProblem(symbol, None, "expected a mapping of fields", fields))
        return None
    values: dict[str, Any] = {}
    for field, raw in {"name": symbol, **_US_EQUITY, **fields}.items():
        read = _READERS.get(field)
        if read is None:
            near = difflib.get_close_matches(str(field), _READERS, n=1)
            hint = f", did you mean '{near[0]}'?" if near else f", known are {', '.join(_READERS)}"
            problems.append(InstrumentProblem(symbol, str(field), f"unknown field{hint}"))
            continue
        try:
            values[field] = read(raw)
        except ValueError as error:
            problems.append(InstrumentProblem(symbol, field, f"expected {error}, was {_shown(raw)}", raw))
    if "reference_price" not in fields:
        problems.append(InstrumentProblem(symbol, "reference_price", "missing: expected a positive price"))
    if len(problems) > before:
        return None
    row = Instrument(
        symbol=symbol,
        reference_price_e9=values.pop("reference_price"),
        tick_ladder_e9=values.pop("tick_size"),
        quantity_step_e9=values.pop("quantity_step"),
        **values,
    )
    if row.reference_price_e9 % row.tick_e9:
        message = f"is not a multiple of its tick {row.tick_e9 / 1e9:.9g}"
        problems.append(InstrumentProblem(symbol, "reference_price", message, fields["reference_price"]))
        return None
    return row


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
