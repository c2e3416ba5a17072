"""A wheel's rule as it stands in the journal with each order that it gave out, and what these orders say at the end.

The tag of such an order is `wheel:NAME:SEED:ORDERS:LOOKS:vwap*2,twap`: who has the journal alone can check every draw
and compare by the rule that was set beforehand. Orders count in the order of their ends.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._core.values import Unknown
from ..record_codes import NAME_LENGTH
from .journal_costs import FLAG_BIT, NOT_AVERAGED, JournalCosts
from .venue_costs import HALF_HOUR_NS
from .wheel import AlgorithmWheel, WheelResult

__all__ = ["WheelOrders", "WheelRule", "record_looks", "rules_of", "wheels_of"]

Rows = np.ndarray[Any, Any]

_TAG = re.compile(r"wheel:([A-Za-z0-9_.\-]{1,32}):(\d{1,19}):(\d{1,9}):(\d{1,2}):([a-z0-9_*,]+)", re.ASCII)
_ARM = re.compile(r"([a-z][a-z0-9_]*)(?:\*(\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class WheelRule:
    """What was laid down before the first order.

    algorithms : (name, how many times in a block) of each; the first is the measure
    seed, orders, looks : of `AlgorithmWheel`
    """

    name: str
    algorithms: tuple[tuple[str, int], ...]
    seed: int
    orders: int = 1000
    looks: int = 5

    @property
    def tag(self) -> str:
        """The tag of its orders. ValueError when it has more bytes than a tag may have."""
        arms = ",".join(name if times == 1 else f"{name}*{times}" for name, times in self.algorithms)
        text = f"wheel:{self.name}:{self.seed}:{self.orders}:{self.looks}:{arms}"
        if len(text) > NAME_LENGTH:
            raise ValueError(
                f"wheel {self.name!r} needs a tag of {len(text)} bytes ({text}), must be at most {NAME_LENGTH}: give "
                "it a shorter name or seed, or fewer algorithms"
            )
        return text

    @classmethod
    def of_tag(cls, text: str | None) -> WheelRule | None:
        """The rule of an order's tag; None where it is no wheel's."""
        found = None if text is None else _TAG.fullmatch(text)
        if found is None:
            return None
        arms = [_ARM.fullmatch(each) for each in found[5].split(",")]
        if not all(arms):
            return None
        algorithms = tuple((arm[1], int(arm[2] or 1)) for arm in arms if arm is not None)
        return cls(found[1], algorithms, *(int(found[k]) for k in (2, 3, 4)))

    def wheel(self) -> AlgorithmWheel:
        """A wheel by this rule, with nothing drawn or recorded. ValueError when the rule is none."""
        return AlgorithmWheel(dict(self.algorithms), seed=self.seed, orders_max=self.orders, looks=self.looks)


def rules_of(analysed: JournalCosts) -> dict[WheelRule, Rows]:
    """{rule: places of the orders that it gave out, oldest first} of a journal."""
    tags = analysed.orders["tag"]
    found = {}
    for number in np.unique(tags[tags != 0]).tolist():
        rule = WheelRule.of_tag(analysed.names.tag_text(number))
        if rule is not None:
            found[rule] = np.flatnonzero(tags == number)
    return found


def record_looks(wheel: AlgorithmWheel, analysed: JournalCosts, places: Rows) -> None:
    """Records the costs of a wheel's orders, in the order of their ends, up to the last look that so many allow: what
    has ended since waits for the next one, so that nobody looks in between."""
    o = analysed.orders
    ended = places[(o["flags"][places] & FLAG_BIT["open"]) == 0]
    ended = ended[np.lexsort((o["order_id"][ended], o["end_ns"][ended]))]
    while not wheel.is_over and len(ended) >= wheel.next_look:
        for place in ended[wheel.recorded : wheel.next_look].tolist():
            value, cost = float(o["value"][place]), float(o["total_bps"][place])
            usable = not int(o["flags"][place]) & NOT_AVERAGED and math.isfinite(cost) and value > 0
            wheel.record(
                analysed.names.algorithm_text(int(o["algorithm"][place])) or "",
                cost if usable else Unknown("it cannot be averaged"), weight=value if usable else 1.0,
                cluster=(int(o["symbol"][place]), int(o["decision_ns"][place]) // HALF_HOUR_NS),
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WheelOrders:
    """What a journal says of one wheel: its rule, how many orders it gave out and how many of them have ended, how many
    of its draws are not the rule's (0, or the log is not this wheel's alone), and the comparison at the last look."""

    rule: WheelRule
    given: int
    ended: int
    odd_draws: int
    result: WheelResult

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.rule.name, "algorithms": dict(self.rule.algorithms), "seed": self.rule.seed,
            "orders_max": self.rule.orders, "looks": self.rule.looks, "look": self.result.look,
            "given": self.given, "ended": self.ended, "odd_draws": self.odd_draws, "final": self.result.final,
            "reason": self.result.reason, "findings": list(self.result.findings),
            "entries": [{**asdict(each), "verdict": each.verdict} for each in self.result.entries],
        }  # fmt: skip


def wheels_of(analysed: JournalCosts) -> list[WheelOrders]:
    """Every wheel of a journal, compared by its own rule."""
    found = []
    for rule, places in rules_of(analysed).items():
        try:
            wheel = rule.wheel()
        except ValueError:  # a tag of somebody's that only looks like a rule
            continue
        record_looks(wheel, analysed, places)
        ended = int(((analysed.orders["flags"][places] & FLAG_BIT["open"]) == 0).sum())
        odd = 0 if wheel.is_over else _odd_draws(wheel, analysed, places)
        found.append(WheelOrders(rule, len(places), ended, odd, wheel.result()))
    return found


def _odd_draws(wheel: AlgorithmWheel, analysed: JournalCosts, places: Rows) -> int:
    """Orders whose algorithm is not the one that the seed gives to the n-th order of their symbol."""
    o, names = analysed.orders, analysed.names
    count: dict[int, int] = {}
    odd = 0
    for place in places.tolist():
        symbol = int(o["symbol"][place])
        drawn = wheel.allocation(names.symbol_text(symbol), count.get(symbol, 0))
        count[symbol] = count.get(symbol, 0) + 1
        odd += drawn != names.algorithm_text(int(o["algorithm"][place]))
    return odd
