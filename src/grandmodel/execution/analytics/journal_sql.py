"""SQL over a journal without an archive: its tables, and the analysed orders and fills, in a DuckDB in memory.

Tables: those of `tables.py` (`orders`, `decisions`, `reports`, `refusals`, `requests`, `names`, ...), and
  costs   one row an order that is no child: `order_view.ROW_FIELDS`
  fills   one row an execution that stands, with the quote and the mid at it, its cost and its markouts
  quotes  the consolidated quotes that the journal's decisions and reports carry
  venues  one row a venue
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.records import NO_PRICE, RECORD_DTYPES
from .._core.values import LIQUIDITIES
from ..records_split import RecordStream, pieces
from ..records_view import NAME, JournalNames
from .archive import _duckdb, _insert
from .journal_costs import HORIZON_NAMES, JournalCosts
from .order_view import ROW_FIELDS, order_rows
from .tables import TABLES, columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

__all__ = ["journal_tables", "run_sql"]


@contextmanager
def journal_tables(journal: RecordStream, analysed: JournalCosts) -> Iterator[DuckDBPyConnection]:
    """A DuckDB connection with the tables of the module's description.

    Raises MissingExtraError (an ImportError) when DuckDB is not installed.
    """
    connection: DuckDBPyConnection = _duckdb().connect(":memory:")
    try:
        connection.execute("SET enable_progress_bar = false")
        names, seen = JournalNames(), set()
        for _, by_kind in pieces(journal, size=1 << 25):
            for record in by_kind.get(NAME, ()):
                names.learn(record["row"])
            for kind, rows in by_kind.items():
                _insert(connection, kind, columns(kind, rows, names), "")
                seen.add(kind)
        for kind in RECORD_DTYPES.keys() - seen:
            _insert(connection, kind, columns(kind, np.zeros(0, RECORD_DTYPES[kind]), names), "")
        _costs(connection, analysed)
        _fills(connection, analysed)
        connection.execute(
            f"CREATE VIEW quotes AS SELECT d.time, d.time_ns, o.symbol, d.bid_e9, d.ask_e9 FROM {TABLES[3]} d "
            f"JOIN {TABLES[2]} o USING (order_id) UNION ALL SELECT time, time_ns, symbol, bid_e9, ask_e9 FROM reports "
            "WHERE exec_type NOT IN ('TRADE_CANCEL', 'TRADE_CORRECT') AND bid_e9 IS NOT NULL"
        )
        yield connection
    finally:
        connection.close()


def _table(connection: DuckDBPyConnection, name: str, arrays: dict[str, Any], select: str) -> None:
    connection.register("given", arrays)
    try:
        connection.execute(f"CREATE TABLE {name} AS SELECT {select} FROM given")
    finally:
        connection.unregister("given")


def _costs(connection: DuckDBPyConnection, analysed: JournalCosts) -> None:
    texts = {"symbol", "side", "order_type", "algorithm", "strategy", "status", "flags"}
    whole = {"order_id", "quantity", "filled_quantity", "children", "fills", "total_e9"}
    rows = list(order_rows(analysed))
    arrays: dict[str, Any] = {}
    select = []
    for name in ROW_FIELDS:
        values = [row[name] for row in rows]
        if name in texts or name.endswith("_time"):
            arrays[name] = np.array([value or "" for value in values], dtype=object)
            kind = "TIMESTAMPTZ" if name.endswith("_time") else "VARCHAR"
            select.append(f"CAST(NULLIF({name}, '') AS {kind}) AS {name}")
        elif name in whole:
            arrays[name] = np.array([NO_PRICE if value is None else value for value in values], np.int64)
            select.append(f"NULLIF({name}, {NO_PRICE}) AS {name}" if name == "total_e9" else name)
        else:
            arrays[name] = np.array([np.nan if value is None else value for value in values], np.float64)
            select.append(f"NULLIF({name}, 'NaN') AS {name}")
    _table(connection, "costs", arrays, ", ".join(select))


def _fills(connection: DuckDBPyConnection, analysed: JournalCosts) -> None:
    f, names = analysed.fills, analysed.names

    def words(numbers: Any, word: Any) -> Any:
        known = {number: word(number) for number in np.unique(numbers).tolist()}
        return np.array([known[number] for number in numbers.tolist()], dtype=object)

    arrays: dict[str, Any] = {
        name: f[name] for name in ("execution_id", "time_ns", "price_e9", "quantity", "fee_e9", "bid_e9", "ask_e9",
                                   "mid_e9", "cost_e9", "spread_e9", "effective_spread_bps", "spread_capture")
    }  # fmt: skip
    arrays["order_id"] = analysed.orders["order_id"][f["order"]]
    arrays["child_id"] = f["order_id"]
    arrays["symbol"] = words(f["symbol"], names.symbol_text)
    arrays["venue"] = words(f["venue"], lambda n: names.venue_text(n) if n >= 0 else "")
    arrays["side"] = np.where(f["side"] > 0, "buy", "sell").astype(object)
    arrays["liquidity"] = words(f["liquidity"], lambda code: str(LIQUIDITIES.get(code, code)))
    for place, name in enumerate(HORIZON_NAMES):
        arrays[f"markout_{name}_bps"] = np.ascontiguousarray(f["markout_bps"][:, place])
    select = ["make_timestamp_ns(time_ns) AS time"]
    for name, values in arrays.items():
        if values.dtype == object:
            select.append(f"CAST({name} AS VARCHAR) AS {name}")
        elif values.dtype.kind == "f":
            select.append(f"NULLIF({name}, 'NaN') AS {name}")
        elif name in ("bid_e9", "ask_e9", "mid_e9", "cost_e9", "spread_e9"):
            select.append(f"NULLIF({name}, {NO_PRICE}) AS {name}")
        else:
            select.append(name)
    _table(connection, "fills", arrays, ", ".join(select))


def run_sql(connection: DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """(column names, rows) of a query. ValueError with what DuckDB says when it is wrong."""
    import duckdb

    try:
        result = connection.execute(sql)
        return [field[0] for field in result.description or ()], result.fetchall()
    except duckdb.Error as error:
        raise ValueError(f"--sql: {error}") from None
