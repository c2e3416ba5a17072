"""The report of a journal's costs: one HTML file with everything inlined, that asks no network for anything.

Every order is a row of a table made in the page from compact columns; the pictures of the costliest, best and odd
orders are drawn by two figures from data of a few kilobytes each (`gmexec tca JOURNAL --order ID --html FILE` has that
of any other). Text from the journal is escaped wherever it goes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from .._core.records import NO_PRICE
from ..sessions import ns_to_local
from .day_summary import DaySummary, GroupCosts
from .journal_costs import FLAG_BIT, FLAGS, JournalCosts, status_text
from .order_view import order_view
from .report_figures import BLUE, HORIZON_MARKS, LINES, ORANGE, PURPLE, SKY, bokeh, figures
from .significance import WeightedMean
from .venue_costs import VenueCosts

__all__ = ["write_report"]

#: Orders whose picture is in the page: the costliest, the best, and those that something is odd about.
COSTLIEST, BEST, ODD = 200, 50, 50
_FILLS_MAX, _QUOTES_MAX = 400, 120


def write_report(
    path: str | os.PathLike[str],
    analysed: JournalCosts,
    summary: DaySummary,
    *,
    title: str = "journal",
    order_id: int | None = None,
) -> int:
    """Writes the page; its size in bytes.

    Parameters
    ----------
    title : the journal's name
    order_id : an order that the page opens with, its picture included; None: the costliest

    Raises
    ------
    MissingExtraError  (an ImportError) Bokeh is not installed
    UnknownOrder       the journal has no such order
    """
    first = None if order_id is None else int(analysed.orders["order_id"][analysed.place(order_id)])
    drawn = figures(analysed, summary)
    script, places = bokeh("embed").components(drawn)
    inlined = bokeh("resources").Resources(mode="inline", components=["bokeh"], minified=True).render_js()
    data = _data(analysed, title, first)
    css, code = _part("css"), _part("js")
    page = "".join((
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{escape(title)}: what the orders cost</title><link rel="icon" href="data:,"><style>{css}</style>',
        inlined, "</head><body>", _body(analysed, summary, title, places),
        f'<script type="application/json" id="data">{data}</script>{script}<script>{code}</script></body></html>\n',
    ))  # fmt: skip
    text = page.encode()
    target = Path(path)
    partial = target.with_name(f"{target.name}.part")
    partial.write_bytes(text)
    os.replace(partial, target)
    return len(text)


def _part(name: str) -> str:
    """A file of the page that lies beside this module."""
    return files(__package__).joinpath(f"report{'.' if name in ('css', 'js') else '_'}{name}").read_text("utf-8")


# ---- data


def _codes(values: Iterable[Any], word: Any) -> tuple[list[int], list[str]]:
    """Numbers of words, and the words."""
    distinct, inverse = np.unique(np.asarray(values), return_inverse=True)
    return inverse.tolist(), [word(value) for value in distinct.tolist()]


def _hundredths(values: Any) -> list[int | None]:
    scaled = np.round(np.asarray(values, np.float64) * 100)
    return [None if value != value else int(value) for value in scaled.tolist()]


def _rounded(values: Any, decimals: int) -> list[float | None]:
    return [None if value != value else value for value in np.round(np.asarray(values, np.float64), decimals).tolist()]


def _local_offset_ms(ns: int) -> float:
    offset = ns_to_local(ns).utcoffset()
    assert offset is not None
    return offset.total_seconds() * 1e3


def _data(analysed: JournalCosts, title: str, first: int | None) -> str:
    o, names = analysed.orders, analysed.names
    start = int(o["decision_ns"].min()) if len(analysed) else 0
    pairs = o["algorithm"].astype(np.int64) * 2 + o["is_parent"]
    columns: dict[str, Any] = {
        "id": o["order_id"].tolist(),
        "t": np.round((o["decision_ns"] - start) / 1e6).astype(int).tolist(),
    }
    words: dict[str, list[str]] = {}
    for name, values, word in (
        ("symbol", o["symbol"], names.symbol_text),
        ("strategy", o["strategy"], lambda n: names.strategy_text(n) or "none"),
        (
            "how",
            pairs,
            lambda n: (names.algorithm_text(n >> 1) if n >> 1 else None) or ("worked" if n & 1 else "direct"),
        ),
        ("status", o["status"], status_text),
        ("odd", o["flags"], lambda bits: ", ".join(text for name, text in FLAGS.items() if bits & FLAG_BIT[name])),
    ):
        columns[name], words[name] = _codes(values, word)
    columns |= {"side": (o["side"] > 0).astype(int).tolist(), "quantity": o["quantity"].tolist()}
    columns |= {"filled": o["filled_quantity"].tolist(), "average": _rounded(o["average_price"], 6)}
    for short, name in (("total", "total"), ("delay", "delay"), ("spread", "spread"), ("move", "move"),
                        ("opp", "opportunity"), ("fees", "fees"), ("vwap", "vwap")):  # fmt: skip
        columns[short] = _hundredths(o[f"{name}_bps"])
    columns["m1"] = _hundredths(o["markout_bps"][:, 2])
    columns["money"] = _rounded(np.where(o["total_e9"] == NO_PRICE, np.nan, o["total_e9"] / 1e9), 2)
    venues = sorted(set(analysed.fills["venue"].tolist()))
    words["venue"] = [names.venue_text(number) for number in venues]
    pictures = {
        str(int(o["order_id"][place])): _picture(analysed, place, venues) for place in _picked(analysed, first).tolist()
    }
    whole = {
        "columns": columns, "names": words, "pictures": pictures, "journal": title, "first": first,
        "t0": start / 1e6 + _local_offset_ms(start) if start else 0,
    }  # fmt: skip
    return json.dumps(whole, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _picked(analysed: JournalCosts, first: int | None) -> Any:
    """Places of the orders that are drawn, by money lost."""
    o = analysed.orders
    at = np.flatnonzero(analysed.measured)
    order = at[np.argsort(-o["total_e9"][at], kind="stable")]
    odd = np.flatnonzero((o["flags"] != 0) & (o["fills"] > 0))[:ODD]
    one = np.array([] if first is None else [analysed.place(first)], np.int64)
    return np.unique(np.concatenate([one, order[:COSTLIEST], order[max(COSTLIEST, len(order) - BEST) :], odd]))


def _picture(analysed: JournalCosts, place: int, venues: Sequence[int]) -> dict[str, Any]:
    """What the page draws of an order: times in ms from its decision, prices in `unit` from `base`."""
    o, f = analysed.orders, analysed.fills
    start = int(o["decision_ns"][place])
    end = max(int(o["end_ns"][place]), int(o["last_fill_ns"][place]), start)
    pad = max((end - start) // 8, 15_000_000_000)
    symbol = int(o["symbol"][place])
    quote_ns, bid, ask = analysed.market.path(symbol, start - pad, end + pad, _QUOTES_MAX)
    if len(quote_ns):  # what stood before the window, and what stands at its end
        quote_ns = np.append(np.clip(quote_ns, start - pad, end + pad), end + pad)
        bid, ask = np.append(bid, bid[-1]), np.append(ask, ask[-1])
    mine = analysed.fills_at(place)
    mine = mine[np.argsort(f["time_ns"][mine], kind="stable")]
    left_out = max(0, len(mine) - _FILLS_MAX)
    mine = _thinned(mine, _FILLS_MAX)
    decision = int(o["decision_e9"][place])
    prices = np.concatenate([bid, ask, f["price_e9"][mine]])
    base, unit = (int(prices.min()), _unit(prices)) if len(prices) else (0, 1)

    def ms(times: Any) -> list[int]:
        return [round(each) for each in ((times - start) / 1e6).tolist()]

    def steps(values: Any) -> list[int]:
        return ((values - base) // unit).tolist()  # type: ignore[no-any-return]

    view = order_view(analysed, place)
    known: dict[str, float | str] = {}
    missing: dict[str, list[str]] = {}
    for name, value in view["prices"].items():
        shown = name.upper() if name in ("vwap", "twap", "pwp") else name.replace("_", " ")
        if not math.isnan(value):
            known[shown] = round(value, 6)
        elif name != "average_price":
            missing.setdefault(str(_or_why(value)), []).append(shown)
    known.pop("average_price", None)
    known |= {", ".join(names): why for why, names in missing.items()}
    capture = view["spread_capture"]
    return {
        "from": -pad // 1_000_000, "to": (end + pad - start) // 1_000_000, "end": max(1, (end - start) // 1_000_000),
        "base": base // unit, "unit": unit / 1e9,
        "quotes": [ms(quote_ns), steps(bid), steps(ask)],
        "fills": [ms(f["time_ns"][mine]), steps(f["price_e9"][mine]), f["quantity"][mine].tolist(),
                  f["liquidity"][mine].tolist(), [venues.index(number) for number in f["venue"][mine].tolist()]],
        "decision": None if decision == NO_PRICE else decision / 1e9,
        "vwap": _number(view["prices"]["vwap"]),
        "prices": [list(pair) for pair in known.items()],
        "more": [
            ["children", f"{len(view['children']):,}"],
            ["fills", f"{len(view['fills']):,}" + (f", {left_out:,} not drawn" if left_out else "")],
            ["participation", _percent(view["participation"])],
            ["others traded worse", _percent(view["percentile"])],
            ["against the estimate", _bps(view["estimate_miss_bps"])],
            ["market-adjusted", _bps(view["against_bps"]["market_adjusted"])],
            ["spread capture", f"{capture:+.2f}" if not math.isnan(capture) else _or_why(capture)],
            ["reversion 5 min", _bps(view["reversion_bps"])],
        ],
    }  # fmt: skip


def _thinned(places: Any, most: int) -> Any:
    return places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).astype(int)]


def _unit(prices: Any) -> int:
    """The largest power of ten (of 1e-9) that divides all prices."""
    unit = 1
    while unit < 10**9 and not (prices % (unit * 10)).any():
        unit *= 10
    return unit


def _number(value: float) -> float | None:
    return value if not math.isnan(value) else None


def _or_why(value: float) -> float | str:
    return round(value, 6) if not math.isnan(value) else f"n/a: {getattr(value, 'reason', 'not known')}"


def _percent(value: float) -> str:
    return f"{value:.2%}" if not math.isnan(value) else str(_or_why(value))


def _bps(value: float) -> str:
    return f"{value:+.2f} bps" if not math.isnan(value) else str(_or_why(value))


# ---- the page


def _legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """(text, colour, dash of a line or shape of a marker) each."""
    shapes = {
        "circle": '<circle cx="13" cy="6" r="5"/>', "triangle": '<path d="M13 1l6 10H7z"/>',
        "square": '<path d="M8 1h10v10H8z"/>', "diamond": '<path d="M13 0l6 6-6 6-6-6z"/>',
    }  # fmt: skip
    dashes = {"solid": "", "dashed": ' stroke-dasharray="7 4"', "dotted": ' stroke-dasharray="2 3"'}
    items = []
    for text, color, kind in entries:
        drawn = (
            shapes[kind] if kind in shapes else f'<path d="M0 6h26" stroke="{color}" stroke-width="2.5"{dashes[kind]}/>'
        )
        items.append(
            f'<span><svg viewBox="0 0 26 12" aria-hidden="true" fill="{color}">{drawn}</svg>{escape(text)}</span>'
        )
    return f'<div class="legend">{"".join(items)}</div>'


_HORIZONS = _legend(
    (f"{name[:-1]} {'s' if name[-1] == 's' else 'min'} later", color, shape)
    for name, (color, shape) in HORIZON_MARKS.items()
)
_LINES = _legend([("bid", SKY, "solid"), ("ask", PURPLE, "solid")] + [
    ({"vwap": "interval VWAP", "decision": "mid at the decision", "average": "average price"}[name], color, dash)
    for name, (color, dash) in LINES.items()
])  # fmt: skip
_PACE = _legend([("filled", BLUE, "solid"), ("an even pace", ORANGE, "dashed")])


def _body(analysed: JournalCosts, summary: DaySummary, title: str, places: dict[str, str]) -> str:
    def chart(name: str) -> str:
        return f'<div class="chart">{places[name]}</div>'

    sections = (
        ("glance", "At a glance", _tiles(analysed, summary) + _findings(summary)),
        ("parts", "What it cost, by part", chart("parts") + _parts_table(summary) + _benchmark_table(summary)),
        ("time", "Over the day", chart("day")),
        ("algorithms", "Algorithms", chart("algorithms") + _group_table("algorithm", summary.by_algorithm)),
        ("strategies", "Strategies, sides, symbols", _group_table("strategy", summary.by_strategy)
         + _group_table("side", summary.by_side) + _group_table("symbol", summary.by_symbol)),
        ("venues", "Venues", f'<div class="two">{chart("venues")}<div>{chart("markouts")}{_HORIZONS}</div></div>'
         + _venue_table(summary)),
        ("spread", "Distribution and outliers", chart("distribution") + _outliers(analysed)),
        ("order", "One order against the market", _order_section(chart)),
        ("orders", "Every order", _part("grid.html") + _printed(analysed)),
        ("quality", "Data quality", _quality(analysed)),
        ("how", "How it is measured", _part("method.html")),
    )  # fmt: skip
    nav = "".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in sections)
    head = (
        f'<header><div class="bar"><h1>{escape(title)}: what the orders cost</h1>'
        '<button id="theme" class="theme" type="button">Light / dark</button></div>'
        f'<p class="soft">{escape(_span(analysed, summary))}</p><nav aria-label="Sections">{nav}</nav>'
        "<noscript><p>The figures and the table need JavaScript; nothing is loaded from anywhere.</p></noscript>"
        "</header>"
    )
    main = "".join(
        f'<section id="{name}" class="{"long" if name in ("orders", "strategies") else ""}" aria-labelledby="h-{name}">'
        f'<h2 id="h-{name}">{escape(text)}</h2>{content}</section>'
        for name, text, content in sections
    )
    foot = (
        "<footer>Made by gmexec tca. Costs in bps of order quantity times decision price; positive is bad.</footer>"
    )
    return f"{head}<main>{main}</main>{foot}"


def _span(analysed: JournalCosts, summary: DaySummary) -> str:
    quotes = "quotes from the day's capture" if analysed.market.source == "capture" else (
        "quotes from the journal's own records (no capture: markouts are few, VWAP is not known)"
    )  # fmt: skip
    if not summary.first_ns:
        return f"no orders; {quotes}"
    first, last = ns_to_local(summary.first_ns), ns_to_local(summary.last_ns)
    day = "" if first.date() == last.date() else f" of {last:%Y-%m-%d}"
    return f"{first:%A, %Y-%m-%d}, {first:%H:%M} to {last:%H:%M}{day} New York time; {quotes}"


def _table(fields: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in fields)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" if k else f'<th scope="row">{escape(cell)}</th>'
                         for k, cell in enumerate(row)) + "</tr>"
        for row in rows
    )  # fmt: skip
    label = f"<h3>{escape(caption)}</h3>" if caption else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'{label}<div class="scroll" tabindex="0">{table}</div>'


def _tiles(analysed: JournalCosts, summary: DaySummary) -> str:
    whole = summary.whole
    mean = whole.cost
    sure = f"95 %: {mean.low:+.2f} to {mean.high:+.2f}" if not math.isnan(mean.low) else "no interval from so few"
    tiles = (
        (f"{whole.orders:,}", f"orders, {whole.measured:,} measured"),
        (f"{len(analysed.fills['order']):,}", f"fills; {len(analysed.refusals['order_id']):,} orders refused"),
        (_compact(whole.value) if whole.measured else "n/a", "paper value, in the currency"),
        (f"{whole.fill_rate:.1%}", "of the shares ordered were filled"),
        (f"{mean.mean:+.2f} bps" if whole.measured else "n/a", f"mean cost by value; {sure}"),
        (_compact(whole.parts_e9["total"] / 1e9, True) if whole.measured else "n/a", "cost in all, in the currency"),
        (f"{whole.plain_bps:+.2f} bps" if whole.measured else "n/a",
         f"mean cost by order; deviation {whole.deviation_bps:.2f}"),
        (_bps(whole.benchmarks_bps["vwap"]) if not math.isnan(whole.benchmarks_bps["vwap"]) else "n/a",
         "against the interval VWAP"),
    )  # fmt: skip
    return '<div class="tiles">' + "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>' for value, text in tiles
    ) + "</div>"  # fmt: skip


def _compact(value: float, sign: bool = False) -> str:
    plus = "+" if sign else ""
    for size, unit in ((1e9, " bn"), (1e6, " m"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == ' k' else size):{plus},.1f}{unit}"
    return f"{value:{plus},.2f}"


_LEVELS = {"bad": "\u25b2 costs ", "good": "\u25bc saves ", "note": ""}


def _findings(summary: DaySummary) -> str:
    if not summary.findings:
        return "<p>No order could be measured: nothing is said.</p>"
    return '<ul class="findings">' + "".join(
        f'<li class="{each.level}"><span class="tag">{_LEVELS[each.level]}</span>{escape(each.text)}'
        f"<small>{escape(each.confidence)}</small></li>"
        for each in summary.findings
    ) + "</ul>"  # fmt: skip


_PART_NAMES = {
    "delay": "delay: decision to market", "trading": "trading: fills against the arrival mid",
    "spread": "\u2003of it spread: fills against the mid then", "move": "\u2003of it move: where the mid went before",
    "opportunity": "not filled, at the mid at the end", "fees": "fees", "total": "total",
}  # fmt: skip


def _parts_table(summary: DaySummary) -> str:
    whole = summary.whole
    if not whole.measured:
        return "<p>No order could be measured.</p>"
    rows = [
        (text, f"{whole.bps(part):+.3f}", f"{whole.parts_e9[part] / 1e9:+,.2f}") for part, text in _PART_NAMES.items()
    ]
    note = (
        f"Exact, to 1e-9: what the fills of all venues cost, fees included, and what was not filled "
        f"({summary.residual_e9 / 1e9:+,.2f}) is the total."
    )
    return _table(("part", "bps", "money"), rows) + f'<p class="soft">{escape(note)}</p>'


_BENCHMARK_NAMES = {
    "arrival": "mid when first sent to a venue", "vwap": "interval VWAP, others' trades", "twap": "interval TWAP, mid",
    "pwp": "PWP, 10 % participation", "open": "open of the session", "close": "close of the session",
    "previous_close": "close of the session before", "market_adjusted": "arrival, less beta times the index's cost",
}  # fmt: skip


def _benchmark_table(summary: DaySummary) -> str:
    """The average price against each benchmark, or why one is not known."""
    found = summary.whole.benchmarks_bps
    rows = [(_BENCHMARK_NAMES[name], "n/a", str(getattr(value, "reason", ""))) if math.isnan(value)
            else (_BENCHMARK_NAMES[name], f"{value:+.3f}", "") for name, value in found.items()]  # fmt: skip
    caption = "Average price against the market; positive is bad"
    return _table(("benchmark", "bps", "not known, because"), rows, caption)


def _range(mean: WeightedMean) -> str:
    return "n/a" if math.isnan(mean.low) else f"{mean.low:+.2f} to {mean.high:+.2f}"


def _verdict(each: GroupCosts) -> str:
    if each.against_rest is None:
        return "nothing to compare"
    text = each.against_rest.verdict
    if text in ("lower", "higher"):
        return f"{text} by {abs(each.against_rest.difference):.2f}" if each.adjusted_p <= 0.05 else "no difference told"
    return {"no difference can be told": "no difference told"}.get(text, text)


def _group_table(kind: str, groups: Sequence[GroupCosts]) -> str:
    if not groups:
        return ""
    fields = (kind, "orders", "filled", "value", "cost, bps", "95 %", "delay", "spread", "move", "not filled", "fees",
              "vs arrival", "vs VWAP", "against the rest")  # fmt: skip
    rows = [
        (each.name, f"{each.orders:,}", f"{each.fill_rate:.0%}",
         _compact(each.value) if each.measured else "n/a", f"{each.cost.mean:+.2f}",
         _range(each.cost),
         *(f"{each.bps(part):+.2f}" for part in ("delay", "spread", "move", "opportunity", "fees")),
         f"{each.benchmarks_bps['arrival']:+.2f}", f"{each.benchmarks_bps['vwap']:+.2f}", _verdict(each))
        for each in groups
    ]  # fmt: skip
    return _table(fields, rows, f"By {kind}" if kind != "algorithm" else "")


def _venue_table(summary: DaySummary) -> str:
    fields = ("venue", "orders", "share", "fill rate", "fills", "rejects", "added", "eff. spread", "95 %",
              "m/o 1 s", "10 s", "1 min", "5 min", "fees", "ms", "99 %", "all-in")  # fmt: skip

    def verdict(each: VenueCosts) -> str:
        text = each.against_rest.verdict
        if text in ("lower", "higher"):
            return f"{text} by {abs(each.against_rest.difference):.2f}"
        return {"no difference can be told": "no difference told"}.get(text, text)

    rows = [
        (each.name, f"{each.orders:,}", f"{each.share:.1%}", f"{each.fill_rate:.1%}", f"{each.fills:,}",
         f"{each.rejects:,}",
         f"{each.added:.0%}", f"{each.effective_bps.mean:+.2f}",
         _range(each.effective_bps),
         *(f"{each.markout_bps[name].mean:+.2f}" for name in ("1s", "10s", "1m", "5m")), f"{each.fees_e9 / 1e9:+,.2f}",
         f"{each.latency_ms:.2f}", f"{each.latency_99_ms:.2f}", verdict(each))
        for each in summary.venues
    ]  # fmt: skip
    note = (
        "Eff. spread: twice the fill against the mid, in bps; where orders rest and add liquidity it is earned, so "
        "compare venues with like shares of added. M/o: markouts, bps. All-in: half spread and fees against all other "
        "venues, bps. Ms: median and 99th percentile from sending to the venue's first answer, by its clock."
    )
    return _table(fields, rows) + f'<p class="soft">{escape(note)}</p>'


def _order_row(analysed: JournalCosts, place: int) -> tuple[str, ...]:
    o, names = analysed.orders, analysed.names
    return (
        str(o["order_id"][place]), f"{ns_to_local(int(o['decision_ns'][place])):%H:%M:%S}",
        f"{'buy' if o['side'][place] > 0 else 'sell'} {o['quantity'][place]:,} "
        f"{names.symbol_text(int(o['symbol'][place]))}",
        names.algorithm_text(int(o["algorithm"][place])) or "direct",
        f"{o['filled_quantity'][place] / o['quantity'][place]:.0%}",
        *(f"{analysed.bps(place, part):+.2f}" for part in ("total", "delay", "trading", "opportunity", "fees")),
        f"{o['total_e9'][place] / 1e9:+,.2f}",
    )  # fmt: skip


_ORDER_FIELDS = (
    "order",
    "time",
    "what",
    "how",
    "filled",
    "total, bps",
    "delay",
    "trading",
    "not filled",
    "fees",
    "money",
)


def _outliers(analysed: JournalCosts) -> str:
    """Orders beyond the outer fences, three quartile distances out (J. Tukey, Exploratory Data Analysis, 1977)."""
    o = analysed.orders
    at = np.flatnonzero(analysed.measured)
    if len(at) < 20:
        return '<p class="soft">Too few orders to call any an outlier.</p>'
    cost = o["total_bps"][at]
    low, high = np.quantile(cost, (0.25, 0.75))
    reach = 3 * (high - low)
    beyond = at[(cost < low - reach) | (cost > high + reach)]
    text = (
        f"{len(beyond):,} of {len(at):,} orders lie more than three quartile distances outside the middle half "
        f"({low:+.2f} to {high:+.2f} bps). The farthest, by money:"
    )
    worst = beyond[np.argsort(-np.abs(o["total_e9"][beyond]), kind="stable")][:10]
    rows = [_order_row(analysed, place) for place in worst.tolist()]
    return f"<p>{escape(text)}</p>" + (_table(_ORDER_FIELDS, rows) if rows else "")




def _order_section(chart: Callable[[str], str]) -> str:
    return _part("order.html").format(price=chart("price"), lines=_LINES, schedule=chart("schedule"), pace=_PACE)


def _printed(analysed: JournalCosts) -> str:
    """On paper: the costliest orders."""
    o = analysed.orders
    at = np.flatnonzero(analysed.measured)
    worst = at[np.argsort(-o["total_e9"][at], kind="stable")][:25]
    return (
        '<div class="print">'
        + _table(_ORDER_FIELDS, [_order_row(analysed, k) for k in worst.tolist()], "The costliest 25")
        + "</div>"
    )


def _quality(analysed: JournalCosts) -> str:
    if not analysed.quality:
        return "<p>Nothing odd was found.</p>"
    rows = [
        (each.text, f"{each.count:,}", f"{each.out_of:,}", ", ".join(map(str, each.order_ids)) or "")
        for each in analysed.quality
    ]
    return _table(("what", "how many", "of", "orders, such as"), rows) + (
        '<p class="soft">None of these is averaged in where its figure would be wrong or missing.</p>'
    )



