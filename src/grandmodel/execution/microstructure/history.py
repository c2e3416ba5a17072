"""A past for the paper market, as long as any look-back asks: what the same order flow would have traded before it was
looked at.

Nothing of it was lived through by an engine. Blocks of bars come from the paper market's own generator, each by a seed
of its own, so that block k is the same whatever was asked for before; they are made when somebody asks, and joined so
that prices go on. Like that market it has the volume of a session in sessions, and one pace around them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.records import NO_PRICE
from .flow import BAR_DTYPE, FlowEstimators

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..config import ExecutionConfig
    from ..instruments import Instrument

#: Bars of a block.
BLOCK = 30


class PaperHistory:
    """The bars of one symbol before `end_ns` (the begin of a bar).

    Parameters
    ----------
    instrument : its tick, and the price that the history ends at: the paper market begins there
    config : venues, seed, rates and the length of a bar
    """

    def __init__(self, instrument: Instrument, config: ExecutionConfig, end_ns: int) -> None:
        self._instrument, self._config, self._end_ns = instrument, config, end_ns
        self._blocks: list[NDArray[Any]] = []

    @property
    def bars_max(self) -> int:
        """How far it reaches: `market.history_minutes`."""
        return int(self._config.market.history_minutes * 60e9 // self._config.microstructure.bar_ns)

    def bars(self, count: int) -> NDArray[Any]:
        """The last `count` bars before `end_ns`, oldest first: BAR_DTYPE. ValueError beyond `bars_max`."""
        if count > self.bars_max:
            raise ValueError(f"count is {count}, the history has {self.bars_max} bars")
        while len(self._blocks) * BLOCK < count:
            self._blocks.append(self._block(len(self._blocks)))
        if count <= 0:
            return np.empty(0, BAR_DTYPE)
        return np.concatenate(self._blocks[::-1])[-count:]

    def _block(self, k: int) -> NDArray[Any]:
        from ..engine import make_instruments, make_venues
        from ..venues.paper import paper_market

        config, bar_ns = self._config, self._config.microstructure.bar_ns
        symbol = self._instrument.symbol
        venues = make_venues(config, make_instruments([self._instrument]))
        begin_ns = self._end_ns - (k + 1) * BLOCK * bar_ns
        seed = (config.seed ^ zlib.crc32(f"{symbol} {k}".encode()) << 24) & (1 << 63) - 1
        market = paper_market(venues, config, begin_ns, seed=seed, hours=False)
        flow = FlowEstimators(
            levels=1,
            bar_seconds=bar_ns / 1e9,
            bars=BLOCK,
            trades=1,
            gap_seconds=min(3600.0, BLOCK * bar_ns / 1e9),
            reference_spread=config.microstructure.reference_spread,
        )
        flow.to_engine()
        market.touch(symbol, begin_ns)  # the warm-up is not heard
        market.listen(symbol, flow)
        best = venues.quote(symbol)
        flow.quote(
            begin_ns,
            None if best.bid_e9 is None else best.bid,
            best.bid_quantity,
            None if best.ask_e9 is None else best.ask,
            best.ask_quantity,
        )
        market.touch(symbol, begin_ns + BLOCK * bar_ns)
        flow.advance(begin_ns + BLOCK * bar_ns)
        bars = flow.bars(BLOCK)
        return self._joined(bars, k)

    def _joined(self, bars: NDArray[Any], k: int) -> NDArray[Any]:
        """Prices moved as a whole, so that the block ends where the next one begins."""
        if k == 0:
            begins = self._instrument.reference_price
        else:
            begins = float(self._blocks[k - 1]["mid_open"][0])
        tick = self._instrument.tick_e9
        ends = float(bars["mid_close"][-1])
        if not np.isfinite(begins - ends):
            return bars
        shift_e9 = round((begins - ends) * 1e9 / tick) * tick
        traded = bars["open_e9"] != NO_PRICE
        for name in ("open_e9", "high_e9", "low_e9", "close_e9"):
            bars[name][traded] += shift_e9
        for name in ("mid_open", "mid_close"):
            bars[name] += shift_e9 / 1e9
        bars["notional"] += bars["volume"] * (shift_e9 / 1e9)
        return bars
