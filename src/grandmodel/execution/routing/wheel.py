"""The algorithm wheel at work: parents that are given to algorithms at random, by a rule laid down beforehand.

    router = SmartOrderRouter(engine=engine, wheels={"open": {"algorithms": {"vwap": {}, "twap": {}}, "seed": 7}})
    await router.execute_algorithm_order(order, {"algorithm": "wheel", "wheel": "open", "duration_minutes": 30})
    router.wheel("open").result().findings

The algorithm of an order is that which was drawn, and its tag is the rule (`analytics.wheel_rule`), so that the journal
alone knows who got what and why. After a restart the wheel counts there what was drawn, and goes on. It looks at costs
as often as the rule says and at no other time: once so many of its orders have ended, all that ended until then are
analysed from the journal, in the order of their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, proxy

import numpy as np

from ..analytics.wheel import AlgorithmWheel, WheelResult
from ..analytics.wheel_rule import WheelRule, record_looks, rules_of
from .algorithms import ALGORITHMS, SYNONYMS
from .algorithms.parameters import AlgorithmConfigError

if TYPE_CHECKING:
    from .._core.submit import Core
    from .algorithms.parent import Parent

__all__ = ["OrderWheel", "read_rule"]

_KEYS = ("algorithms", "orders", "looks", "seed")

#: {core: {tag: its wheel}}: routers of one core share its wheels, or two would draw the same order.
_WHEELS: WeakKeyDictionary[Core, dict[str, OrderWheel]] = WeakKeyDictionary()
_OPENING = RLock()


def read_rule(name: str, given: Mapping[str, Any], seed: int = 0) -> tuple[WheelRule, dict[str, dict[str, Any]]]:
    """A wheel's rule and {algorithm: its own parameters}, of a mapping

    algorithms : {algorithm: parameters}, the first the measure; `weight` among them: how many times in a block
    orders, looks : the wheel stops when so many orders have ended, or at one of the looks before (1000, 5)
    seed : of the draws; left out: `seed`

    Raises
    ------
    AlgorithmConfigError  naming the key, its value and what was expected
    """
    where = f"wheels.{name}"
    if not isinstance(given, Mapping) or not isinstance(given.get("algorithms"), Mapping):
        raise AlgorithmConfigError(f"{where}.algorithms", given, "a mapping {algorithm: parameters}")
    for key in given:
        if key not in _KEYS:
            raise AlgorithmConfigError(f"{where}.{key}", given[key], f"one of {', '.join(_KEYS)}")
    arms: dict[str, dict[str, Any]] = {}
    weights: list[tuple[str, int]] = []
    for algorithm, parameters in given["algorithms"].items():
        known = SYNONYMS.get(algorithm, algorithm)
        if known not in ALGORITHMS:
            raise AlgorithmConfigError(f"{where}.algorithms", algorithm, f"one of {', '.join(ALGORITHMS)}")
        if known in arms:
            expected = "there once: the journal knows an order by the name of its algorithm"
            raise AlgorithmConfigError(f"{where}.algorithms", algorithm, expected)
        if parameters is not None and not isinstance(parameters, Mapping):
            raise AlgorithmConfigError(f"{where}.algorithms.{algorithm}", parameters, "a mapping of parameters")
        own = dict(parameters or {})
        weights.append((known, own.pop("weight", 1)))
        arms[known] = own
    chosen = given.get("seed")
    rule = WheelRule(name, tuple(weights), seed if chosen is None else chosen, given.get("orders", 1000),
                     given.get("looks", 5))  # fmt: skip
    try:
        rule.wheel()
        if WheelRule.of_tag(rule.tag) != rule:
            if rule.orders >= 10**9:
                raise ValueError(f"orders is {rule.orders}, must be below 1000000000")
            raise ValueError(f"wheel {name!r} has a name that a tag cannot hold: letters, digits, _ . - up to 32")
    except ValueError as error:
        raise AlgorithmConfigError(where, given, f"a wheel: {error}") from None
    return rule, arms


class OrderWheel:
    """One wheel of an engine core; made by a router.

    Attributes
    ----------
    rule : what was laid down
    """

    def __init__(self, core: Core, rule: WheelRule, arms: Mapping[str, Mapping[str, Any]]) -> None:
        self.rule = rule
        self._core: Core = proxy(core)  # of its core's table of wheels, which a wheel must not keep alive
        self._arms, self._lock = arms, RLock()
        self._wheel: AlgorithmWheel = rule.wheel()
        self._open: list[int] = []
        self._given = 0
        analysed, places = self._analysed()
        symbols = analysed.orders["symbol"][places]
        for number in np.unique(symbols).tolist():
            self._wheel.drawn(core.symbol_text(number), int((symbols == number).sum()))
        self._given = len(places)
        self._open = analysed.orders["order_id"][places].tolist()
        self._look()

    @classmethod
    def of(cls, core: Core, rule: WheelRule, arms: Mapping[str, Mapping[str, Any]]) -> OrderWheel:
        """A core's wheel by that rule: the one there is, or a new one that has read the journal."""
        with _OPENING:
            wheels = _WHEELS.setdefault(core, {})
            found = wheels.get(rule.tag)
            if found is None:
                found = wheels[rule.tag] = cls(core, rule, arms)
            found._arms = arms
            return found

    @property
    def given(self) -> int:
        """Orders given out, in all."""
        return self._given

    def ways(self, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """{algorithm: its configuration} for an order that brings `parameters`; the wheel's own go before these."""
        return {name: {**parameters, **own, "algorithm": name} for name, own in self._arms.items()}

    def result(self) -> WheelResult:
        """The comparison as of the last look; before the first one nobody has looked."""
        with self._lock:
            self._look()
            return self._wheel.result()

    def start(
        self, order: Mapping[str, Any], parameters: Mapping[str, Any],
        check: Callable[[Mapping[str, Any]], object],
        begin: Callable[[Mapping[str, Any], Mapping[str, Any]], Parent],
    ) -> Parent:  # fmt: skip
        """Draws an algorithm and begins the order with it. A refused order takes no place in the wheel.

        `check`, `begin`: the router's: whether an algorithm takes its parameters, and an order's begin.

        Raises
        ------
        AlgorithmConfigError  when any of the algorithms would not take the parameters: never by chance
        """
        if not isinstance(order, Mapping):
            return begin(order, {**next(iter(self._arms.values())), "algorithm": next(iter(self._arms))})  # refuses it
        if order.get("tags") is not None:
            raise AlgorithmConfigError("tags", order["tags"], "left out: the tag of a wheel's order is its rule")
        ways = self.ways(parameters)
        for way in ways.values():
            check(way)
        with self._lock:
            self._look()
            symbol = str(order.get("symbol"))
            parent = begin({**order, "tags": self.rule.tag}, ways[self._wheel.next(symbol)])
            self._wheel.draw(symbol)
            self._given += 1
            if not self._wheel.is_over:
                self._open.append(parent.order_id)
        return parent

    def _look(self) -> None:
        """Takes in the costs of what has ended, when the rule says so, and not before."""
        if self._wheel.is_over:
            return
        self._open = [order_id for order_id in self._open if not self._core.is_closed(order_id)]
        if self._given - len(self._open) >= self._wheel.next_look:
            record_looks(self._wheel, *self._analysed())

    def _analysed(self) -> Any:
        """The journal's costs, and the places of this wheel's orders."""
        from ..analytics.journal_costs import analyse_records
        from ..analytics.journal_records import read_records

        analysed = analyse_records(read_records(self._core.journal, names=self._core))
        return analysed, rules_of(analysed).get(self.rule, np.zeros(0, np.int64))
