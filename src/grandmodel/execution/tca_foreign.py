"""`gmexec tca FILE --map columns.yaml`: somebody else's orders and fills, analysed, without the command's own frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from .analytics.foreign import ForeignResult
    from .analytics.references import References

__all__ = ["WORST", "run", "show", "to_json", "to_mapping"]

#: Orders in the table of the costliest.
WORST = 10

_PARTS = (
    ("Shortfall", "total"), ("  before fees", "before_fees"), ("  delay", "delay"), ("  trading", "trading"),
    ("  opportunity", "opportunity"), ("  fees", "fees"),
)  # fmt: skip


def run(
    file: str | os.PathLike[str],
    map: str | os.PathLike[str] | Mapping[str, Any],
    quotes: str | os.PathLike[str] | None = None,
    trades: str | os.PathLike[str] | None = None,
    references: References | None = None,
) -> ForeignResult:
    """Analyses a file by its map (see `analytics.foreign`); `MapError` and `ForeignError` say what is wrong."""
    from .analytics.foreign import analyse

    return analyse(file, map, quotes=quotes, trades=trades, references=references)


def to_mapping(result: ForeignResult) -> dict[str, Any]:
    """The whole result as plain values: summary, data quality, venues, orders, what was set aside and why. Money and
    prices are in the currency; what is not known is null, with the reason in `summary_reasons` or the order's row."""
    from ._core.costs import PRICE_UNKNOWN, reason_text
    from ._core.values import Unknown

    names = [name for name in result.columns if not name.endswith("_reason")]
    orders = []
    for k, order_id in enumerate(result.order_id):
        row: dict[str, Any] = {"order_id": order_id}
        reasons = {}
        for name in names:
            value = result.columns[name][k].item()
            if name.endswith("_e9"):
                value = None if value == PRICE_UNKNOWN else value / 1e9
            row[name.removesuffix("_e9")] = value
        for name, column in result.columns.items():
            if name.endswith("_reason") and column[k]:
                reasons[name.removesuffix("_reason")] = reason_text(int(column[k]))
        if reasons:
            row["unknown"] = reasons
        orders.append(row)
    return {
        "summary": dict(result.summary),
        "assumptions": list(result.assumptions),
        "summary_reasons": {n: v.reason for n, v in result.summary.items() if isinstance(v, Unknown)},
        "data_quality": [
            {"what": f.what, "count": f.count, "sets_aside": f.sets_aside, "examples": list(f.examples)}
            for f in result.findings
        ],
        "venues": {venue: dict(row) for venue, row in result.venues.items()},
        "orders": orders,
        "set_aside": {order: list(reasons) for order, reasons in result.set_aside.items()},
    }


def to_json(result: ForeignResult, indent: int | None = None) -> str:
    """`to_mapping` as JSON."""
    from ._core.values import to_json as dump

    text: str = dump(to_mapping(result), indent)
    return text


def _number(value: float, digits: int = 2) -> str:
    return f"{value:,}" if isinstance(value, int) else "–" if value != value else f"{value:,.{digits}f}"


def show(result: ForeignResult, console: Console | None = None) -> None:
    """Prints the result as tables, 80 columns wide unless the console says otherwise."""
    from rich.console import Console
    from rich.text import Text

    out = console if console is not None else Console(highlight=False, width=80)
    s = result.summary
    aside = f", {len(result.set_aside):,} set aside" if result.set_aside else ""
    out.print(Text(f"{s['orders']:,} orders analysed{aside}; {s['fills']:,} fills", style="bold"))
    out.print()
    _costs(result, out)
    if len(result.venues) > 1 or "UNSPECIFIED" not in result.venues:
        _venues(result, out)
    _worst(result, out)
    _quality(result, out)
    for text in result.assumptions:
        out.print(Text(f"Taken for granted: {text}."))


