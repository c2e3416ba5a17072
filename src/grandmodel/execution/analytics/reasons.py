"""Why a figure of a journal's orders is not known, in words: for all orders at once, looked up by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .journal_costs import JournalCosts
from .session_prices import SESSION, WHY

__all__ = ["reasons_of", "why"]

Rows = np.ndarray[Any, Any]

_INDEX = ("index", "market_adjusted", "beta")
_NO_FILLS = "nothing was filled"
_NO_PRINTS = "the journal has no prints: give the capture"


def why(analysed: JournalCosts, name: str, place: int) -> str:
    """Why a column of an order (`vwap`, `vwap_bps` ...) is not known."""
    texts, codes = reasons_of(analysed, name)
    return texts[int(codes[place])]


def reasons_of(analysed: JournalCosts, name: str) -> tuple[tuple[str, ...], Rows]:
    """(texts, places): the reason of order i, where the column is not known, is texts[places[i]]."""
    cached = analysed.reasons_by_name
    if name not in cached:
        cached[name] = _reasons(analysed, name)
    return cached[name]


def _one(analysed: JournalCosts, text: str) -> tuple[tuple[str, ...], Rows]:
    return (text,), np.zeros(len(analysed), np.int64)


def _first(analysed: JournalCosts, *rules: tuple[Any, str], otherwise: str) -> tuple[tuple[str, ...], Rows]:
    """The text of the first rule that holds of an order."""
    n = len(analysed)
    masks = [np.broadcast_to(np.asarray(mask, bool), n) for mask, _ in rules]
    texts = (*(text for _, text in rules), otherwise)
    return texts, np.select(masks, range(len(masks)), len(masks))


def _reasons(analysed: JournalCosts, name: str) -> tuple[tuple[str, ...], Rows]:
    o, market = analysed.orders, analysed.market
    if name.startswith("markout"):
        return _one(analysed, analysed.markout_reason)
    against = name.endswith("_bps")
    unfilled = (o["fills"] == 0) & (against or name == "average_price"), _NO_FILLS
    base = name.removesuffix("_bps")
    if base in SESSION:
        codes = analysed.reason_codes[base].astype(np.int64)
        return (*WHY, _NO_FILLS), np.where(unfilled[0], len(WHY), codes)
    if base in _INDEX:
        return _of_index(analysed, base, unfilled)
    if base in ("average_price", "spread_capture", "spread", "move"):
        return _first(analysed, ((o["fills"] == 0), _NO_FILLS), otherwise="no quote at its fills")
    if base == "reversion":
        return _first(analysed, unfilled, otherwise=analysed.markout_reason)
    if base == "estimate_miss":
        return _first(analysed, unfilled, otherwise="routing expected no price")
    if base == "arrival":
        return _first(analysed, unfilled, otherwise="no quote when it was sent to a venue")
    instant = (o["end_ns"] == o["decision_ns"]) & (base != "pwp"), "it ended in the instant of its decision"
    last = "the capture does not cover the order, or nobody else traded meanwhile"
    if base == "pwp":
        last = "the capture ends before ten times its quantity had been printed"
    return _first(analysed, unfilled, (not market.has_prints, _NO_PRINTS), instant, otherwise=last)


def _of_index(analysed: JournalCosts, base: str, unfilled: tuple[Any, str]) -> tuple[tuple[str, ...], Rows]:
    """Of what is held against the index's move."""
    o, names, known = analysed.orders, analysed.names, analysed.references
    if known.index is None:
        return _one(analysed, "no index named")
    symbols = np.unique(o["symbol"]).tolist()
    texts = tuple(f"no beta of {names.symbol_text(number)} is known" for number in symbols)
    rules = [] if base == "index" else [unfilled]
    found = _first(
        analysed, *rules, (not analysed.market.has_prints, _NO_PRINTS),
        (analysed.market.index is None, f"the capture has nothing of {known.index}"),
        (o["route_ns"] == 0, "nothing was sent to a venue"),
        otherwise=f"{known.index} was not quoted at its arrival, or not traded until its end",
    )  # fmt: skip
    if base == "index":
        return found
    without = np.isnan(o["beta"]) & ((o["fills"] > 0) | (base == "beta"))
    return (*found[0], *texts), np.where(without, len(found[0]) + np.searchsorted(symbols, o["symbol"]), found[1])
