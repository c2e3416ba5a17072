"""How much by when, and where: the algorithms' own schedules, as functions that a quant can check before he trusts one.

Functions
---------
`twap_slices`, `twap_times` : equal slices to the lot, and when
`vwap_slices`, `vwap_capped`, `vwap_next` : along a volume curve; below a cap; re-forecast
`pov_child` : the next child of a share of the volume
`almgren_chriss`, `is_trajectory`, `kappa_from_urgency`, `risk_aversion_from_kappa` : Almgren and Chriss (2000)
`almgren_power_law` : Almgren (2003)
`obizhaeva_wang` : Obizhaeva and Wang (2013)
`cartea_jaimungal` : Cartea, Jaimungal and Penalva (2015)
`product_limit`, `dark_allocation` : dark pools by censored demand
`cont_kukanov`, `cont_kukanov_cost` : resting over venues
"""

from __future__ import annotations

from ._core.allocation import cont_kukanov, cont_kukanov_cost, dark_allocation, product_limit
from ._core.schedule import pov_child, twap_slices, twap_times, vwap_capped, vwap_next, vwap_slices
from ._core.trajectories import (
    almgren_chriss,
    almgren_power_law,
    cartea_jaimungal,
    is_trajectory,
    kappa_from_urgency,
    obizhaeva_wang,
    risk_aversion_from_kappa,
)

__all__ = [
    "almgren_chriss", "almgren_power_law", "cartea_jaimungal", "cont_kukanov", "cont_kukanov_cost", "dark_allocation",
    "is_trajectory", "kappa_from_urgency", "obizhaeva_wang", "pov_child", "product_limit", "risk_aversion_from_kappa",
    "twap_slices", "twap_times", "vwap_capped", "vwap_next", "vwap_slices",
]  # fmt: skip
