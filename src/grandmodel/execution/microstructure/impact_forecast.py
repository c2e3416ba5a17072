"""What an order is expected to move the price by, with the name of the model that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core.flow import BookAnalysis
from .._core.values import Unknown
from .impact import athl_realized, istar_impact, square_root_impact

if TYPE_CHECKING:
    from ..instruments import Instrument


@dataclass(frozen=True, slots=True)
class ImpactForecast:
    """`fraction` of the price, by `model`: "almgren", "square_root", "i_star", "book_walk", or "none" where nothing is
    known."""

    fraction: float
    model: str

    @property
    def bps(self) -> float:
        """In basis points of the price."""
        return self.fraction if isinstance(self.fraction, Unknown) else self.fraction * 1e4


def forecast_impact(
    settings: Any,
    instrument: Instrument | None,
    quantity: float,
    days: float,
    *,
    book: BookAnalysis | None = None,
    volume_daily: float | None = None,
    sigma_daily: float | None = None,
) -> ImpactForecast:
    """The configured model, or with "auto": the book walk where the order is to trade at once and the book fills it;
    else J of Almgren, Thum, Hauptmann and Li where volume, shares outstanding and volatility are known; else two
    thirds of the square-root law; else the book walk.

    Parameters
    ----------
    settings : the `microstructure` section
    instrument : its adv, shares_outstanding and volatility_daily; None: unknown
    quantity, days : units, and the days it is worked over (0: at once)
    book : the book as it is; None: no book walk
    volume_daily, sigma_daily : used where the instrument does not tell them
    """
    adv: float | None = None if instrument is None else instrument.adv
    shares = None if instrument is None else instrument.shares_outstanding
    sigma = None if instrument is None else instrument.volatility_daily
    if adv is None:
        adv = volume_daily
    if sigma is None:
        sigma = sigma_daily
    walked: Any = Unknown("no book is known")
    if book is not None:
        impact = book.price_impact(max(1, round(quantity)))
        walked = impact if isinstance(impact, Unknown) else impact / book.mid
    known = adv is not None and sigma is not None and not isinstance(sigma, Unknown) and not isinstance(adv, Unknown)
    model = settings.impact_model
    if model == "auto":
        if days <= 0 and not isinstance(walked, Unknown):
            model = "book_walk"
        elif known and days > 0 and shares is not None:
            model = "almgren"
        else:
            model = "square_root" if known else "book_walk"
    if model == "book_walk":
        return ImpactForecast(walked, "none" if isinstance(walked, Unknown) else model)
    if not known:
        missing = "the average daily volume" if adv is None or isinstance(adv, Unknown) else "the volatility"
        return ImpactForecast(Unknown(f"{missing} is not known, which the model {model} needs"), "none")
    if model == "almgren" and shares is None:
        return ImpactForecast(Unknown("shares_outstanding is not known, which the model almgren needs"), "none")
    if model in ("almgren", "i_star") and days <= 0:
        return ImpactForecast(Unknown(f"the horizon is 0, which the model {model} has no answer for"), "none")
    assert adv is not None
    assert sigma is not None
    if model == "almgren":
        assert shares is not None
        fraction = athl_realized(float(quantity), float(adv), float(sigma), float(days), float(shares))
    elif model == "i_star":
        participation = min(1.0, quantity / (adv * days))
        fraction = istar_impact(float(quantity), float(adv), float(sigma) * math.sqrt(252.0), participation)
    else:
        fraction = square_root_impact(
            float(quantity), float(adv), float(sigma), y=settings.impact_coefficient, average=True
        )
    return ImpactForecast(fraction, model)
