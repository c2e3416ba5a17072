"""Several agents' decisions as one order: what is crossed, what is sent, and who pays what."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grandmodel.execution import Event, EventBus, EventType, RiskLimitBreached
from grandmodel.execution import clock as clocks
from grandmodel.execution.integration.decisions import Decision, DecisionError
from grandmodel.execution.integration.marl_execution import MARLExecutionEngine
from grandmodel.execution.integration.netting import net

CONFIG = {"order_management": {"max_order_value": 10_000_000}, "routing": {}}


def decision(side, quantity, confidence=0.9, **terms):
    return Decision("AAPL", side, quantity, confidence, terms)


def in_plain_words(decisions):
    """The rule, from its sentences: the smaller side is crossed whole, the larger in proportion."""
    buys = sum(d.quantity for d in decisions if d.side == "buy")
    sells = sum(d.quantity for d in decisions if d.side == "sell")
    small, large = sorted((buys, sells))
    larger = "buy" if buys >= sells else "sell"
    exact = {k: Fraction(d.quantity * small, large) for k, d in enumerate(decisions) if d.side == larger}
    crossed = {k: int(part) for k, part in exact.items()}
    missing = small - sum(crossed.values())
    for k in sorted(exact, key=lambda k: (-(exact[k] - int(exact[k])), k))[:missing]:
        crossed[k] += 1
    return larger, large - small, [crossed.get(k, d.quantity) for k, d in enumerate(decisions)]


some = st.lists(
    st.builds(decision, st.sampled_from(["buy", "sell"]), st.integers(1, 10**9), st.floats(0, 1)),
    min_size=1,
    max_size=9,
)


@given(some)
def test_every_step_is_crossed_or_sent_once(decisions):
    left, shares = net(decisions)
    larger, difference, crossed = in_plain_words(decisions)
    assert [share.crossed for share in shares] == crossed
    assert [share.decision for share in shares] == decisions
    for share in shares:
        assert share.crossed + share.sent == share.decision.quantity
        assert min(share.crossed, share.sent) >= 0
    assert sum(share.sent for share in shares) == difference
    signed = {"buy": 0, "sell": 0}
    for share in shares:
        signed[share.decision.side] += share.crossed
    assert signed["buy"] == signed["sell"]  # whoever buys within buys from somebody within
    if difference == 0:
        assert left is None
    else:
        assert (left.side, left.quantity, left.symbol) == (larger, difference, "AAPL")
        assert 0.0 <= left.confidence <= 1.0
        assert all(share.sent == 0 for share in shares if share.decision.side != larger)


def test_confidence_is_the_larger_sides_and_terms_are_those_agreed_on():
    left, _ = net([
        decision("buy", 300, 0.9, strategy="a", tags="x"), decision("buy", 100, 0.5, strategy="a", tags="y"),
        decision("sell", 50, 0.1, strategy="a"),
    ])  # fmt: skip
    assert left == Decision("AAPL", "buy", 350, pytest.approx(0.8), {"strategy": "a"})


class Agents:
    def __init__(self):
        self.heard = []

    def on_execution_feedback(self, event):
        self.heard.append(event.payload)


def asked(side, quantity, confidence=0.7, **more):
    payload = {"symbol": "AAPL", "side": side, "quantity": quantity, "confidence": confidence, **more}
    return Event(event_type="DECISION", timestamp=clocks.current_clock().now(), payload=payload, source="agents")


def told(*events, policy="net", config=CONFIG, **more):
    """Everything at once; results (or errors), what the agents heard, and the engine's own count of orders."""

    async def main():
        agents, bus, published = Agents(), EventBus(), []
        bus.subscribe(EventType.EXECUTION_FEEDBACK, published.append)
        with MARLExecutionEngine(config, agents, bus, policy=policy, **more) as engine:
            made = [make() for make in events]
            results = await asyncio.gather(*map(engine.execute_marl_decision, made), return_exceptions=True)
            assert [event.payload for event in published] == agents.heard
            parents = [row for row in engine.engine.core.journal.rows(2) if not row["parent_id"]]
            position = engine.engine.core.portfolio.position("AAPL")[0]
            return made, results, agents.heard, parents, position, engine

    return clocks.run(main(), seed=5)


