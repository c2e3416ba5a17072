"""A day in one HTML file: price, spread, depth and imbalance over time. Bokeh (the extra "analytics") is inlined."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.values import MarketDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .check import Check, Samples

_BID, _ASK, _TRADE, _INK = "#1b6ca8", "#c0392b", "#7f8c8d", "#2c3e50"
_TRADES_MAX = 4000


def write_day(path: Path, samples: Samples, found: Check, quantity_step: str) -> None:
    """Writes the page. MarketDataError if Bokeh is not installed."""
    try:  # loaded by name: the package is an extra, and not there where types are checked
        embed, layouts, models, resources = (
            import_module(f"bokeh.{m}") for m in ("embed", "layouts", "models", "resources")
        )
    except ImportError:
        raise MarketDataError(
            f"{path}: pictures are drawn by Bokeh: pip install 'grandmodel-execution[analytics]'"
        ) from None
    panels = _panels(samples, float(quantity_step) if "/" not in quantity_step else 1.0)
    caveat = f"<br><b>Caution:</b> {_escape(found.drifts)}" if found.drifts else ""
    head = models.Div(
        text=f"<b>{_escape(samples.symbol)}</b> &middot; {_escape(Path(found.path).name)} &middot; "
        f"{found.rows:,} rows, "
        f"{len(samples.time_ns):,} points shown, times in UTC{caveat}",
        sizing_mode="stretch_width",
    )
    layout = layouts.column(head, *panels, sizing_mode="stretch_width")
    path.write_text(
        embed.file_html(layout, resources.INLINE, title=f"{samples.symbol} {Path(found.path).name}"), encoding="utf-8"
    )


def _escape(text: str) -> str:
    from html import escape

    return escape(text)


def _panels(s: Samples, step: float) -> list[Any]:
    models: Any = import_module("bokeh.models")
    figure: Any = import_module("bokeh.plotting").figure
    when = (s.time_ns / 1e6).astype("datetime64[ms]")
    bid, ask = _price(s.bid_e9), _price(s.ask_e9)
    mid = (bid + ask) / 2
    bids, asks = s.bid_quantity * step, s.ask_quantity * step
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (ask - bid) / mid * 1e4
        imbalance = (bids - asks) / (bids + asks)
    columns = models.ColumnDataSource(
        {"t": when, "bid": bid, "ask": ask, "mid": mid, "spread": spread, "bids": bids, "asks": -asks,
         "asks_shown": asks, "imbalance": imbalance}
    )  # fmt: skip
    common = {
        "x_axis_type": "datetime",
        "sizing_mode": "stretch_width",
        "tools": "xpan,xwheel_zoom,box_zoom,reset,save",
    }
    price = figure(height=280, y_axis_label="price", title="Price: best bid and offer, trades", **common)
    if len(s.trade_ns):
        keep = np.unique(np.linspace(0, len(s.trade_ns) - 1, min(len(s.trade_ns), _TRADES_MAX)).astype(int))
        price.scatter(
            (s.trade_ns[keep] / 1e6).astype("datetime64[ms]"),
            s.trade_e9[keep] / 1e9,
            size=2.5,
            color=_TRADE,
            alpha=0.5,
            legend_label="trades",
        )
    price.step("t", "bid", source=columns, mode="after", color=_BID, legend_label="bid")
    line = price.step("t", "ask", source=columns, mode="after", color=_ASK, legend_label="offer")
    price.y_range = models.Range1d(*_bounds(np.concatenate([bid, ask])))
    price.yaxis.formatter = models.NumeralTickFormatter(format="0,0.00[00]")
    price.add_tools(
        models.HoverTool(
            renderers=[line],
            mode="vline",
            formatters={"@t": "datetime"},
            tooltips=[("time", "@t{%H:%M:%S.%3N}"), ("bid", "@bid{0,0.00[0000]}"), ("offer", "@ask{0,0.00[0000]}")],
        )
    )
    shared = {**common, "x_range": price.x_range, "min_border_right": 38, "toolbar_location": None}
    wide = figure(height=170, y_axis_label="bps", title="Spread, bps of the mid (negative: crossed)", **shared)
    wide.step("t", "spread", source=columns, mode="after", color=_INK)
    wide.y_range = models.Range1d(*_bounds(spread, zero=True))
    deep = figure(
        height=190,
        y_axis_label="quantity",
        title=f"Depth: the best {s.depth} levels, bids above, offers below",
        **shared,
    )
    deep.varea_step("t", 0, "bids", source=columns, step_mode="after", color=_BID, alpha=0.7)
    deep.varea_step("t", "asks", 0, source=columns, step_mode="after", color=_ASK, alpha=0.7)
    deep.y_range = models.Range1d(*_bounds(np.concatenate([bids, -asks]), zero=True))
    deep.yaxis.formatter = models.NumeralTickFormatter(format="0,0.[00]")
    tilt = figure(
        height=170,
        y_axis_label="",
        y_range=(-1.05, 1.05),
        title="Imbalance: (bids - offers) / (bids + offers) of that depth",
        **shared,
    )
    tilt.varea_step("t", 0, "imbalance", source=columns, step_mode="after", color=_INK, alpha=0.6)
    for panel in (price, wide, deep, tilt):
        panel.toolbar.logo = None
        panel.title.text_font_size = "11pt"
    price.legend.orientation = "horizontal"
    price.legend.location = "top_right"
    price.legend.background_fill_alpha = 0.6
    return [price, wide, deep, tilt]


def _price(price_e9: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(price_e9 == NO_PRICE, np.nan, price_e9 / 1e9)


def _bounds(values: NDArray[np.float64], zero: bool = False) -> tuple[float, float]:
    """What an axis shows: everything, unless some of it lies far from the middle 99 % (a stub quote at the open)."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.quantile(known, (0.005, 0.995))
    reach = max(high - low, abs(high) * 1e-6, 1e-9)
    bottom, top = max(known.min(), low - reach), min(known.max(), high + reach)
    if zero:
        bottom, top = min(bottom, 0.0), max(top, 0.0)
    air = max((top - bottom) * 0.06, 1e-9)
    return float(bottom - air), float(top + air)
