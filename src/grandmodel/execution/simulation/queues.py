"""What the zero-intelligence flow of Cont, Stoikov and Talreja (Operations Research 58, 2010) does, solved instead of
simulated.

Orders have one size. The queue at a best price that keeps its distance is a birth-death chain: one more at rate
`arrival`, one less at `market` + k `cancel` while k orders stand there (their section 4). Rates are of any one unit
of time; those of the paper's Table 2 are the defaults of `SyntheticMarket`. And the mean spread of the flow with a
flat table of rates, of which a fit to simulations was published.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mid_up_first", "queue_distribution", "queue_mean", "santa_fe_spread"]

Floats = NDArray[np.float64]
#: Chains are cut off where the stationary chance of more is below this.
_NEGLIGIBLE = 1e-18


def queue_distribution(arrival: float, market: float, cancel: float) -> Floats:
    """Stationary chances of 0, 1, 2, ... orders in a queue that may be empty, as far as they are not negligible.

    pi_k is proportional to the product of arrival / (market + j cancel) over j = 1 .. k.

    Parameters
    ----------
    arrival, market, cancel : rates above 0 (`market` may be 0); `cancel` of each order

    Raises ValueError naming the parameter.
    """
    _rates(arrival, market, cancel)
    chances = [1.0]
    while True:
        k = len(chances)
        factor = arrival / (market + k * cancel)
        chances.append(chances[-1] * factor)
        # behind the peak the rest is less than a geometric series
        if factor < 0.5 and chances[-1] < _NEGLIGIBLE * max(chances):
            break
        if k > 1_000_000:
            raise ValueError(f"arrival is {arrival!r}: the queue would hold more than a million orders")
    found = np.array(chances)
    return found / math.fsum(chances)


def queue_mean(arrival: float, market: float, cancel: float) -> float:
    """Mean length of that queue."""
    chances = queue_distribution(arrival, market, cancel)
    return float(np.arange(len(chances)) @ chances)


def mid_up_first(bid: int, ask: int, arrival: float, market: float, cancel: float) -> float:
    """The chance that the next move of the mid is up, with `bid` and `ask` orders at the best prices and a spread of
    one tick.

    The mid moves when one of the two queues is empty; until then they live apart. With u(a, b) the chance from a
    orders at the ask and b at the bid, u(0, b) = 1, u(a, 0) = 0 and u is the mean of its neighbours by their rates: a
    linear system, tridiagonal in blocks, which is eliminated from the longest ask queue down.

    Parameters
    ----------
    bid, ask : orders at the best bid and offer, 1 to 100
    arrival, market, cancel : rates above 0 (`market` may be 0), of limit orders one tick from the other side;
        `cancel` of each order

    Raises ValueError or TypeError naming the parameter. Source: same paper, section 4.3 (there by Laplace transforms).
    """
    _rates(arrival, market, cancel)
    for name, count in (("bid", bid), ("ask", ask)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer):
            raise TypeError(f"{name} is {count!r}, must be a whole number")
        if not 1 <= count <= 100:
            raise ValueError(f"{name} is {count}, must be from 1 to 100")
    n = len(queue_distribution(arrival, market, cancel)) + max(bid, ask)  # longer ones are never met
    if n > 500:
        raise ValueError(f"arrival is {arrival!r}: the queues would be hundreds of orders long")
    deaths = market + cancel * np.arange(1, n + 1)
    births = np.full(n, float(arrival))
    births[-1] = 0.0
    along = np.diag(deaths + births) - np.diag(births[:-1], 1) - np.diag(deaths[1:], -1)  # of the bid queue
    step: list[Floats] = [np.zeros((n, n))]  # u(a, .) = step u(a - 1, .)
    for a in range(n - 1, -1, -1):
        left = along + np.diag(np.full(n, deaths[a] + births[a])) - births[a] * step[-1]
        step.append(np.linalg.solve(left, np.diag(np.full(n, deaths[a]))))
    chance: Floats = np.ones(n)
    for a in range(ask):
        chance = step[n - a] @ chance
    return float(chance[bid - 1])


def santa_fe_spread(limit: Any, market: Any, cancel: Any) -> Any:
    """Mean spread of the flow with equal arrivals at every price: (mu / alpha) (0.28 + 1.86 eps^(3/4)), eps = delta /
    mu.

    Parameters (arrays or numbers; unit order size)
    ----------
    limit : alpha, limit orders a tick and unit of time; market : mu, market orders; both of either side together
    cancel : delta, departures of one resting order

    Returns ticks. Source: Farmer, Patelli and Zovko, PNAS 102 (2005), a fit to simulations.
    """
    alpha, mu, delta = (np.asarray(value, np.float64) for value in (limit, market, cancel))
    for name, value in (("limit", alpha), ("market", mu), ("cancel", delta)):
        if not (np.isfinite(value) & (value > 0)).all():
            raise ValueError(f"{name} is {value!r}, must be above 0")
    found = mu / alpha * (0.28 + 1.86 * (delta / mu) ** 0.75)
    return float(found) if np.ndim(found) == 0 else found


def _rates(arrival: float, market: float, cancel: float) -> None:
    for name, value, low in (("arrival", arrival, 0.0), ("market", market, -1.0), ("cancel", cancel, 0.0)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise TypeError(f"{name} is {value!r}, must be a number")
        if not low < value < math.inf or value < 0:
            raise ValueError(f"{name} is {value!r}, must be {'from 0 up' if low < 0 else 'above 0'}")
