"""A policy at work live: the algorithm ``policy``, which sees and acts by the code of an episode.

Importing this module registers it. On the same market with the same decision times it sends what the episode sends.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from .._core.environment import Sight
from ..routing.algorithms import Algorithm, AlgorithmConfigError, Parent, register
from ..routing.algorithms.parameters import read_count, read_number, read_seconds
from .actions import ACTIONS, PLACEMENTS, Intent, action_reader
from .answers import Answers

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("grandmodel.execution.environments")

#: The schedule's own slice, taken: what becomes of a decision that the policy misses.
SCHEDULE: Intent = (1.0, PLACEMENTS.index("cross"), 0.0)

#: Children of one price that rest at once, as in an episode.
_CHILDREN = 4


@register
class PolicyAlgorithm(Algorithm):
    """Works an order by a policy: an observation in (`environments.observation`), an action out, at each decision.

    Parameters
    ----------
    policy  : the callable, or MODULE:NAME, FILE.py:NAME; it may be a coroutine function
    steps, interval_seconds : decisions, and the time between two of them
    deadline_seconds : how long the policy may take over one; by default a tenth of the interval, at most a second
    kappa, actions : as in `Episode` and `ExecutionEnv`

    A policy that is late, fails, or asks for what there is not has the schedule's own slice taken in its place at once;
    what it answers later is nobody's. `misses` counts them, and `progress` of the order says so. What is left at the
    end is taken through the book.
    """

    name: ClassVar[str] = "policy"

    def read(self, config: dict[str, Any]) -> None:
        from ..learn_command import load_policy

        given = config.pop("policy", None)
        if isinstance(given, str):
            given = load_policy(given)
        if not callable(given):
            raise AlgorithmConfigError("policy", given, "a callable, MODULE:NAME or FILE.py:NAME")
        self.policy: Callable[[Any], Any] = given
        steps = read_count(config, "steps", 100, 1, 10**6, "decisions from 1 to 1000000")
        seconds = read_seconds(config, "interval_seconds", 10.0)
        assert steps is not None
        assert seconds is not None
        self.steps, self.interval_ns = steps, round(seconds * 1e9)
        deadline = read_seconds(config, "deadline_seconds", min(1.0, seconds / 10))
        assert deadline is not None
        if deadline >= seconds:
            raise AlgorithmConfigError("deadline_seconds", deadline, f"seconds below interval_seconds, {seconds:g}")
        self.deadline_seconds, self.misses = deadline, 0
        kappa = read_number(config, "kappa", 0.0, -1e-300, 100.0, "a number from 0 to 100")
        self.kappa = float(kappa or 0.0)
        kind = config.pop("actions", "discrete")
        if kind not in ACTIONS:
            raise AlgorithmConfigError("actions", kind, f"one of {', '.join(ACTIONS)}")
        self._read = action_reader(kind)

    def horizon_ns(self, parent: Parent) -> int:
        return self.steps * self.interval_ns

    async def run(self, parent: Parent) -> None:
        """Looks, asks the policy, acts, and waits for the next decision."""
        if not await parent.ready():
            return
        core, number = parent.core, parent.core.instruments.symbols.number(parent.symbol)
        core.touch(parent.symbol)
        sight = Sight(core, number, parent.order_id, self.kappa)
        core.overhear(parent.symbol, sight)
        answers = Answers(self.policy, self.deadline_seconds, parent.clock)
        try:
            await self._decide(parent, sight, answers)
        finally:
            answers.close()
            core.overhear(parent.symbol, sight, False)

    async def _decide(self, parent: Parent, sight: Sight, answers: Answers) -> None:
        begin_ns, asked, before = parent.clock.now_ns(), 0, 0
        resting: dict[int, int] = {}
        for k in range(self.steps):
            await parent.sleep_until(begin_ns + k * self.interval_ns)
            if not await parent.ready():
                break
            parent.core.touch(parent.symbol)
            filled = parent.filled
            fill = min(1.0, (filled - before) / asked) if asked else 0.0
            pace, place, reach = await self._intent(parent, answers, sight.look(k / self.steps, fill))
            if parent.is_over:
                break
            asked, price, takes = sight.intend(pace, place, reach, k / self.steps, (k + 1) / self.steps)
            before = filled
            await self._act(parent, resting, asked, price, takes)
        await parent.sleep_until(begin_ns + self.steps * self.interval_ns)
        await parent.withdraw_all()
        if not parent.is_over:
            await self._take(parent, parent.remaining, None)

    async def _intent(self, parent: Parent, answers: Answers, observation: Any) -> Intent:
        """What the policy wants; where it says nothing that can be done in time, what the schedule does."""
        try:
            return self._read(await answers.to(observation))
        except Exception as error:
            self.misses += 1
            if self.misses == 1:
                log.warning("order %s: %r of the policy: the schedule's slice is taken", parent.order_id, error)
                parent.assumptions.append("where the policy was late or failed, the schedule was followed")
            return SCHEDULE

    async def _act(
        self, parent: Parent, resting: dict[int, int], quantity: int, price: int | None, takes: bool
    ) -> None:
        """As `act_executing` of kernels/environment.c: what rests at the price asked for stays, all else goes."""
        open_quantity = await self._withdraw_but(parent, resting, None if takes or quantity == 0 else price)
        if quantity == 0 or price is None:
            return
        if takes:
            await self._take(parent, quantity, price)
            return
        if open_quantity > quantity or (open_quantity < quantity and len(resting) == _CHILDREN):
            open_quantity = await self._withdraw_but(parent, resting, None)
        if open_quantity < quantity:
            child = parent.child(min(quantity - open_quantity, parent.remaining), price, "DAY")
            if child is not None:
                resting[child] = price

    async def _withdraw_but(self, parent: Parent, resting: dict[int, int], price: int | None) -> int:
        """Withdraws the children at other prices; what the others have open."""
        for child, at in [*resting.items()]:
            if at != price:
                await parent.withdraw(child)
            if parent.core.is_closed(child):
                del resting[child]
        return sum(parent.core.get_order(child).leaves_quantity for child in resting)

    async def _take(self, parent: Parent, quantity: int, bound: int | None) -> None:
        """Touch by touch, up to the bound."""
        while quantity > 0 and not parent.is_over:
            touch = parent.touch_e9(far=True)
            if touch is None or (bound is not None and parent.sign * (touch - bound) > 0):
                return
            got = await parent.sweep(min(quantity, parent.remaining), touch)
            if got <= 0:
                return
            quantity -= got