def test_the_difference_is_sent_and_each_agent_hears_of_its_part():
    made, results, heard, parents, position, engine = told(
        lambda: asked("buy", 300), lambda: asked("sell", 120), lambda: asked("buy", 100, 0.65)
    )
    assert [(row["side"], row["quantity"]) for row in parents] == [(1, 280)]
    assert len({id(result) for result in results}) == 1
    result = results[0]
    assert (result.order_quantity, position, engine.executed) == (280, result.filled_quantity, 3)
    assert [payload["original_decision"] for payload in heard] == [event.payload for event in made]
    parts = [payload["market_conditions"]["netting"] for payload in heard]
    assert [(part["crossed"], part["sent"], part["agents"]) for part in parts] == [
        (90, 210, 3),
        (120, 0, 3),
        (30, 70, 3),
    ]
    assert sum(part["share"] for part in parts) == pytest.approx(1.0, abs=1e-12)
    quantities = [300, 120, 100]
    for name, whole in (
        ("implementation_shortfall", result.shortfall), ("market_impact", result.market_impact),
        ("timing_cost", result.timing_cost),
    ):  # fmt: skip
        paid = sum(q * payload["execution_metrics"][name] for q, payload in zip(quantities, heard, strict=True))
        assert paid == pytest.approx(280 * whole, rel=1e-12, abs=1e-15)
    done = sum(q * payload["execution_metrics"]["fill_ratio"] for q, payload in zip(quantities, heard, strict=True))
    assert done == pytest.approx(240 + result.filled_quantity)  # twice what was crossed, and what was filled
    assert [payload["venue_used"] == "internal" for payload in heard] == [False, True, False]


def test_those_who_are_even_send_nothing():
    _, results, heard, parents, position, engine = told(lambda: asked("buy", 200), lambda: asked("sell", 200))
    assert results == [None, None]
    assert len(parents) == position == 0
    assert engine.executed == 2
    for payload in heard:
        assert set(payload) == {
            "original_decision", "execution_metrics", "market_conditions", "venue_used", "algorithm_used",
        }  # fmt: skip
        assert payload["execution_metrics"]["fill_ratio"] == 1.0
        assert (payload["venue_used"], payload["algorithm_used"]) == ("internal", "netted")


def test_a_limit_is_its_agents_own_and_accounts_are_apart():
    _, results, _, parents, _, _ = told(
        lambda: asked("buy", 100, limit_price=150.5), lambda: asked("sell", 40), lambda: asked("sell", 60, account=0),
        max_age_seconds=80_000.0,
    )  # fmt: skip
    assert len(parents) == 3
    assert [result.order_quantity for result in results] == [100, 40, 60]


def test_one_alone_is_as_ever():
    _, (result,), (payload,), parents, _, _ = told(lambda: asked("buy", 100))
    assert len(parents) == 1
    assert payload["execution_metrics"]["implementation_shortfall"] == result.shortfall
    assert "netting" not in payload["market_conditions"]


def test_what_the_engine_refuses_all_of_them_hear():
    config = {**CONFIG, "risk_controls": {"position_limits": {"default": 100}}}
    _, results, heard, _, position, _ = told(lambda: asked("buy", 300), lambda: asked("sell", 50), config=config)
    assert all(isinstance(result, RiskLimitBreached) for result in results)
    assert (heard, position) == ([], 0)


def test_in_a_queue_they_are_worked_one_after_the_other_in_their_order():
    made, results, heard, parents, _, _ = told(
        lambda: asked("buy", 100), lambda: asked("sell", 100), lambda: asked("buy", 50), policy="queue",
        max_age_seconds=80_000.0,
    )  # fmt: skip
    assert [payload["original_decision"] for payload in heard] == [event.payload for event in made]
    begins = [int(row["created_ns"]) for row in parents]
    ends = [result.cost.order.updated_ns for result in results]
    assert begins[1] >= ends[0]
    assert begins[2] >= ends[1]


def test_who_is_too_old_when_his_turn_comes_is_refused():
    _, results, _, parents, _, engine = told(lambda: asked("buy", 100), lambda: asked("sell", 100), policy="queue")
    assert isinstance(results[1], DecisionError)
    assert results[1].field == "timestamp"
    assert len(parents) == 1
    assert engine.intake.refused == {"timestamp": 1}


