"""How far trading moves prices: regressions of price changes on signed trading, and Amihud's ratio."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from numpy.typing import ArrayLike

from grandmodel.execution._core.estimators import run
from grandmodel.execution._core.values import Unknown

from .arrays import column, known, same_length


class Line(NamedTuple):
    """A least squares line."""

    slope: float
    intercept: float  # 0 where none was asked for
    r_squared: float  # without an intercept: of the uncentred sum of squares
    standard_error: float  # of the slope, homoscedastic
    observations: int


def _line(x: ArrayLike, y: ArrayLike, x_name: str, y_name: str, intercept: bool) -> Line:
    xs, ys = column(x, x_name), column(y, y_name)
    same_length((x_name, xs), (y_name, ys))
    n, mean_x, mean_y, xx, xy, yy = run("line", ((x_name, xs, "f"), (y_name, ys, "f")))
    count, constant = int(n), xx <= 1e-24 * n * mean_x * mean_x
    if not intercept:
        xx, xy, yy = xx + n * mean_x * mean_x, xy + n * mean_x * mean_y, yy + n * mean_y * mean_y
        constant = xx == 0.0
    free = count - 1 - intercept
    if constant or free < 0:
        unknown = Unknown(f"{count} observations" if free < 0 else f"{x_name} does not vary")
        return Line(unknown, unknown, unknown, unknown, count)
    slope = known(xy / xx, "out of a float's range")
    rest = max(yy - slope * xy, 0.0)
    return Line(
        slope,
        mean_y - slope * mean_x if intercept else 0.0,
        known(1.0 - rest / yy, "out of a float's range") if yy > 0.0 else Unknown(f"{y_name} does not vary"),
        sqrt(rest / free / xx) if free else Unknown("as many coefficients as observations"),
        count,
    )


def kyle_lambda(price_change: ArrayLike, signed_volume: ArrayLike, *, intercept: bool = True) -> Line:
    """dp = a + lambda S + e: the slope is Kyle's lambda, price per share.

    Source: Kyle (1985), Continuous Auctions and Insider Trading, Econometrica 53(6); as a regression, Brennan and
    Subrahmanyam (1996), Journal of Financial Economics 41(3).

    Parameters
    ----------
    price_change : (n,) of each interval
    signed_volume : (n,) bought less sold in the same interval, shares
    """
    return _line(signed_volume, price_change, "signed_volume", "price_change", intercept)


def hasbrouck_lambda(log_return: ArrayLike, signed_root_value: ArrayLike, *, intercept: bool = False) -> Line:
    """r = lambda sum(d sqrt(p v)) + e over intervals (five minutes are usual); `flow_bars` makes both columns.

    Source: Hasbrouck (2009), Trading Costs and Returns for U.S. Equities, Journal of Finance 64(3).
    """
    return _line(signed_root_value, log_return, "signed_root_value", "log_return", intercept)


class GlostenHarris(NamedTuple):
    """dp = c0 dD + c1 d(Dv) + z0 D + z1 Dv: transitory (c) and adverse selection (z) parts, in the unit of the
    prices."""

    c0: float
    c1: float
    z0: float
    z1: float
    residual_deviation: float
    observations: int

    def spread(self, quantity: float) -> float:
        """2 (c0 + c1 v + z0 + z1 v): the round trip of so many shares."""
        return 2.0 * (self.c0 + self.z0 + (self.c1 + self.z1) * quantity)


def glosten_harris(price: ArrayLike, quantity: ArrayLike, side: ArrayLike) -> GlostenHarris:
    """The four coefficients by least squares over trades; Unknown where the trades do not tell them apart.

    Source: Glosten and Harris (1988), Estimating the components of the bid/ask spread, Journal of Financial Economics
    21(1).

    Parameters
    ----------
    price, quantity, side : (n,) trades in order, side 1 or -1
    """
    prices, quantities, sides = column(price, "price"), column(quantity, "quantity"), column(side, "side")
    same_length(("price", prices), ("quantity", quantities), ("side", sides))
    columns = (("price", prices, "f"), ("quantity", quantities, "z"), ("side", sides, "s"))
    c0, c1, z0, z1, rank, rows, residual = run("glosten_harris", columns)
    count = int(rows)
    if rank < 4:
        reason = (
            f"{count} price changes" if count < 4 else f"the trades determine {int(rank)} of the 4 coefficients only"
        )
        unknown = Unknown(reason)
        return GlostenHarris(unknown, unknown, unknown, unknown, unknown, count)
    deviation = sqrt(residual / (count - 4)) if count > 4 else Unknown("as many coefficients as price changes")
    return GlostenHarris(c0, c1, z0, z1, deviation, count)


def amihud(log_return: ArrayLike, value_traded: ArrayLike) -> float:
    """The mean of |r| / money traded over the periods that traded: return per unit of money (usually shown times 1e6).

    Source: Amihud (2002), Illiquidity and stock returns, Journal of Financial Markets 5(1).
    """
    returns, money = column(log_return, "log_return"), column(value_traded, "value_traded")
    same_length(("log_return", returns), ("value_traded", money))
    total, count = run("amihud", (("log_return", returns, "f"), ("value_traded", money, "z")))
    return known(total / count, "out of a float's range") if count else Unknown("no period traded")
