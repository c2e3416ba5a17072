"""How much of each limit an account has used now: for whoever watches. The checks look at every order themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._core.submit import Core


@dataclass(frozen=True, slots=True)
class Utilisation:
    """One limit, by its path below `risk_controls`, and what of it is used: both in its unit (units, money, a multiple
    of equity, a count)."""

    limit: str
    used: float
    largest: float

    @property
    def share(self) -> float:
        """Used over the limit; infinite where something is used of nothing."""
        if self.largest > 0:
            return self.used / self.largest
        return float("inf") if self.used > 0 else 0.0


def utilisation(core: Core, account: int = 0) -> list[Utilisation]:
    """The limits in force on figures that add up, the most used first.

    Positions count at their worst case over open orders, values with what is reserved. Limits on a single order are not
    here, nor those on what was sent lately.
    """
    values, figures = core.limits.values, core.account(account)
    found = []

    def add(limit: str, used: float, largest: int | None, scale: float) -> None:
        if largest is not None:
            found.append(Utilisation(limit, used, largest / scale))

    for symbol, (quantity, buying, selling) in core.positions(account).items():
        own = f"position_limits.{symbol}"
        worst = max(abs(quantity + buying), abs(quantity - selling)) * core.instruments.step_e9(symbol) / 1e9
        add(own, worst, values.get(own, values.get("position_limits.default")), 1e9)
    orders_a_day = values.get("order_management.daily_order_limit")
    add("order_management.daily_order_limit", figures["orders_today"], orders_a_day, 1)
    add("order_limits.max_open_orders", figures["open_orders"], values.get("order_limits.max_open_orders"), 1)
    traded = (figures["traded_e9"] + figures["reserved_e9"]) / 1e9
    add("order_limits.daily_notional", traded, values.get("order_limits.daily_notional"), 1e9)
    gross, net, equity = (figures[f"{name}_e9"] / 1e9 for name in ("gross_exposure", "net_exposure", "equity"))
    add("exposure_limits.max_gross", gross, values.get("exposure_limits.max_gross"), 1e9)
    add("exposure_limits.max_net", abs(net), values.get("exposure_limits.max_net"), 1e9)
    if equity > 0:
        add("exposure_limits.max_leverage", gross / equity, values.get("exposure_limits.max_leverage"), 1e9)
        for sector, exposure in figures["sector_exposure_e9"].items():
            own = f"exposure_limits.sectors.{sector}"
            largest = values.get(own, values.get("exposure_limits.default_sector_limit"))
            add(own, exposure / 1e9 / equity, largest, 1e9)
    return sorted(found, key=lambda each: (-each.share, each.limit))