def test_a_queue_has_an_end():
    _, results, _, _, _, engine = told(
        *[lambda: asked("buy", 10)] * 4, policy="queue", queue_size=2, max_age_seconds=80_000.0
    )
    assert [isinstance(result, DecisionError) for result in results] == [False, False, False, True]
    assert engine.intake.refused == {"queue": 1}


def test_each_is_all_at_once():
    _, results, _, parents, _, _ = told(lambda: asked("buy", 100), lambda: asked("sell", 100), policy="each")
    begins = [int(row["created_ns"]) for row in parents]
    assert begins[0] == begins[1]
    assert [result.filled_quantity for result in results] == [100, 100]


def test_whoever_is_cancelled_takes_nobody_with_him():
    async def main():
        agents = Agents()
        with MARLExecutionEngine(CONFIG, agents, policy="net") as engine:
            first = asyncio.ensure_future(engine.execute_marl_decision(asked("buy", 100)))
            second = asyncio.ensure_future(engine.execute_marl_decision(asked("buy", 60)))
            await asyncio.sleep(0)
            second.cancel()
            result = await first
            assert result.order_quantity == 160  # its order is the round's: it was decided when it was given
            assert len(agents.heard) == 2

    clocks.run(main(), seed=5)


def netting(symbol="AAPL", **changes):
    now = clocks.current_clock().now()
    payload = {"symbol": symbol, "side": "buy", "quantity": 200, "confidence": 0.9, **changes}
    return Event(event_type="D", timestamp=now, payload=payload, source="agents")


@pytest.mark.parametrize("leaves", [0, 1])
@pytest.mark.parametrize("waits_for", ["others", "its turn"])
def test_whoever_opened_the_round_takes_nobody_with_him_either(leaves, waits_for):

    async def main():
        clock = clocks.current_clock()
        with MARLExecutionEngine(CONFIG, None, policy="net") as engine:
            turn = await engine.intake.turn(netting(), "AAPL") if waits_for == "its turn" else None
            tasks = []
            for quantity in (200, 300):
                tasks.append(asyncio.ensure_future(engine.execute_marl_decision(netting(quantity=quantity))))
                await asyncio.sleep(0)
            if turn is not None:
                await clock.sleep(0.1)  # the round is over, its turn has not come
            tasks[leaves].cancel()
            await asyncio.sleep(0)
            if turn is not None:
                turn.release()
            told = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(told[leaves], asyncio.CancelledError)
            assert told[1 - leaves].order_quantity == 500
            assert engine.executed == 2

    clocks.run(main(), seed=3)


def test_a_round_ends_with_the_last_who_waits():
    async def main():
        with MARLExecutionEngine(CONFIG, None, policy="net") as engine:
            tasks = [asyncio.ensure_future(engine.execute_marl_decision(netting())) for _ in range(2)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            after = asyncio.ensure_future(engine.execute_marl_decision(netting(quantity=50)))
            told = await asyncio.gather(*tasks, after, return_exceptions=True)
            assert [type(each) for each in told[:2]] == [asyncio.CancelledError] * 2
            assert told[2].order_quantity == 50  # a round of its own
            slow = [asyncio.ensure_future(engine.execute_marl_decision(netting(confidence=0.7))) for _ in range(2)]
            await clocks.current_clock().sleep(60.0)
            assert len(engine.engine.core.open_orders()) > 0
            slow[0].cancel()
            await clocks.current_clock().sleep(60.0)
            assert len(engine.engine.core.open_orders()) > 0  # the other's is a part of the same order
            slow[1].cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            assert engine.engine.core.open_orders() == []
            assert not engine._rounds

    clocks.run(main(), seed=3)


def test_a_bus_that_fails_costs_nobody_his_result(caplog):
    class Broken(EventBus):
        def publish(self, event):
            raise RuntimeError("no bus today")

    async def main():
        with MARLExecutionEngine(CONFIG, None, event_bus=Broken()) as engine:
            result = await engine.execute_marl_decision(netting())
            assert (result.filled_quantity, engine.feedback_failures) == (200, 1)

    clocks.run(main(), seed=3)
    assert "the event bus failed" in caplog.text
