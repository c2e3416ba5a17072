"""The report's figures, made with Bokeh: few, with units on every axis, shapes beside colours.

Colours are Okabe and Ito's (Color Universal Design, 2008), which colour-blind readers tell apart. Figures carry no page
colours: the page paints text and grids in its own, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from .archive import MissingExtraError
from .day_summary import DaySummary, GroupCosts
from .journal_costs import HORIZON_NAMES, JournalCosts
from .significance import SAMPLES_MIN, WeightedMean
from .venue_costs import HALF_HOUR_NS

__all__ = ["bokeh", "figures"]

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
_PARTS = (("delay", "delay"), ("spread", "spread"), ("move", "move"), ("opportunity", "not filled"), ("fees", "fees"))
_SHAPES = ("circle", "triangle", "square", "diamond")
_WHISKERS = 5  # intervals of fewer samples are so wide that nothing else would be seen; the tables have them
#: Lines over an order's price: {name: (colour, dash)}; markers of the horizons: {name: (colour, shape)}.
LINES = {"decision": (GREEN, "dashed"), "average": (RED, "solid"), "vwap": (ORANGE, "dotted")}
HORIZON_MARKS = dict(zip(HORIZON_NAMES, zip((BLUE, ORANGE, GREEN, PURPLE), _SHAPES, strict=True), strict=True))


def bokeh(module: str) -> Any:
    """A module of Bokeh. MissingExtraError when it is not installed."""
    try:
        return import_module(f"bokeh.{module}")
    except ImportError as error:
        raise MissingExtraError(
            "the report is drawn by Bokeh: pip install 'grandmodel-execution[analytics]'", name="bokeh"
        ) from error


def _figure(title: str, x: str, y: str, height: int = 260, **options: Any) -> Any:
    made = bokeh("plotting").figure(
        title=title, x_axis_label=x, y_axis_label=y, height=height, sizing_mode="stretch_width", toolbar_location=None,
        tools="", output_backend="svg", min_border_right=12, **options,
    )  # fmt: skip
    made.title.text_font_size = "13px"
    made.title.text_font_style = "normal"
    for axis in made.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "12px"
        axis.major_label_text_font_size = "12px"
    return made


def figures(analysed: JournalCosts, summary: DaySummary) -> dict[str, Any]:
    """{name of its place in the page: figure}."""
    found: dict[str, Any] = {"parts": _parts(summary), "day": _day(analysed)}
    found |= {"algorithms": _groups("Cost by algorithm, with 95 % intervals", summary.by_algorithm)}
    found |= {"venues": _venues(summary), "markouts": _markouts(summary)}
    found |= {"distribution": _distribution(analysed)}
    if not analysed.measured.any():
        for name in ("parts", "day", "algorithms", "distribution"):
            _nothing(found[name], "no order could be measured")
    if len(analysed.fills["order"]) == 0 or not any(each.effective_bps.count for each in summary.venues):
        _nothing(found["venues"], "no fill with a quote")
    if not any(mean.count for each in summary.venues for mean in each.markout_bps.values()):
        _nothing(found["markouts"], "no quote after any fill")
    found["price"], found["schedule"] = _order()
    return found


def _nothing(made: Any, why: str) -> None:
    """An empty figure says why it is, and has ranges that need no data."""
    models = bokeh("models")
    made.title.text = f"{made.title.text}: {why}"
    made.x_range = models.Range1d(0, 1)
    if not isinstance(made.y_range, models.FactorRange):
        made.y_range = models.Range1d(0, 1)
    made.scatter(x=[], y=[])


def _parts(summary: DaySummary) -> Any:
    """The parts as a waterfall that ends in the total."""
    whole = summary.whole
    names = [text for _, text in _PARTS] + ["total"]
    if not whole.measured:
        return _figure("Cost by part", "bps of paper value", "", y_range=names[::-1])
    values = [whole.bps(part) for part, _ in _PARTS] + [whole.bps("total")]
    values = [value if not math.isnan(value) else 0.0 for value in values]
    ends = [*np.cumsum(values[:-1]).tolist(), values[-1]]
    starts = [0.0, *ends[:-2], 0.0]
    made = _figure("Cost by part: the first five add up to the total", "bps of paper value", "", y_range=names[::-1])
    colors = [ORANGE if value > 0 else BLUE for value in values]
    made.hbar(y=names, left=starts, right=ends, height=0.6, fill_color=colors, line_color=None)
    bad = [max(a, b) for a, b in zip(starts, ends, strict=True)]
    decimals = 2 if max(map(abs, values)) >= 1 else 3
    texts = [f"{value:+.{decimals}f}" for value in values]
    made.text(x=bad, y=names, text=texts, x_offset=6, text_baseline="middle", text_font_size="12px")
    low, high = min(*starts, *ends, 0.0), max(*starts, *ends, 0.0)
    pad = (high - low or 1.0) * 0.2
    made.x_range.start, made.x_range.end = low - pad / 2, high + pad
    made.ygrid.visible = False
    return made


def _local_ms(time_ns: Any) -> Any:
    """Exchange-local wall clock in ms, for axes that know no time zones."""
    from ..sessions import ns_to_local

    if len(time_ns) == 0:
        return np.zeros(0)
    offset = ns_to_local(int(time_ns[0])).utcoffset()
    assert offset is not None
    return time_ns / 1e6 + offset.total_seconds() * 1e3


def _day(analysed: JournalCosts) -> Any:
    o = analysed.orders
    at = np.flatnonzero(analysed.measured)
    bins, place = np.unique(o["decision_ns"][at] // HALF_HOUR_NS, return_inverse=True)
    value = np.bincount(place, o["value"][at], len(bins))
    cost = np.bincount(place, o["total_e9"][at] / 1e9, len(bins)) / np.where(value > 0, value, 1) * 1e4
    count = np.bincount(place, minlength=len(bins))
    left = _local_ms(bins * HALF_HOUR_NS)
    made = _figure("Cost by half hour of the decision", "New York time", "bps of paper value", x_axis_type="datetime")
    source = bokeh("models").ColumnDataSource({"left": left + 9e4, "right": left + 1.71e6, "top": cost, "count": count,
                                               "color": [ORANGE if c > 0 else BLUE for c in cost]})  # fmt: skip
    bars = made.quad(left="left", right="right", top="top", bottom=0, color="color", line_color=None, source=source)
    tip = [("cost", "@top{+0.00} bps"), ("orders", "@count{0,0}")]
    made.add_tools(bokeh("models").HoverTool(renderers=[bars], tooltips=tip))
    return made


def _interval(made: Any, names: Sequence[str], means: Sequence[WeightedMean], color: str, shape: str, shift: float,
              ) -> None:  # fmt: skip
    known = [(name, mean) for name, mean in zip(names, means, strict=True) if not math.isnan(mean.mean)]
    if not known:
        return
    y = [(name, shift) for name, _ in known]
    whiskers = [(place, mean) for place, (_, mean) in zip(y, known, strict=True) if mean.clusters >= _WHISKERS]
    made.segment(x0=[mean.low for _, mean in whiskers], x1=[mean.high for _, mean in whiskers],
                 y0=[place for place, _ in whiskers], y1=[place for place, _ in whiskers],
                 line_color=color, line_width=2)  # fmt: skip
    sure = [color if mean.clusters >= SAMPLES_MIN else None for _, mean in known]  # hollow: too few to say anything
    made.scatter(x=[mean.mean for _, mean in known], y=y, marker=shape, size=10, fill_color=sure, line_color=color,
                 line_width=2)  # fmt: skip


def _zero(made: Any) -> None:
    made.add_layout(bokeh("models").Span(location=0, dimension="height", line_dash="dashed", line_width=1, name="ink"))
    made.ygrid.visible = False


def _by_name(title: str, label: str, rows: Sequence[tuple[str, WeightedMean]], **given: Any) -> Any:
    """A mean and its interval for each of at most a dozen names."""
    names = [name for name, _ in rows[:12]]
    made = _figure(title, label, "", y_range=names[::-1] or [""], **given)
    _interval(made, names, [mean for _, mean in rows[:12]], BLUE, "circle", 0.0)
    _zero(made)
    return made


def _groups(title: str, groups: Sequence[GroupCosts]) -> Any:
    rows = [(each.name, each.cost) for each in groups]
    return _by_name(title, "bps of paper value; hollow: fewer than 30 independent samples", rows)


def _venues(summary: DaySummary) -> Any:
    rows = [(each.name, each.effective_bps) for each in summary.venues]
    return _by_name("Effective spread by venue, with 95 % intervals", "bps of the mid; below 0 it was earned", rows,
                    height=340)  # fmt: skip


def _markouts(summary: DaySummary) -> Any:
    names = [each.name for each in summary.venues[:12]]
    made = _figure("Markouts by venue: the mid later against the fill", "bps; below 0 it went against us", "",
                   y_range=names[::-1] or [""], height=340)  # fmt: skip
    for k, (horizon, (color, shape)) in enumerate(HORIZON_MARKS.items()):
        means = [each.markout_bps[horizon] for each in summary.venues[:12]]
        _interval(made, names, means, color, shape, 0.24 - 0.16 * k)
    _zero(made)
    return made


def _distribution(analysed: JournalCosts) -> Any:
    cost = analysed.orders["total_bps"][analysed.measured]
    counts, edges = np.zeros(0, np.int64), np.zeros(1)
    if len(cost):
        low, high = np.quantile(cost, (0.001, 0.999))
        if high - low < 1e-6:
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(np.clip(cost, low, high), bins=60, range=(low, high))
    many = counts.max(initial=0) >= 30
    made = _figure("How order costs are spread", "bps of paper value; the end bars hold all beyond",
                   "orders (log scale)" if many else "orders", y_axis_type="log" if many else "linear")  # fmt: skip
    if len(cost):
        some, foot = counts > 0, 0.5 if many else 0.0
        middle = ((edges[:-1] + edges[1:]) / 2)[some]
        source = bokeh("models").ColumnDataSource({
            "left": edges[:-1][some], "right": edges[1:][some], "top": counts[some],
            "color": [ORANGE if each > 0 else BLUE for each in middle],
        })  # fmt: skip
        bars = made.quad(
            left="left", right="right", top="top", bottom=foot, color="color", line_color=None, source=source
        )
        made.y_range.start = foot
        tip = [("cost", "@left{+0.00} to @right{+0.00} bps"), ("orders", "@top{0,0}")]
        made.add_tools(bokeh("models").HoverTool(renderers=[bars], tooltips=tip))
    return made


def _order() -> tuple[Any, Any]:
    """The two figures of the order that is looked at; the page fills their sources and sets their ranges."""
    models = bokeh("models")
    source, span = models.ColumnDataSource, models.Range1d
    quote = source({"t": [], "bid": [], "ask": []}, name="quote")
    fills = source({"t": [], "price": [], "size": [], "shape": [], "color": [], "text": []}, name="fills")
    price = _figure("Price", "New York time", "price, in the currency", height=300, x_axis_type="datetime",
                    name="price",
                    x_range=span(0, 1), y_range=span(0, 1))  # fmt: skip
    for side, color in (("bid", SKY), ("ask", PURPLE)):
        price.step(x="t", y=side, mode="after", source=quote, color=color, line_width=1.5)
    for name, (color, dash) in LINES.items():
        line = source({"t0": [], "t1": [], "price": []}, name=name)
        price.segment(x0="t0", x1="t1", y0="price", y1="price", source=line, color=color, line_dash=dash, line_width=2)
    dots = price.scatter(x="t", y="price", size="size", marker="shape", fill_color="color", line_color="color",
                         fill_alpha=0.6, source=fills)  # fmt: skip
    price.add_tools(models.HoverTool(renderers=[dots], tooltips=[("fill", "@text")]), models.BoxZoomTool(),
                    models.ResetTool())  # fmt: skip
    done = source({"t": [], "done": []}, name="done")
    pace = source({"t": [], "done": []}, name="pace")
    schedule = _figure("Schedule", "New York time", "shares", height=210, x_axis_type="datetime", x_range=price.x_range,
                       y_range=span(0, 1), name="schedule")  # fmt: skip
    schedule.step(x="t", y="done", mode="after", source=done, color=BLUE, line_width=2)
    schedule.line(x="t", y="done", source=pace, color=ORANGE, line_dash="dashed", line_width=2)
    schedule.yaxis.formatter = models.NumeralTickFormatter(format="0,0")
    price.yaxis.formatter = models.NumeralTickFormatter(format="0,0.00[00]")
    for each in (price, schedule):
        each.min_border_left = 80  # the two stand one above the other
        each.xaxis.formatter = models.DatetimeTickFormatter(
            milliseconds="%H:%M:%S.%3N", seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M",
            hours="%H:%M",
        )  # fmt: skip
    return price, schedule
