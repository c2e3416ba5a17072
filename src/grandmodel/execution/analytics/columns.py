"""What many orders cost, over columns: NumPy arrays, mappings of arrays, or anything with the Arrow C data interface.

    from grandmodel.execution.analytics.columns import order_costs

    costs = order_costs(orders, fills)          # polars, pyarrow, DuckDB, pandas, or {"side": array, ...}
    costs.columns()                             # {"filled_quantity": array, "total_bps": array, ...}

Prices are read from a column `NAME_e9` (integers, 1e-9 of the currency) or, without it, `NAME` (floats, rounded to the
1e-9; decimals, exactly). A price that is missing (null, NaN, PRICE_UNKNOWN) is unknown, and what needs it is NaN with a
reason beside it. Costs are positive where they are bad for the trader; markouts and captures are the trader's gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .._core import costs
from .._core.costs import PRICE_UNKNOWN, FillSums, ShortfallColumns
from .arrow import Array, ColumnData, batches, has_stream, numbered
from .asof import as_of

if TYPE_CHECKING:
    from .references import References

__all__ = ["HORIZONS_S", "OrderCosts", "Quotes", "order_costs", "read_quotes", "read_table"]

HORIZONS_S = (1.0, 10.0, 60.0, 300.0)
#: Prices that an order's average is compared with, where its row has them.
BENCHMARKS = ("vwap", "twap", "pwp", "open", "close", "previous_close")
_SIDES = {"buy": 1, "b": 1, "1": 1, "+1": 1, "bid": 1, "sell": -1, "s": -1, "-1": -1, "2": -1, "ask": -1, "5": -1}
_E9 = 10**9

Table = Mapping[str, ColumnData]


# ---- reading -----------------------------------------------------------------------------------------------------


def pieces(source: Any, what: str) -> Iterator[dict[str, ColumnData]]:
    """The columns of a source, in one piece or as the stream gives them."""
    if isinstance(source, Mapping):
        table = {str(name): _column(values, f"{what}[{name!r}]") for name, values in source.items()}
        _one_length(table, what)
        yield table
    elif isinstance(source, np.ndarray) and source.dtype.names:
        yield {name: _column(source[name], f"{what}[{name!r}]") for name in source.dtype.names}
    elif hasattr(source, "iloc"):  # pandas; its stream needs pyarrow
        yield from pieces({name: _series(source[name]) for name in source.columns}, what)
    elif has_stream(source):
        yield from batches(source)
    else:
        raise TypeError(
            f"{what} is {type(source).__name__}, must be a mapping of arrays, a structured array or have "
            "__arrow_c_stream__ (polars, pyarrow, DuckDB, pandas)"
        )


def read_table(source: Any, what: str = "table") -> dict[str, ColumnData]:
    """All columns of a source, in memory of their own where they came as a stream."""
    parts = [{name: _kept(column) for name, column in piece.items()} for piece in pieces(source, what)]
    if len(parts) == 1:
        return parts[0]
    return {name: _joined([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _kept(column: ColumnData) -> ColumnData:
    return column if column.values.flags.owndata else replace(column, values=column.values.copy())


def _joined(parts: list[ColumnData]) -> ColumnData:
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate([np.ones(len(p), bool) if p.valid is None else p.valid for p in parts])
    if parts[0].kind != "text":
        return replace(parts[0], values=np.concatenate([part.values for part in parts]), valid=valid)
    texts = {text: k for k, text in enumerate(dict.fromkeys(text for part in parts for text in part.texts))}
    numbers = [np.array([texts[text] for text in part.texts], np.int64)[part.values] for part in parts if len(part)]
    return ColumnData(np.concatenate(numbers or [np.empty(0, np.int64)]), valid, "text", tuple(texts))


def _series(series: Any) -> Any:
    zoned = getattr(series.dtype, "tz", None) is not None
    return (series.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else series).to_numpy()


def _column(values: Any, name: str) -> ColumnData:
    if isinstance(values, ColumnData):
        return values
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, must have 1")
    if array.dtype.kind in "biuf":
        return ColumnData(array)
    if array.dtype.kind == "M":
        return ColumnData(array.astype("M8[ns]").view(np.int64), ~np.isnat(array), "time", zoned=True)
    if array.dtype.kind in "UO":
        words = array.tolist()
        valid = np.array([isinstance(word, str) for word in words], bool)
        if all(known or word is None or word != word for known, word in zip(valid.tolist(), words, strict=True)):
            numbers, texts = numbered([word if known else "" for known, word in zip(valid, words, strict=True)])
            return ColumnData(numbers, None if valid.all() else valid, "text", texts)
    raise TypeError(f"{name} has dtype {array.dtype}, must hold numbers, times (datetime64) or texts")


def _one_length(table: Table, what: str) -> None:
    first = next(iter(table), None)
    for name, column in table.items():
        if len(column) != len(table[first or name]):
            raise ValueError(
                f"{what}[{name!r}] has length {len(column)}, must have the length of {first!r}, "
                f"{len(table[first or name])}"
            )


def _need(table: Table, what: str, *names: str) -> str:
    for name in names:
        if name in table:
            return name
    raise ValueError(f"{what} has no column {' or '.join(map(repr, names))}; it has {', '.join(table) or 'none'}")


def prices(table: Table, name: str, what: str, *, required: bool = False, positive: bool = True) -> Array | None:
    """A column of prices or money as int64 in 1e-9, PRICE_UNKNOWN where missing; None without such a column."""
    if not required and f"{name}_e9" not in table and name not in table:
        return None
    found = _need(table, what, f"{name}_e9", name)
    column, raw = table[found], table[found].values
    label = f"{what}[{found!r}]"
    if found.endswith("_e9"):
        if column.kind != "number" or raw.dtype.kind not in "iu":
            raise TypeError(f"{label} must hold integers, 1e-9 of the currency")
        out = integers(column, label)
    elif column.kind == "decimal":
        out = _scaled(raw, column.scale, label)
    elif column.kind == "number" and raw.dtype.kind in "fiu":
        scaled = np.rint(raw.astype(np.float64) * 1e9)
        wrong = ~(np.abs(scaled) < 2.0**63) & ~np.isnan(scaled)
        if wrong.any():
            raise ValueError(f"{label}, row {wrong.argmax()}, is {raw[wrong.argmax()]}, must be below 9.2e9")
        out = np.where(np.isnan(scaled), PRICE_UNKNOWN, np.nan_to_num(scaled)).astype(np.int64)
        out[np.isnan(scaled)] = PRICE_UNKNOWN
    else:
        raise TypeError(f"{label} holds {column.kind}s, must hold numbers")
    if column.valid is not None:
        out = np.where(column.valid, out, PRICE_UNKNOWN)
    if positive:
        wrong = (out < 1) & (out != PRICE_UNKNOWN)
        if wrong.any():
            raise ValueError(f"{label}, row {wrong.argmax()}, is {raw[wrong.argmax()]}, must be > 0")
    return out


def _scaled(raw: Array, scale: int, label: str) -> Array:
    if scale > 9:
        step = 10 ** (scale - 9)
        if (raw % step).any():
            raise ValueError(f"{label}, row {(raw % step != 0).argmax()}, is no multiple of 1e-9")
        out: Array = raw // step
        return out
    factor = 10 ** (9 - scale)
    wrong = np.abs(raw) > (2**63 - 1) // factor
    if wrong.any():
        raise ValueError(f"{label}, row {wrong.argmax()}, must be below 9.2e9")
    product: Array = raw * factor
    return product


def integers(column: ColumnData, label: str) -> Array:
    """A column of integers as int64: also of floats that are whole, and of decimals."""
    raw = column.values
    if column.kind in ("text", "time") or raw.dtype.kind == "b":
        raise TypeError(f"{label} holds {column.kind if raw.dtype.kind != 'b' else 'bool'}s, must hold integers")
    if column.kind == "decimal":
        factor = 10**column.scale
        if (raw % factor).any():
            raise ValueError(f"{label}, row {(raw % factor != 0).argmax()}, is not whole")
        whole: Array = raw // factor
        return whole
    if raw.dtype.kind == "f":
        wrong = ~(np.abs(raw) < 2.0**63) | (raw != np.rint(raw))
        if column.valid is not None:
            wrong &= column.valid
        if wrong.any():
            raise ValueError(f"{label}, row {wrong.argmax()}, is {raw[wrong.argmax()]}, must be whole and below 2**63")
        return np.where(np.isfinite(raw), raw, 0).astype(np.int64)
    if raw.dtype == np.uint64 and len(raw) and raw.max() >= 2**63:
        raise ValueError(f"{label}, row {raw.argmax()}, is {raw.max()}, must be below 2**63")
    return raw.astype(np.int64, copy=False)


def _whole(table: Table, what: str, *names: str) -> Array:
    found = _need(table, what, *names)
    column = table[found]
    if column.valid is not None and not column.valid.all():
        raise ValueError(f"{what}[{found!r}], row {column.valid.argmin()}, is missing")
    return integers(column, f"{what}[{found!r}]")


def sides(table: Table, what: str) -> Array:
    """1 and -1, of such numbers or of texts (buy, sell, and FIX's 1, 2, 5)."""
    column = table[_need(table, what, "side")]
    if column.kind != "text":
        return _whole(table, what, "side")
    meant = np.array([_SIDES.get(text.strip().lower(), 0) for text in column.texts], np.int64)
    out = meant[column.values] if len(column.texts) else np.empty(0, np.int64)
    if column.valid is not None:
        out = np.where(column.valid, out, 0)
    if (out == 0).any():
        k = int((out == 0).argmax())
        raise ValueError(f"{what}['side'], row {k}, is {column.texts[column.values[k]]!r}, must be 'buy' or 'sell'")
    return out


def times(table: Table, what: str, name: str) -> Array | None:
    """int64 ns since 1970, of times or of integers in a column `NAME_ns`; None without such a column."""
    if f"{name}_ns" in table:
        return _whole(table, what, f"{name}_ns")
    if name not in table:
        return None
    column = table[name]
    if column.kind != "time":
        raise TypeError(f"{what}[{name!r}] holds {column.kind}s, must hold times; integers go to {name}_ns")
    if column.valid is not None and not column.valid.all():
        raise ValueError(f"{what}[{name!r}], row {column.valid.argmin()}, is missing")
    return column.values


# ---- quotes ------------------------------------------------------------------------------------------------------


class Quotes(NamedTuple):
    """Quotes by symbol and time: what `as_of` asks for. `symbols`: the numbers of their names."""

    time_ns: Array
    bid_e9: Array
    ask_e9: Array
    symbol: Array | None
    symbols: Mapping[str, int]

    def at(
        self, time_ns: Array, symbol: Array | None, horizons_ns: Sequence[int], max_age_ns: int | None = None
    ) -> tuple[Array, Array, Array]:
        """(mid_e9, reason, row), each (m, h), at times plus horizons; see `as_of`."""
        mid, reason, row = as_of(
            time_ns, self.time_ns, self.bid_e9, self.ask_e9, horizons_ns=horizons_ns, max_age_ns=max_age_ns,
            symbol=None if self.symbol is None else symbol, quote_symbol=self.symbol, rows=True,
        )  # fmt: skip
        assert row is not None
        return mid, reason, row


def read_quotes(source: Any) -> Quotes:
    """Quotes of a table with `time`, `bid`, `ask` and, for several, `symbol`; sorted where they are not.

    A bid or ask that is missing or not positive is not there.
    """
    if isinstance(source, Quotes):
        return source
    table = read_table(source, "quotes")
    at = times(table, "quotes", "time")
    if at is None:
        _need(table, "quotes", "time_ns", "time")
        raise AssertionError
    bid, ask = (prices(table, name, "quotes", required=True, positive=False) for name in ("bid", "ask"))
    assert bid is not None
    assert ask is not None
    symbol: Array | None = None
    numbers: dict[str, int] = {}
    if "symbol" in table:
        symbol, numbers = symbol_numbers(table["symbol"])
    order = None
    if symbol is not None and (symbol[1:] < symbol[:-1]).any():
        order = np.lexsort((at, symbol))
    elif ((at[1:] < at[:-1]) & (True if symbol is None else symbol[1:] == symbol[:-1])).any():
        order = np.lexsort((at,)) if symbol is None else np.lexsort((at, symbol))
    if order is not None:
        at, bid, ask = at[order], bid[order], ask[order]
        symbol = None if symbol is None else symbol[order]
    return Quotes(at, bid, ask, symbol, numbers)


def symbol_numbers(column: ColumnData) -> tuple[Array, dict[str, int]]:
    """Symbols as numbers, and the numbers of their names in the order of these (of integers: their own digits)."""
    if column.kind == "text":
        names: dict[str, int] = {}
        codes = [names.setdefault(text, len(names)) for text in column.texts]
        if len(names) == len(codes):
            return column.values, names
        return np.array(codes, np.int64)[column.values], names  # it may have a text twice (foreign_csv.text_column)
    present, where = np.unique(column.values, return_inverse=True)
    return where.astype(np.int64), {str(value): k for k, value in enumerate(present.tolist())}


# ---- costs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class OrderCosts:
    """What each of n orders cost.

    `shortfall`: Perold's parts (delay, trading, opportunity, fees, total), in money and basis points, with reasons.
    `more`: the other columns by name: `vwap_slippage_bps` against the orders' `vwap` and so on; of the fills' quotes
    `spread_cost_e9`, `spread_cost_bps`, `spread_capture`, `quoted_share`; for each horizon of S seconds `markout_S_bps`
    and `marked_S_share`. Each measure has a `..._reason` beside it (0: known; `reason_text` says what a code means).
    """

    shortfall: ShortfallColumns
    more: Mapping[str, Array]
    order_id: ColumnData | None = None

    def __len__(self) -> int:
        return len(self.shortfall)

    def __getitem__(self, name: str) -> Array:
        if name in self.more:
            return self.more[name]
        try:
            column: Array = self.shortfall.columns()[name]
        except KeyError:
            raise KeyError(f"{name!r}; there are {', '.join(self.columns())}") from None
        return column

    def columns(self) -> dict[str, Array]:
        """All columns by name: for a data frame, an Arrow table or DuckDB."""
        return {**self.shortfall.columns(), **self.more}


def order_costs(
    orders: Any, fills: Any, *, quotes: Any = None, trades: Any = None, horizons_s: Iterable[float] = HORIZONS_S,
    delay_basis: Literal["fill", "order"] = "fill", max_quote_age_s: float | None = None,
    references: References | None = None,
) -> OrderCosts:  # fmt: skip
    """Every part of the shortfall, and how the fills stood to the market, for each order.

    Parameters
    ----------
    orders : a table with `side`, `quantity` and as far as they are known the prices `decision`, `arrival`, `end`, money
        `fees`, and the market's prices of `BENCHMARKS` (see `benchmarks`). `order_id` where the fills name it; `symbol`
        where the quotes have several.
    fills : a table with `order` (the row of the order) or `order_id`, `quantity`, `price`; and either the quote they
        met and later mids in columns `bid`, `ask`, `mid_1`, `mid_10` ... (seconds as in `horizons_s`), or `time` for
        `quotes`. A stream is read piece by piece: memory does not grow with it.
    quotes : a table with `time`, `bid`, `ask` (and `symbol`), or what `read_quotes` made of one. A fill is measured
        against the last quote before its time, marked out against the last at or before its time plus the horizon.
    trades : a table with `time`, `price`, `quantity` (and `symbol`), or what `read_trades` made of one: each order's
        time from `arrival_time` to `end_time` then gives `vwap`, `twap`, `pwp`, `market_quantity`, `participation`,
        `price_percentile` (see `benchmarks`), its session `open`, `close`, `previous_close` (see `column_benchmarks`)
        as far as the orders do not have such prices themselves
    references : with `trades`: index and betas (then there is `market_adjusted_bps`), closes of the day before,
        exchanges
    max_quote_age_s : quotes older than this are not the market any more

    Raises
    ------
    TypeError, ValueError   a column is missing, of the wrong kind, or holds what it must not; table, column and row are
        named.

    Source: A. Perold, The implementation shortfall, Journal of Portfolio Management 14(3), 1988.
    """
    table = read_table(orders, "orders")
    side, quantity = sides(table, "orders"), _whole(table, "orders", "quantity")
    n = len(quantity)
    unknown = np.full(n, PRICE_UNKNOWN)
    paid = [prices(table, name, "orders") for name in ("decision", "arrival", "end")]
    fees = prices(table, "fees", "orders", positive=False)
    lags = [_lag(h) for h in horizons_s]
    market = None if quotes is None else read_quotes(quotes)
    symbol = None
    if market is not None and market.symbol is not None:
        _need(table, "orders", "symbol")
        symbol = as_numbers(table["symbol"], market.symbols)
    age = None if max_quote_age_s is None else _lag(max_quote_age_s)
    ids = _Ids(table)
    sums: FillSums | None = None
    quoted, names = False, []
    for piece in pieces(fills, "fills"):
        if sums is None:
            quoted = market is not None or bool({"bid", "bid_e9"} & piece.keys())
            names = [f"mid_{h:g}" for h in horizons_s if market is not None or _has(piece, f"mid_{h:g}")]
            sums = FillSums(n, quotes=quoted, horizons=len(names))
        _add(sums, piece, ids, names, quoted, market, symbol, lags, age)
    if sums is None:
        sums = FillSums(n)
    decision, arrival, end, fees = (unknown if column is None else column for column in (*paid, fees))
    shortfall = sums.shortfall(side, quantity, decision, arrival, end, fees, delay_basis)
    more = _measured(*sums.measures(side), shortfall.filled_quantity, [name[4:] for name in names])
    if trades is not None:
        from .column_benchmarks import order_benchmarks
        from .references import References

        found = order_benchmarks(table, side, quantity, shortfall, trades, market, references or References())
        given = {name for name in found.prices_e9 if f"{name}_e9" in table or name in table}
        fresh = {f"{name}_e9": values for name, values in found.prices_e9.items() if name not in given}
        table = {**table, **{name: ColumnData(values) for name, values in fresh.items()}}
        more |= fresh | found.more
    for name in BENCHMARKS:
        price = prices(table, name, "orders")
        if price is not None:
            known = np.where(price == PRICE_UNKNOWN, np.nan, price / 1e9)
            more[f"{name}_slippage_bps"] = costs.vwap_slippage(side, shortfall.average_price, known)
            why = _reasons(shortfall.filled_quantity, np.isnan(known), costs.REASON_NO_MARKET_PRICE)
            more[f"{name}_slippage_reason"] = why
    return OrderCosts(shortfall, more, table.get("order_id"))


def _has(piece: Table, name: str) -> bool:
    return name in piece or f"{name}_e9" in piece


def _lag(seconds: float) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
        raise ValueError(f"horizons_s has {seconds!r}, each must be seconds >= 0")
    return round(seconds * 1e9)


def as_numbers(column: ColumnData, known: Mapping[str, int]) -> Array:
    """Symbols by the quotes' numbers; one without quotes gets a number of its own, behind theirs."""
    codes, names = symbol_numbers(column)
    table = np.full(max(names.values(), default=0) + 1, len(known), np.int64)
    for name, k in names.items():
        table[k] = known.get(name, len(known))
    return table[codes] if len(codes) else codes


class _Ids:
    """Rows of orders by their ids."""

    def __init__(self, table: Table) -> None:
        self.rows: dict[Any, int] | None = None
        if "order_id" in table:
            column = table["order_id"]
            values = column.values.tolist()
            keys = [column.texts[v] for v in values] if column.kind == "text" else values
            self.rows = {}
            for row, key in enumerate(keys):
                if self.rows.setdefault(key, row) != row:
                    raise ValueError(f"orders['order_id'], row {row}, is {key!r}, which is there twice")

    def of(self, piece: Table) -> Array:
        if "order" in piece:
            return _whole(piece, "fills", "order")
        _need(piece, "fills", "order", "order_id")
        if self.rows is None:
            raise ValueError("fills have 'order_id', but orders have none")
        column = piece["order_id"]
        present, where = np.unique(column.values, return_inverse=True)
        keys = [column.texts[k] if column.kind == "text" else k for k in present.tolist()]
        for key in keys:
            if key not in self.rows:
                raise ValueError(f"fills['order_id'] holds {key!r}, which orders have not")
        return np.array([self.rows[key] for key in keys], np.int64)[where]


def _add(
    sums: FillSums, piece: Table, ids: _Ids, names: Sequence[str], quoted: bool, market: Quotes | None,
    symbol: Array | None, lags: Sequence[int], age: int | None,
) -> None:  # fmt: skip
    order = ids.of(piece)
    quantity, price = _whole(piece, "fills", "quantity"), prices(piece, "price", "fills", required=True)
    assert price is not None
    missing = price == PRICE_UNKNOWN
    if missing.any():
        raise ValueError(f"fills['price'], row {missing.argmax()}, is missing")
    bid = ask = None
    mids: Any = ()
    if market is not None:
        at = times(piece, "fills", "time")
        if at is None:
            _need(piece, "fills", "time", "time_ns")
        assert at is not None
        if symbol is not None and len(order) and (order.min() < 0 or order.max() >= len(symbol)):
            k = int(((order < 0) | (order >= len(symbol))).argmax())
            raise ValueError(f"fills['order'], row {k}, is {order[k]}, must be a row of orders")
        mid, reason, row = market.at(at, None if symbol is None else symbol[order], [-1, *lags], age)
        met = np.maximum(row[:, 0], 0)
        usable = reason[:, 0] == 0
        if len(market.time_ns):
            bid, ask = (np.where(usable, side[met], PRICE_UNKNOWN) for side in (market.bid_e9, market.ask_e9))
        else:
            bid = ask = np.full(len(order), PRICE_UNKNOWN)
        mids = mid[:, 1:]
    else:
        if quoted:
            bid, ask = (prices(piece, name, "fills", required=True, positive=False) for name in ("bid", "ask"))
        mids = [prices(piece, name, "fills", required=True, positive=False) for name in names]
    sums.add(order, quantity, price, bid_e9=bid, ask_e9=ask, mid_e9=mids)


def _reasons(filled: Array, unknown: Array, code: int) -> Array:
    return np.where(filled == 0, costs.REASON_NO_FILLS, np.where(unknown, code, 0)).astype(np.uint8)


def _measured(money: Array | None, found: Array, filled: Array, horizons: Sequence[str]) -> dict[str, Array]:
    """What `FillSums.measures` gives, as plain columns with their reasons."""
    out: dict[str, Array] = {}
    if money is not None:
        out = {"spread_cost_e9": money, "spread_cost_bps": found[0], "spread_capture": found[1]}
        out["quoted_share"] = found[2]
        no_quote = ~(found[2] > 0)
        out["spread_cost_reason"] = _reasons(filled, no_quote, costs.REASON_NO_QUOTE)
        locked = np.isnan(found[1]) & ~no_quote
        why = np.where(locked, costs.REASON_NO_SPREAD, out["spread_cost_reason"])
        out["spread_capture_reason"] = why.astype(np.uint8)
    for k, seconds in enumerate(horizons):
        out[f"markout_{seconds}_bps"] = found[3 + k]
        out[f"marked_{seconds}_share"] = found[3 + len(horizons) + k]
        no_mid = np.isnan(found[3 + k])
        out[f"markout_{seconds}_reason"] = _reasons(filled, no_mid, costs.REASON_NO_MARKET_PRICE)
    return out
