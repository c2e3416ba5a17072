"""`SmartOrderRouter`: where an order would go and what it would cost there; and orders worked to their end.

Whatever it executes passes the engine's one gate, like any other order.
"""

from __future__ import annotations

import math
from _thread import RLock
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .._core.values import OrderValidationError, Reason, Unknown
from ..analytics.execution_cost import execution_cost
from ..clock import Clock
from .algorithms import WHEEL, Algorithm, make_algorithm
from .algorithms.dark_first import DarkFirst, DarkHistory
from .algorithms.market import Market
from .algorithms.parameters import AlgorithmConfigError
from .algorithms.parent import Parent
from .at_once import Taking, take_at_once
from .checks import defaults_of, usual_ways
from .decision import RoutingDecision, RoutingLeg, VenueScore
from .destinations import largest_child
from .legs import RestingLegs
from .resting import SPLIT_KEYS, resting_legs
from .ticket import AlgorithmTicket, ExecutionResult

if TYPE_CHECKING:
    from .._core.submit import Core
    from ..instruments import Instrument
    from .estimate import Frontier, PreTradeEstimate
    from .wheel import OrderWheel


#: Parts into which an order is split that is more than any venue takes at once.
MOST_LEGS = 1000


class SmartOrderRouter:
    """Chooses venues by all-in cost, and works orders with the algorithms.

    Parameters
    ----------
    config : mapping of the `routing` section (`venues`, `dark_pools`, `wholesalers`), optionally with whole other
        sections
    engine : an ExecutionEngine or one of its parts; None: a private paper core, made at first use
    wheels : {name: wheel}, beside those of the configuration (`routing.wheels`); see `routing.wheel`
    """

    def __init__(
        self, config: Any = None, *, engine: Any = None, wheels: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._engine = engine
        self._wheels = dict(wheels or {})
        self._core: Core | None = None
        self._opening = RLock()
        self._dark_history: DarkHistory | None = None
        self._child_bound: list[int | None] = []  # empty until it is looked up: the venues of a core stay as they are
        if engine is None:
            from ..config import router_config

            self._config = router_config(config)
        elif config is not None:
            raise ValueError("config and engine were both given: an engine has its configuration already")

    @property
    def core(self) -> Core:
        """The engine core behind this face."""
        if self._core is None:
            from ..engine import core_of, private_core

            with self._opening:  # two threads at the first use make one core
                if self._core is None:
                    self._core = private_core(self._config) if self._engine is None else core_of(self._engine)
        return self._core

    @property
    def dark_history(self) -> DarkHistory:
        """What dark pools have filled of what they were sent immediately, as `dark_first` goes by it."""
        if self._dark_history is None:
            self._dark_history = DarkHistory.of(self.core)
        return self._dark_history

    @property
    def _largest_child(self) -> int | None:
        if not self._child_bound:
            self._child_bound.append(largest_child(self.core))
        return self._child_bound[0]

    def route_order(self, order: Mapping[str, Any]) -> RoutingDecision:
        """Where `order` would go now; nothing is sent. Works when called, and may be awaited.

        Raises OrderValidationError when a field of the order is wrong.
        """
        core = self.core
        self._check(order)
        terms = core.reader.terms(order)
        symbol = order["symbol"]
        core.touch(symbol)
        largest = self._largest_child
        in_parts = order.get("venue") is None and largest is not None and terms["quantity"] > largest
        score = self._score(symbol, {**terms, "quantity": largest} if in_parts else terms)
        decision = self._decision(score, terms["quantity"])
        if order.get("venue") is not None:
            return self._named(decision, order["venue"], terms["quantity"])
        if score["venue"] is None:
            return decision
        if score["takes"]:
            return self._swept(decision, symbol, terms)
        if terms["limit_price_e9"] is None:
            return decision
        if in_parts:
            legs, assumed = self._in_parts(terms, score)
        else:
            legs, assumed = resting_legs(core, order, terms, score, self._scores(score))
        return replace(
            decision,
            legs=legs,
            assumptions=decision.assumptions + assumed,
            residual=terms["quantity"] - sum(leg.quantity for leg in legs),
        )

    def _named(self, decision: RoutingDecision, venue: str, quantity: int) -> RoutingDecision:
        """An order that names its venue, which may not take that much, or that little."""
        row = self.core.venues.describe(venue)
        largest = row["max_order_size"]
        if quantity >= row["min_size"] and (largest is None or quantity <= largest):
            return decision
        why = f"takes orders of {row['min_size']}" + (" and more" if largest is None else f" to {largest}")
        nowhere = Unknown(f"{venue} {why}")
        scores = tuple(replace(each, verdict=why) if each.venue == venue else each for each in decision.venues)
        return replace(
            decision, venue=None, estimated_cost=nowhere, estimated_cost_bps=nowhere, expected_price=nowhere,
            reason="NO_VENUE", venues=scores,
        )  # fmt: skip

    def _in_parts(
        self, terms: dict[str, Any], score: dict[str, Any]
    ) -> tuple[tuple[RoutingLeg, ...], tuple[str, ...]]:
        """A resting order that is more than any venue takes at once: as large parts as each takes, by cost, in turn."""
        costs = {name: cost / 1e9 for name, (cost, _) in score["venues"].items() if cost is not None}
        scores, left = self._scores(score), terms["quantity"]
        legs: list[RoutingLeg] = []
        while left > 0 and len(legs) < MOST_LEGS:
            before = left
            for name in sorted(costs, key=costs.__getitem__):
                row = self.core.venues.describe(name)
                size = min(left, row["max_order_size"] or left)
                if 0 < row["min_size"] <= size or (size > 0 and not row["min_size"]):
                    reason = "a part as large as it takes"
                    legs.append(RoutingLeg(name, size, terms["limit_price_e9"] / 1e9, costs[name], reason, scores))
                    left -= size
            if left == before:  # less than any of them takes
                break
        return tuple(legs), ("no venue takes all of it at once: it is sent in parts",)

    def _swept(self, decision: RoutingDecision, symbol: str, terms: dict[str, Any]) -> RoutingDecision:
        """A marketable order's legs, and with them the cost of the whole."""
        split = self.core.venues.split(symbol, terms["side"], terms["quantity"], terms["limit_price_e9"])
        scores = tuple(replace(each, verdict=split["verdicts"][each.venue]) for each in decision.venues)
        legs = tuple(
            RoutingLeg(
                venue,
                quantity,
                price_e9 / 1e9,
                cost_e9 / 1e9,
                f"displays {shown} at {price_e9 / 1e9:g}" + (", the rest with it" if quantity > shown else ""),
                scores,
            )
            for venue, quantity, price_e9, cost_e9, shown in split["legs"]
        )
        decision = replace(decision, legs=legs, residual=split["residual"])
        quote = self.core.quote(symbol)
        if quote.mid_e9 is None or not legs:
            return decision
        placed = terms["quantity"] - split["residual"]
        hidden = placed - sum(shown for shown in {row[0]: min(row[4], placed) for row in split["legs"]}.values())
        if len(legs) < 2:
            return self._with_impact(decision, symbol, terms, placed, hidden)
        cost = math.fsum(leg.cost * leg.quantity for leg in legs) + max(0, hidden) * quote.spread / 2
        assumed = [f"{hidden} beyond what is displayed are assumed to pay half a spread more"] if hidden > 0 else []
        if split["residual"]:
            assumed.append(f"the cost is that of {placed}: no venue could have the other {split['residual']} now")
        told = replace(
            decision,
            estimated_cost=cost,
            estimated_cost_bps=cost / (quote.mid * placed) * 1e4,
            assumptions=tuple(assumed),
        )
        return self._with_impact(told, symbol, terms, placed, hidden)

    def _with_impact(
        self, decision: RoutingDecision, symbol: str, terms: dict[str, Any], placed: int, hidden: int
    ) -> RoutingDecision:
        """What is beyond the displayed sizes moves the price: where a model of that says more, its figure stands."""
        from .estimate import pre_trade_estimate

        instrument = self._instrument(symbol)
        if hidden <= 0 or instrument is None or instrument.adv is None:
            return decision
        side = "buy" if terms["side"] > 0 else "sell"
        order = {"symbol": symbol, "side": side, "quantity": placed, "order_type": "market"}
        (at_once,) = pre_trade_estimate(self.core, order, [{"algorithm": "market"}], instrument)
        if not at_once.total_bps > decision.estimated_cost_bps:  # nor where it is not known
            return decision
        mid = self.core.quote(symbol).mid
        return replace(
            decision,
            estimated_cost=at_once.total_bps * 1e-4 * mid * placed,
            estimated_cost_bps=at_once.total_bps,
            assumptions=(*decision.assumptions, f"with the impact of {placed} at once: {at_once.model}"),
        )

    def venue_statistics(self, symbol: str, venue: str | None = None) -> dict[str, Any]:
        """What has been learned of one venue, or of every one by name, in a symbol; see `Core.venue_statistics`."""
        core = self.core
        if venue is not None:
            return core.venue_statistics(symbol, venue)
        return {name: core.venue_statistics(symbol, name) for name in core.venues.names}

    def _scores(self, score: dict[str, Any]) -> tuple[VenueScore, ...]:
        return tuple(
            VenueScore(
                name,
                Unknown(verdict) if each is None else each / 1e9,
                verdict,
                {term: added / 1e9 for term, added in score["terms"].get(name, {}).items()},
            )
            for name, (each, verdict) in score["venues"].items()
        )

    def _decision(self, score: dict[str, Any], quantity: int) -> RoutingDecision:
        cost, mid = score["cost_e9"], score["mid_e9"]
        nowhere = Unknown("no venue can take the order")
        venues = self._scores(score)
        return RoutingDecision(
            venue=score["venue"],
            estimated_cost=nowhere if cost is None else cost * quantity / 1e9,
            estimated_cost_bps=nowhere if cost is None else Unknown("no quote") if mid is None else cost / mid * 1e4,
            expected_price=Unknown("no quote") if score["price_e9"] is None else score["price_e9"] / 1e9,
            reason="chosen" if score["reason"] is None else score["reason"].name,
            venues=venues,
            assumptions=_assumptions(score, quantity),
            source=self.core.market.source,
        )

    def estimate(
        self,
        order: Mapping[str, Any],
        ways: Sequence[Mapping[str, Any]] | None = None,
        *,
        instrument: Instrument | None = None,
    ) -> list[PreTradeEstimate]:
        """What `order` is expected to cost in each way, side by side, before anything is sent.

        Parameters
        ----------
        order : mapping of an order
        ways : algorithms' configurations; None: every algorithm of ours, over an hour where it has a duration
        instrument : its adv, volatility and shares outstanding; None: the configuration's catalog
        """
        from .estimate import pre_trade_estimate

        self._check(order)
        from ..engine import config_of

        ways = usual_ways(config=config_of(self.core)) if ways is None else [self._whole(way) for way in ways]
        return pre_trade_estimate(self.core, order, ways, instrument or self._instrument(order["symbol"]))

    def efficient_frontier(
        self,
        order: Mapping[str, Any],
        duration_minutes: float,
        *,
        instrument: Instrument | None = None,
        points: int = 25,
    ) -> Frontier:
        """Expected impact against risk, from patient to at once, for working `order` within `duration_minutes`.

        Raises ValueError when the instrument's volume or volatility, or its price, is not known.
        """
        from .estimate import efficient_frontier

        self._check(order)
        found = instrument or self._instrument(order["symbol"])
        mid = self.core.quote(order["symbol"]).mid_e9
        if found is None:
            raise ValueError(f"no frontier: nothing is known of {order['symbol']}, give its instrument")
        if mid is None:
            raise ValueError(f"no frontier: nobody quotes {order['symbol']}")
        return efficient_frontier(float(order["quantity"]), duration_minutes, found, mid / 1e9, points=points)

    def _instrument(self, symbol: str) -> Instrument | None:
        from ..engine import config_of

        config = config_of(self.core)
        catalog = getattr(config, "catalog", None)
        return None if catalog is None else catalog().get(symbol)

    def _check(self, order: Mapping[str, Any]) -> None:
        errors = self.core.reader.check(order)
        if errors:
            listed = "; ".join(f"{name} {message}" for name, messages in errors.items() for message in messages)
            raise OrderValidationError(f"order cannot be routed: {listed}", Reason.INVALID, 0, errors)

    async def execute_order(self, order: Mapping[str, Any], *, wait: bool = True) -> Any:
        """Executes an order and waits until it has ended: an ExecutionResult. With `wait=False`: a ticket, at once.

        A market order takes the best price wherever it stands, venue by venue (a retail customer's goes to a wholesaler
        that gives a better one), or is worked by `routing.default_algorithm`. Any other, and one that names its venue,
        goes to the venue with the lowest all-in cost, and rests there if it does not trade at once; a plain limit order
        that rests and is larger than a round lot is split over venues (`route_order` tells the legs), as the children
        of one parent.
        """
        is_market = isinstance(order, Mapping) and order.get("order_type") == "market" and order.get("venue") is None
        if is_market and not self._is_wholesale(order):
            return await self.execute_algorithm_order(order, {"algorithm": self.default_algorithm}, wait=wait)
        from ..order_management.order_manager import OrderManager

        if isinstance(order, Mapping) and order.get("order_type") == "limit" and not order.get("client_order_id"):
            decision = self.route_order(order)
            legs = decision.legs
            if self._is_in_parts(order) or (len(legs) > 1 and legs[0].price == legs[-1].price and self._rests(order)):
                time_in_force = str(order.get("time_in_force", "DAY"))
                post_only = bool(order.get("post_only", False))
                plain = {key: value for key, value in order.items() if key != "post_only"}

                def split(quantity: int, limit_e9: int) -> list[tuple[str, int]]:
                    part = {**plain, "quantity": quantity, "limit_price": Decimal(limit_e9).scaleb(-9)}
                    asked = self.route_order({**part, "post_only": True} if post_only else part)
                    return [(leg.venue, leg.quantity) for leg in asked.legs]

                work = RestingLegs(split, time_in_force, post_only)
                worked = AlgorithmTicket(self, self._start(plain, work))
                return await worked if wait else worked
        ticket = OrderManager(engine=self.core).submit_order(order)
        if not wait:
            return ticket
        await ticket.done()
        return self._result(ticket.order_id, "smart_router")

    def _is_in_parts(self, order: Mapping[str, Any]) -> bool:
        """Is it a plain limit order for more than any venue takes at once?"""
        largest = self._largest_child
        plain = order.get("time_in_force", "DAY") in ("DAY", "GTC") and SPLIT_KEYS.issuperset(order)
        return plain and largest is not None and self.core.reader.terms(order)["quantity"] > largest

    def _is_wholesale(self, order: Mapping[str, Any]) -> bool:
        """Does it go to a wholesaler?"""
        if not self.core.venues.retail or self.core.reader.check(order):
            return False
        venue = self.route_order(order).venue
        return venue is not None and self.core.venues.describe(venue)["kind"] == "wholesaler"

    async def execute_algorithm_order(
        self, order: Mapping[str, Any], config: Mapping[str, Any], *, wait: bool = True
    ) -> Any:
        """Works a parent order with the algorithm that `config["algorithm"]` names, until it has ended: an
        ExecutionResult. With `wait=False`: an AlgorithmTicket, at once. `{"algorithm": "wheel", "wheel": NAME, ...}`
        draws the algorithm by a wheel (`routing.wheel`), with the other keys for whichever it is.

        Raises
        ------
        AlgorithmConfigError  when a parameter is wrong; nothing has been submitted then
        OrderRejected         when the parent is refused
        """
        algorithm = None if _is_wheel(config) else self._algorithm(config)
        if wait and type(algorithm) is Market:
            return await self.execute_at_once(order, algorithm)
        parent = self.start(order, config) if algorithm is None else self._start(order, algorithm)
        ticket = AlgorithmTicket(self, parent)
        return await ticket if wait else ticket

    async def execute_at_once(self, order: Mapping[str, Any], algorithm: Market) -> ExecutionResult:
        """As `execute_algorithm_order` by the algorithm `market`: what stands at the best price is taken before anybody
        else runs."""
        self._clock()  # that of what is left: asked before there is an order
        taking = self.take_at_once(order, algorithm)
        return self.taken(taking) if taking.is_over else await self.take_on(taking, algorithm)

    def take_at_once(self, order: Mapping[str, Any], algorithm: Market) -> Taking:
        """The first step of that, and it may be the last (`Taking.is_over`); then `taken` has its result, or else
        `take_on` goes on with it."""
        return take_at_once(self.core, order, algorithm.name, self._largest_child)

    def taken(self, taking: Taking) -> ExecutionResult:
        """What came of an order that was over when it had taken."""
        return self._result(taking.order_id, taking.algorithm, taking.since, taking.end_e9)

    async def take_on(self, taking: Taking, algorithm: Market) -> ExecutionResult:
        """Goes on with an order that was not over when it had taken what it found."""
        parent = self._parent(taking.order_id, algorithm)
        parent.adopt(taking.legs)
        return await AlgorithmTicket(self, parent)

    def start(self, order: Mapping[str, Any], config: Mapping[str, Any]) -> Parent:
        """Accepts the parent order of an algorithm; `run_parent` then works it."""
        if _is_wheel(config):
            return self.wheel(config.get(WHEEL)).start(order, _brought(config), self._algorithm, self.start)
        return self._start(order, self._algorithm(config))

    @property
    def default_algorithm(self) -> str:
        """`routing.default_algorithm`."""
        from ..engine import config_of

        config = config_of(self.core)
        return "market" if config is None else config.routing.default_algorithm

    def check_algorithm(self, config: Mapping[str, Any]) -> None:
        """Whether `execute_algorithm_order` takes `config`. AlgorithmConfigError where it does not."""
        if _is_wheel(config):
            for way in self.wheel(config.get(WHEEL)).ways(_brought(config)).values():
                self._algorithm(way)
        else:
            self._algorithm(config)

    def _whole(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the algorithm and the parameters that `routing` has where `config` has none."""
        from ..engine import config_of

        if not isinstance(config, Mapping):
            return config
        given = {"algorithm": self.default_algorithm, **config}
        return {**defaults_of(config_of(self.core), given["algorithm"]), **given}

    def _algorithm(self, config: Mapping[str, Any]) -> Algorithm:
        algorithm = make_algorithm(self._whole(config))
        if isinstance(algorithm, DarkFirst):
            algorithm.history = self.dark_history
        return algorithm

    def wheel(self, name: str | None = None) -> OrderWheel:
        """A wheel by its name; without one the only one there is.

        Raises
        ------
        AlgorithmConfigError  when there is none of that name, or it is no wheel
        """
        from ..engine import config_of
        from .wheel import OrderWheel, read_rule

        config = config_of(self.core)
        known: dict[str, Mapping[str, Any]] = {}
        if config is not None:
            known = {each: wheel.to_mapping() for each, wheel in config.routing.wheels.items()}
        known |= self._wheels
        if name is None and len(known) == 1:
            name = next(iter(known))
        if name not in known or name is None:
            there = f"one of {', '.join(known)}" if known else "of a wheel: there is none (routing.wheels)"
            raise AlgorithmConfigError("wheel", name, there)
        rule, arms = read_rule(name, known[name], 0 if config is None else config.seed)
        return OrderWheel.of(self.core, rule, arms)

    def _rests(self, order: Mapping[str, Any]) -> bool:
        return not self._score(order["symbol"], self.core.reader.terms(order))["takes"]

    def _score(self, symbol: str, terms: Mapping[str, Any]) -> dict[str, Any]:
        return self.core.venues.score(
            symbol,
            terms["side"],
            terms["quantity"],
            terms["limit_price_e9"],
            terms["flags"],
            order_type=terms["order_type"],
            time_in_force=terms["time_in_force"],
            venue=terms["venue"],
        )

    def _start(self, order: Mapping[str, Any], algorithm: Algorithm) -> Parent:
        self._clock()
        return self._parent(self.core.submit_parent(order, algorithm.name).order_id, algorithm)

    def _clock(self) -> Clock:
        """The engine's clock, which algorithms can wait by. TypeError where nobody can."""
        clock = self.core.clock
        if not isinstance(clock, Clock):
            raise TypeError("the engine's core has a bare native clock; give it a LiveClock or SimulatedClock")
        return clock

    def _parent(self, order_id: int, algorithm: Algorithm) -> Parent:
        core, clock = self.core, self._clock()
        try:
            return Parent(core, clock, order_id, algorithm)
        except Exception:  # an algorithm that fails to say its horizon leaves no order behind
            core.close_parent(order_id, reason=Reason.USER)
            raise

    def result(self, parent: Parent) -> ExecutionResult:
        """What came of a parent; of one that has not ended, what is known so far."""
        return self._result(parent.order_id, parent.algorithm.name)

    def result_of(self, order_id: int) -> ExecutionResult:
        """What came of an order that has ended, of an algorithm's or any other."""
        return self._result(order_id, self.core.get_order(order_id).algorithm or "smart_router")

    def _result(
        self, order_id: int, algorithm: str, since: int | None = None, end_e9: int | None = None
    ) -> ExecutionResult:
        core = self.core
        cost = execution_cost(core, order_id, end_e9, since=since)
        order = cost.order
        venues = {core.venue_text(int(number)) for number in set(cost.fills["venue"].tolist())}
        return ExecutionResult(
            order_id=order.order_id,
            status=order.status,
            symbol=order.symbol,
            venue=venues.pop() if len(venues) == 1 else ("several" if venues else None),
            algorithm=algorithm,
            order_quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            average_price=order.average_price,
            fills=cost.fills,
            shortfall=cost.total_bps / 1e4,
            market_impact=cost.trading_bps / 1e4,
            timing_cost=cost.delay_bps / 1e4,
            execution_duration=(order.updated_ns - order.created_ns) / 1e9,
            market_conditions={
                "decision_price": cost.decision_price,
                "arrival_price": cost.arrival_price,
                "end_price": cost.end_price,
                "source": core.market.source,
            },
            cost=cost,
        )


def _is_wheel(config: Mapping[str, Any]) -> bool:
    """Is its algorithm to be drawn?"""
    return isinstance(config, Mapping) and config.get("algorithm") == WHEEL


def _brought(config: Mapping[str, Any]) -> dict[str, Any]:
    """What an order of a wheel brings for whichever algorithm it is."""
    return {key: value for key, value in config.items() if key not in ("algorithm", WHEEL)}


def _assumptions(score: dict[str, Any], quantity: int) -> tuple[str, ...]:
    """What an estimate takes for granted."""
    found = []
    if score["mid_e9"] is None:
        found.append("no consolidated quote: the cost is the fees only")
    elif not score["takes"]:
        found.append("the order rests: this is its cost if it is filled at its limit")
    elif score["shown"] is not None and quantity > score["shown"]:
        found.append(f"the venue shows {score['shown']}: the rest is assumed to pay half a spread more")
    return tuple(found)