def _table(*columns: tuple[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for title, justify in columns:
        table.add_column(title, justify=justify, overflow="fold")
    return table


def _costs(result: ForeignResult, out: Console) -> None:
    from rich.text import Text

    from ._core.values import Unknown

    s = result.summary
    rows = [(title, f"{name}_bps", f"{name}_equal_bps", 2) for title, name in _PARTS]
    rows += [
        ("Fills against the mid", "slippage_mid_bps", "slippage_mid_equal_bps", 4),
        ("Fills against arrival", "slippage_arrival_bps", "slippage_arrival_equal_bps", 4),
        ("Orders against the interval's VWAP", "vwap_slippage_bps", "", 2),
        ("Orders against the interval's TWAP", "twap_slippage_bps", "", 2),
        ("Orders against the session's open", "open_slippage_bps", "", 2),
        ("Orders against the session's close", "close_slippage_bps", "", 2),
        ("Orders against the close before", "previous_close_slippage_bps", "", 2),
        ("Against arrival, less the index's move", "market_adjusted_bps", "", 2),
    ]
    rows += [
        (f"Markout after {h:g} s (positive = good)", f"markout_{h:g}_bps", "", 2)
        for h in result.horizons_s if f"markout_{h:g}_bps" in s
    ]  # fmt: skip
    rows += [
        ("Share of the half spread earned", "spread_capture", "", 3),
        ("Share of the market's volume", "participation", "", 4),
    ]
    table = _table(("Basis points (costs: positive = bad)", "left"), ("by money", "right"), ("each alike", "right"))
    unknown: dict[str, list[str]] = {}
    for title, name, each, digits in rows:
        value = s[name]
        if isinstance(value, Unknown):
            told = title.strip()
            unknown.setdefault(value.reason, []).append(told[0].lower() + told[1:])
        table.add_row(title, _number(value, digits), _number(s[each], digits) if each else "")
    out.print(table)
    for reason, titles in unknown.items():
        out.print(Text(f"Not known, {reason}: {', '.join(titles)}."))
    out.print()


def _venues(result: ForeignResult, out: Console) -> None:
    names = [f"markout_{h:g}_bps" for h in result.horizons_s if f"markout_{h:g}_bps" in result.summary][:4]
    titles = [(f"{name.split('_')[1]} s", "right") for name in names]
    table = _table(("Venue", "left"), ("fills", "right"), ("share %", "right"), ("to mid bp", "right"), *titles)
    for venue, row in sorted(result.venues.items(), key=lambda item: -item[1]["share"]):
        cells = [row["slippage_mid_bps"], *(row[name] for name in names)]
        told = ["–" if value != value else f"{value:,.3f}" for value in cells]
        table.add_row(venue[:24], f"{row['fills']:,}", f"{100 * row['share']:.1f}", *told)
    out.print(table)
    out.print()


def _worst(result: ForeignResult, out: Console) -> None:
    import numpy as np

    name, title = "total_bps", "total"
    if not np.isfinite(result.columns[name]).any():
        name, title = "before_fees_bps", "before fees"
    known = np.flatnonzero(np.isfinite(result.columns[name]))
    if not len(known):
        return
    order = known[np.argsort(-result.columns[name][known], kind="stable")][:WORST]
    parts = ("delay", "trading", "opportunity")
    titles = [(part, "right") for part in ("filled", title, *parts)]
    table = _table(("Costliest, basis points", "left"), *titles)
    for k in order.tolist():
        order_id = result.order_id[k]
        shown = order_id if len(order_id) <= 24 else f"{order_id[:10]}…{order_id[-13:]}"
        cells = [result.columns[column][k] for column in (name, *(f"{part}_bps" for part in parts))]
        told = ["–" if value != value else f"{value:,.2f}" for value in cells]
        table.add_row(shown, f"{int(result.columns['filled_quantity'][k]):,}", *told)
    out.print(table)
    out.print()


def _quality(result: ForeignResult, out: Console) -> None:
    if not result.findings:
        out.print("Data quality: nothing odd.")
        return
    table = _table(("Data quality", "left"), ("count", "right"), ("orders", "left"), ("for instance", "left"))
    for finding in result.findings:
        what = "set aside" if finding.sets_aside else "kept"
        table.add_row(finding.what, f"{finding.count:,}", what, finding.examples[0] if finding.examples else "")
    out.print(table)
