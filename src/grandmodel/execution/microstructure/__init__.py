# ruff: noqa: E501  (rows of a table)
"""Market microstructure: `MicrostructureEngine` over an engine's market, streaming estimators (`FlowEstimators`), scores, and below
them batch estimators over arrays and models of market impact.

    from grandmodel.execution.microstructure import lee_ready, spreads_at_horizons

    spreads = spreads_at_horizons(trades["time_ns"], trades["price_e9"], trades["quantity"],
                                  quotes["time_ns"], quotes["bid_e9"], quotes["ask_e9"])
    print(f"{spreads.effective_bps:.2f} bp")

Columns are arrays of float64 or int64 (or smaller numbers): contiguous or strided, read-only, a field of a structured
array, a memory map larger than the memory. They are read once, in place, and never copied whole; results may go to an
`out` of the caller's. Prices may be in any unit, the currency or `price_e9`: basis points do not depend on it, and what
is a price comes back in the same unit. An absent price is NaN, or NO_PRICE in an integer column. A number that cannot be
known is `Unknown` with its reason; in arrays it is NaN. What does not fit is refused by name: column, row, value.

Side is +1 bought, -1 sold; bp are 1e-4 of the mid; costs are positive where they are bad for who trades.

| function | definition | unit | source |
|---|---|---|---|
| `lee_ready`, `tick_test` | above the mid strictly before: bought; at it: last price that differs | side | Lee, Ready 1991 |
| `prevailing_mid`, `prevailing` | what stood at a time (as-of join) | price | definition |
| `flow_bars`, `interval_sums` | trades, or any column, by equal intervals | | definition |
| `quoted_spreads`, `mean_quoted_spread` | (a - b)/m, of each quote; mean over quotes | bp | definition |
| `time_weighted_spread` | the same by how long it stood; time locked or crossed | bp, price, ns | definition |
| `trade_spreads`, `trade_spread_columns` | effective 2d(p - m)/m, realized 2d(p - m')/m, impact 2d(m' - m)/m | bp | Huang, Stoll 1996 |
| `spreads_at_horizons` | the same from trades and quotes, m' after 1 s, 10 s, 1 min, 5 min | bp | definition |
| `roll_spread` | 2 sqrt(-cov(dp_t, dp_(t-1))) | price | Roll 1984 |
| `corwin_schultz_spread`, `corwin_schultz_spreads` | from two days' highs and lows | fraction | Corwin, Schultz 2012 |
| `kyle_lambda` | dp = a + lambda S | price/share | Kyle 1985 |
| `hasbrouck_lambda` | r = lambda sum d sqrt(p v) | 1/sqrt(money) | Hasbrouck 2009 |
| `glosten_harris` | dp = c0 dD + c1 d(Dv) + z0 D + z1 Dv | price, price/share | Glosten, Harris 1988 |
| `amihud` | mean of abs(r)/money traded | 1/money | Amihud 2002 |
| `imbalance` | (qb - qa)/(qb + qa) | [-1, 1] | definition |
| `depth_imbalance` | the same of depth weighted exp(-l/decay) or 1/(1 + ticks) | [-1, 1] | definition |
| `weighted_mid` | (qa b + qb a)/(qa + qb) | price | definition |
| `fit_micro_price`, `MicroPrice`, `micro_price_adjustment` | mid + sum of B^i G1 | price | Stoikov 2018 |
| `order_flow_imbalance` | signed changes of the best quotes, or of each level | quantity | Cont, Kukanov, Stoikov 2014 |
| `book_walk`, `book_walks` | average and marginal price of a quantity, slippage, what is missing | price | definition |
| `bulk_buy_volume`, `volume_buckets`, `vpin` | v Phi(dp/sigma); sum abs(Vb - Vs)/(nV) | [0, 1] | Easley, Lopez de Prado, O'Hara 2012 |
| `pin`, `pin_log_likelihood` | alpha mu/(alpha mu + eb + es) | [0, 1] | Easley et al. 1996 |
| `hawkes_log_likelihood`, `fit_hawkes`, `hawkes_intensity` | mu + sum alpha e^(-beta (t - ti)) | 1/s | Hawkes 1971, Ozaki 1979 |
| `realized_variance`, `realized_volatility` | sum of squared log returns, and its root | fraction | Andersen et al. 2003 |
| `two_scale_variance`, `two_scale_volatility` | the same, the noise of every return taken off | fraction | Zhang, Mykland, Ait-Sahalia 2005 |
| `bipower_variation` | (pi/2) sum abs(r_i) abs(r_(i-1)): without jumps | fraction squared | Barndorff-Nielsen, Shephard 2004 |
| `volume_curve`, `volume_curve_of`, `session_volumes` | mean over days of v/V by part of the session | fraction | definition |
| `turnover` | volume / shares outstanding | percent | definition |
| `sweep_times`, `recovery`, `fit_exponential` | excess(t) = A e^(-t/tau) after sweeps; recovered at 1, 5, 10 s | s, fraction | ours |
| `athl_permanent`, `athl_temporary`, `athl_realized` | I, K, J = I/2 + K | fraction | Almgren et al. 2005 |
| `square_root_impact` | Y sigma sqrt(Q/V), average two thirds of it | fraction | Torre 1997, Toth et al. 2011 |
| `istar`, `istar_impact` | a1 (Q/V)^a2 sigma^a3 bp; b1 I* POV^a4 + (1 - b1) I* | fraction | Kissell, Malamut 2006 |
| `fit_power_law`, `PowerLaw` | impact = c x^p by least squares | | definition |
| `no_dynamic_arbitrage`, `propagator_cost`, `worst_round_trip` | necessary conditions; what a round trip costs | | Gatheral 2010 |
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.flow import BookAnalysis, BookSnapshot
    from .depth import BookWalk, BookWalks, book_walk, book_walks
    from .flow import BAR_DTYPE, FlowEstimators
    from .hawkes import Hawkes, fit_hawkes, hawkes_intensity, hawkes_log_likelihood
    from .illiquidity import GlostenHarris, Line, amihud, glosten_harris, hasbrouck_lambda, kyle_lambda
    from .imbalances import depth_imbalance, imbalance, order_flow_imbalance, weighted_mid
    from .impact import (
        ATHL_2005,
        ISTAR_ALL_DATA,
        AthlCoefficients,
        IstarCoefficients,
        PowerLaw,
        athl_permanent,
        athl_realized,
        athl_temporary,
        fit_power_law,
        istar,
        istar_impact,
        no_dynamic_arbitrage,
        propagator_cost,
        square_root_impact,
        worst_round_trip,
    )
    from .impact_forecast import ImpactForecast
    from .liquidity import LiquidityAssessment, LiquidityMetrics
    from .microprice import MicroPrice, fit_micro_price, micro_price_adjustment
    from .microstructure_engine import MarketConditions, MicrostructureEngine
    from .resilience import Recovery, fit_exponential, recovery, sweep_times
    from .scores import (
        Timing,
        TimingAction,
        depth_score,
        liquidity_score,
        optimal_timing,
        resilience_score,
        spread_score,
        volume_score,
    )
    from .spreads import (
        HorizonSpread,
        QuotedSpread,
        TradeSpreadColumns,
        TradeSpreads,
        corwin_schultz_spread,
        corwin_schultz_spreads,
        mean_quoted_spread,
        quoted_spreads,
        roll_spread,
        spreads_at_horizons,
        time_weighted_spread,
        trade_spread_columns,
        trade_spreads,
    )
    from .toxicity import Pin, bulk_buy_volume, pin, pin_log_likelihood, volume_buckets, vpin
    from .trades import FlowBars, flow_bars, interval_sums, lee_ready, prevailing, prevailing_mid, tick_test
    from .volatility import (
        bipower_variation,
        realized_variance,
        realized_volatility,
        two_scale_variance,
        two_scale_volatility,
    )
    from .volume import VolumeCurve, session_volumes, turnover, volume_curve, volume_curve_of

_HOME = {
    ".._core.flow": ("BookAnalysis", "BookSnapshot"),
    ".depth": ("BookWalk", "BookWalks", "book_walk", "book_walks"),
    ".flow": ("BAR_DTYPE", "FlowEstimators"),
    ".hawkes": ("Hawkes", "fit_hawkes", "hawkes_intensity", "hawkes_log_likelihood"),
    ".illiquidity": ("GlostenHarris", "Line", "amihud", "glosten_harris", "hasbrouck_lambda", "kyle_lambda"),
    ".imbalances": ("depth_imbalance", "imbalance", "order_flow_imbalance", "weighted_mid"),
    ".impact": (
        "ATHL_2005", "ISTAR_ALL_DATA", "AthlCoefficients", "IstarCoefficients", "PowerLaw", "athl_permanent",
        "athl_realized", "athl_temporary", "fit_power_law", "istar", "istar_impact", "no_dynamic_arbitrage",
        "propagator_cost", "square_root_impact", "worst_round_trip",
    ),
    ".impact_forecast": ("ImpactForecast",),
    ".liquidity": ("LiquidityAssessment", "LiquidityMetrics"),
    ".microprice": ("MicroPrice", "fit_micro_price", "micro_price_adjustment"),
    ".microstructure_engine": ("MarketConditions", "MicrostructureEngine"),
    ".resilience": ("Recovery", "fit_exponential", "recovery", "sweep_times"),
    ".scores": (
        "Timing", "TimingAction", "depth_score", "liquidity_score", "optimal_timing", "resilience_score", "spread_score",
        "volume_score",
    ),
    ".spreads": (
        "HorizonSpread", "QuotedSpread", "TradeSpreadColumns", "TradeSpreads", "corwin_schultz_spread",
        "corwin_schultz_spreads", "mean_quoted_spread", "quoted_spreads", "roll_spread", "spreads_at_horizons",
        "time_weighted_spread", "trade_spread_columns", "trade_spreads",
    ),
    ".toxicity": ("Pin", "bulk_buy_volume", "pin", "pin_log_likelihood", "volume_buckets", "vpin"),
    ".trades": (
        "FlowBars", "flow_bars", "interval_sums", "lee_ready", "prevailing", "prevailing_mid", "tick_test",
    ),
    ".volatility": (
        "bipower_variation", "realized_variance", "realized_volatility", "two_scale_variance", "two_scale_volatility",
    ),
    ".volume": ("VolumeCurve", "session_volumes", "turnover", "volume_curve", "volume_curve_of"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ATHL_2005",
    "BAR_DTYPE",
    "ISTAR_ALL_DATA",
    "AthlCoefficients",
    "BookAnalysis",
    "BookSnapshot",
    "BookWalk",
    "BookWalks",
    "FlowBars",
    "FlowEstimators",
    "GlostenHarris",
    "Hawkes",
    "HorizonSpread",
    "ImpactForecast",
    "IstarCoefficients",
    "Line",
    "LiquidityAssessment",
    "LiquidityMetrics",
    "MarketConditions",
    "MicroPrice",
    "MicrostructureEngine",
    "Pin",
    "PowerLaw",
    "QuotedSpread",
    "Recovery",
    "Timing",
    "TimingAction",
    "TradeSpreadColumns",
    "TradeSpreads",
    "VolumeCurve",
    "amihud",
    "athl_permanent",
    "athl_realized",
    "athl_temporary",
    "bipower_variation",
    "book_walk",
    "book_walks",
    "bulk_buy_volume",
    "corwin_schultz_spread",
    "corwin_schultz_spreads",
    "depth_imbalance",
    "depth_score",
    "fit_exponential",
    "fit_hawkes",
    "fit_micro_price",
    "fit_power_law",
    "flow_bars",
    "glosten_harris",
    "hasbrouck_lambda",
    "hawkes_intensity",
    "hawkes_log_likelihood",
    "imbalance",
    "interval_sums",
    "istar",
    "istar_impact",
    "kyle_lambda",
    "lee_ready",
    "liquidity_score",
    "mean_quoted_spread",
    "micro_price_adjustment",
    "no_dynamic_arbitrage",
    "optimal_timing",
    "order_flow_imbalance",
    "pin",
    "pin_log_likelihood",
    "prevailing",
    "prevailing_mid",
    "propagator_cost",
    "quoted_spreads",
    "realized_variance",
    "realized_volatility",
    "recovery",
    "resilience_score",
    "roll_spread",
    "session_volumes",
    "spread_score",
    "spreads_at_horizons",
    "square_root_impact",
    "sweep_times",
    "tick_test",
    "time_weighted_spread",
    "trade_spread_columns",
    "trade_spreads",
    "turnover",
    "two_scale_variance",
    "two_scale_volatility",
    "volume_buckets",
    "volume_curve",
    "volume_curve_of",
    "volume_score",
    "vpin",
    "weighted_mid",
    "worst_round_trip",
]


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
