"""`ExecutionEnv`: Gymnasium's own checks, the reward's identity, seeds, and what it sees and does, by slow twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from grandmodel.execution.environments import Episode, ExecutionEnv, RecordedDay, SyntheticDay
from grandmodel.execution.environments.actions import PACES
from grandmodel.execution.environments.observation import NAMES

from . import twins


def play(env, seed, choose, most=10**6):
    """(rewards, last info) of an episode; `choose`: the action of a decision's number."""
    env.reset(seed=seed)
    rewards = []
    for k in range(most):
        observation, reward, terminated, truncated, info = env.step(choose(k))
        assert env.observation_space.contains(observation)
        assert not truncated
        rewards.append(reward)
        if terminated:
            break
    return rewards, info


def chooser(seed, paces=6):
    draw = np.random.default_rng(seed)
    return lambda k: [int(draw.integers(0, paces)), int(draw.integers(0, 4))]


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_gymnasium_checks_it(day, actions):
    env = ExecutionEnv(day, Episode(steps=20), actions=actions)
    check_env(env, skip_render_check=True)


# ---- the reward


def test_rewards_add_up_to_minus_the_shortfall_of_the_engines_own_analysis(day):
    env = ExecutionEnv(day, Episode(steps=60, quantity=(100, 6000)))
    ends = set()
    for seed in range(24):
        rewards, info = play(env, seed, chooser(seed, paces=4 if seed % 2 else 6))
        cost = env.cost()
        assert abs(math.fsum(rewards) + cost.total_bps) < 1e-9
        assert abs(sum(rewards) + cost.total_bps) < 1e-9
        assert info["shortfall_bps"] == pytest.approx(cost.total_bps, abs=1e-9)
        assert info["fees_bps"] == pytest.approx(cost.fees_bps, abs=1e-9)
        if info["filled"]:
            assert info["delay_bps"] == pytest.approx(cost.delay_bps, abs=1e-9)
            assert info["trading_bps"] == pytest.approx(cost.trading_bps, abs=1e-9)
            assert info["opportunity_bps"] == pytest.approx(cost.opportunity_bps, abs=1e-9)
        assert info["filled"] + info["unfilled"] == cost.order.quantity
        assert cost.order.status.is_closed
        ends.add(info["end"])
        env.core.check_invariants()
    assert ends <= {"filled", "time"}


def test_what_the_book_does_not_have_is_stated_and_valued_at_the_mid(day):
    env = ExecutionEnv(day, Episode(steps=5, quantity=3_000_000, side="buy"))
    rewards, info = play(env, 3, lambda k: [0, 0])
    assert info["end"] == "time"
    assert info["filled"] > 0
    assert info["unfilled"] == 3_000_000 - info["filled"] > 0
    cost = env.cost()
    assert cost.order.status == "EXPIRED"
    assert cost.order.leaves_quantity == 0
    assert abs(math.fsum(rewards) + cost.total_bps) < 1e-9


def test_each_reward_is_the_twins(day):
    env = ExecutionEnv(day, Episode(steps=40, quantity=3000))
    env.reset(seed=9)
    side, quantity, decision = env.stage.order()
    choose, before, k = chooser(4, paces=4), 0, 0
    while True:
        _, reward, terminated, *_ = env.step(choose(k))
        fills = [(int(f["quantity"]), int(f["price_e9"])) for f in env.core.fills()]
        fees = int(env.core.fills()["fee_e9"].sum())
        quote = env.core.quote(env.core.instruments.symbols.text(0))
        cost = twins.shortfall_e9(side, quantity, decision, fills, fees, quote.mid_e9)
        assert reward == pytest.approx(-(cost - before) * 1e4 / (quantity * decision), abs=1e-9)
        before, k = cost, k + 1
        if terminated:
            break
    assert k > 5


def test_a_penalty_takes_inventory_times_volatility_off():
    plain, penal = (ExecutionEnv(SyntheticDay(), Episode(steps=30, penalty=p)) for p in (0.0, 0.25))
    plain.reset(seed=5), penal.reset(seed=5)
    left = 1.0
    for k in range(30):
        action = [2, k % 4]
        observation, reward, ended, _, info = plain.step(action)
        volatility = float(observation[NAMES.index("volatility")])
        assert penal.step(action)[1] == pytest.approx(reward - 0.25 * left**2 * volatility**2, rel=1e-6, abs=1e-9)
        left = info["left"] / (info["left"] + info["filled"])
        if ended:
            break


# ---- seeds


def test_a_seed_determines_the_episode_whatever_came_before(day):
    terms = Episode(steps=40, quantity=(100, 5000))
    used, fresh = ExecutionEnv(day, terms), ExecutionEnv(day, terms)
    for seed in range(40, 46):
        play(used, seed, chooser(seed))
    hashes = {}
    for seed in (7, 8, 7):
        rewards, _ = play(used, seed, chooser(seed))
        digest = used.journal_sha256()
        assert hashes.setdefault(seed, (digest, rewards)) == (digest, rewards)
        used.core.check_invariants()
    rewards, _ = play(fresh, 8, chooser(8))
    assert (fresh.journal_sha256(), rewards) == hashes[8]
    assert hashes[7][0] != hashes[8][0]


def test_orders_and_their_records_are_found_after_a_reset(day):
    """The log's index and the table begin again with it."""
    env = ExecutionEnv(day, Episode(steps=30, quantity=2000))
    for seed in range(5):
        play(env, seed, chooser(seed, paces=5))
        env.core.journal.sha256()  # has the log written out, and its index made
        parent = env.stage.parent_id()
        rows = env.core.journal_orders(parent)
        assert rows["order_id"][0] == parent
        assert (rows["parent_id"][1:] == parent).all()
        assert len(rows) == len(set(rows["order_id"].tolist()))
        assert env.core.get_order(parent).filled_quantity == env.core.fills()["quantity"].sum()
        assert int(env.core.orders_array()["order_id"].max()) == int(rows["order_id"].max())


def test_without_a_seed_the_chain_goes_on():
    one, other = (ExecutionEnv(SyntheticDay(), Episode(steps=3)) for _ in range(2))
    seeds = [one.reset(seed=5)[1]["seed"], one.reset()[1]["seed"], one.reset()[1]["seed"]]
    assert len(set(seeds)) == 3
    assert [other.reset(seed=5)[1]["seed"], other.reset()[1]["seed"], other.reset()[1]["seed"]] == seeds
    assert other.reset(seed=5)[1]["seed"] == 5


def test_sides_and_quantities_are_drawn():
    env = ExecutionEnv(SyntheticDay(), Episode(steps=2, quantity=(10, 20)))
    drawn = [env.reset(seed=seed)[1] for seed in range(60)]
    assert {each["side"] for each in drawn} == {1, -1}
    assert {each["quantity"] for each in drawn} == set(range(10, 21))
    assert {ExecutionEnv(SyntheticDay(), Episode(side="sell")).reset(seed=k)[1]["side"] for k in range(5)} == {-1}


def test_windows_of_a_recorded_day_begin_where_they_may(amzn):
    day = RecordedDay(amzn, begin="10:00", end="10:30")
    env = ExecutionEnv(day, Episode(steps=10, interval=5.0))
    begins = []
    for seed in range(40):
        env.reset(seed=seed)
        begins.append(env.stage.place[2])
    from grandmodel.execution.sessions import ns_to_local

    times = [ns_to_local(begin, amzn.calendar).strftime("%H:%M:%S") for begin in begins]
    assert min(times) >= "10:00:00"
    assert max(times) <= "10:30:00"
    assert len(set(begins)) == 40


def test_a_windows_market_is_the_recordings_own(amzn):
    """At the begin and after each step the engine shows the row of the file."""
    env = ExecutionEnv(RecordedDay(amzn), Episode(steps=50, messages=37))
    for seed in range(6):
        env.reset(seed=seed)
        begin = int(np.searchsorted(amzn.messages["time_ns"], env.stage.place[2]))
        assert (env.core.depth("AMZN", 5)[0] == amzn.books[begin - 1]).all()
        for k in range(1, 30):
            env.step([0, 0])
            assert (env.core.depth("AMZN", 5)[0] == amzn.books[begin + 37 * k - 1]).all()
        assert env.core.market.counters["repaired"] == 0


# ---- what it sees


def quote_of(env):
    quote = env.core.quote(env.core.instruments.symbols.text(0))
    return quote.bid_e9, quote.bid_quantity, quote.ask_e9, quote.ask_quantity


def test_the_market_is_seen_as_the_twin_sees_it(day):
    """One message between two decisions, so that the order flow imbalance follows from the quotes at them."""
    env = ExecutionEnv(day, Episode(steps=400, messages=1))
    symbol = env.core.instruments.symbols.text(0)
    tick = env.core.instruments.tick_e9(symbol)
    for seed in (1, 2):
        observation, _ = env.reset(seed=seed)
        seen, quote = twins.Seen(), quote_of(env)
        expected = seen.look(quote, env.core.depth(symbol, 5)[0], tick, None)
        for _ in range(300):
            for name, value in expected.items():
                assert observation[NAMES.index(name)] == pytest.approx(value, rel=1e-5, abs=1e-5), name
            observation, _, ended, *_ = env.step([0, 0])
            before, quote = quote, quote_of(env)
            if ended or None in quote:
                break
            expected = seen.look(quote, env.core.depth(symbol, 5)[0], tick, twins.ofi(before, quote))


def test_the_order_is_seen_as_the_twin_sees_it(day):
    kappa = 1.7
    env = ExecutionEnv(day, Episode(steps=30, quantity=2000, kappa=kappa))
    symbol = env.core.instruments.symbols.text(0)
    env.reset(seed=12)
    side, quantity, _ = env.stage.order()
    volume, filled = env.core.venues.tape(symbol)["volume"], 0
    choose = chooser(2, paces=4)
    for k in range(1, 30):
        left, slice_, quote = quantity - filled, env.stage.slice(), quote_of(env)
        assert slice_ == pytest.approx(twins.plan_slice(kappa, (k - 1) / 30, k / 30), rel=1e-9)
        pace, place = choose(k)
        asked, *_ = twins.intent(quote, side, 1, left, slice_, PACES[pace], place, 0.0)
        observation, _, ended, _, info = env.step([pace, place])
        before, filled = filled, info["filled"]
        printed = env.core.venues.tape(symbol)["volume"] - volume
        expected = {
            "time": k / 30,
            "inventory": 1 - filled / quantity,
            "side": side,
            "participation": min(1.0, filled / printed) if printed else 0.0,
            "gap": filled / quantity - (1 - twins.plan_left(kappa, k / 30)),
            "fill": min(1.0, (filled - before) / asked) if asked else 0.0,
        }
        for name, value in expected.items():
            assert observation[NAMES.index(name)] == pytest.approx(value, rel=1e-5, abs=1e-5), name
        if ended:
            break
    assert filled > 0


# ---- what it does


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_what_an_action_sends_is_the_twins(day, kind):
    """The first children of an episode, before anything rests: price, quantity, and whether they take."""
    env = ExecutionEnv(day, Episode(steps=10, quantity=5000), actions=kind)
    symbol = env.core.instruments.symbols.text(0)
    tick = env.core.instruments.tick_e9(symbol)
    sent = 0
    for seed in range(60):
        env.reset(seed=seed)
        side, quantity, _ = env.stage.order()
        quote, slice_ = quote_of(env), env.stage.slice()
        if kind == "discrete":
            place, number = seed % 4, 1 + seed % 5
            pace, reach, action = PACES[number], 0.0, [number, place]
        else:
            draw = np.random.default_rng(seed)
            action = np.array([draw.uniform(-1, 1), 1.0 if seed % 7 == 0 else draw.uniform(-1, 1)], np.float32)
            pace, place, reach = 1.0 + float(action[0]), 4, float(action[1])
        wanted, price, takes = twins.intent(quote, side, tick, quantity, slice_, pace, place, reach)
        env.step(action)
        rows = env.core.journal_orders(env.stage.parent_id())[1:]
        if wanted == 0:
            assert len(rows) == 0
        elif takes:
            assert (side * (rows["limit_price_e9"] - price) <= 0).all()
            assert rows["quantity"][0] <= wanted
            assert (rows["time_in_force"] == rows["time_in_force"][0]).all()
        else:
            assert rows["quantity"].tolist() == [wanted]
            assert rows["limit_price_e9"].tolist() == [price]
        sent += len(rows)
    assert sent > 30


def test_what_rests_at_the_price_asked_for_keeps_its_place():
    slow = SyntheticDay(events_per_second=1.0, warmup_seconds=600.0)
    env = ExecutionEnv(slow, Episode(steps=50, messages=1, quantity=5000))
    kept = 0
    for seed in range(20):
        env.reset(seed=seed)
        env.step([2, 0])
        for _ in range(10):
            before = {order.order_id for order in env.core.open_orders() if order.parent_id}
            near = quote_of(env)[0 if env.stage.order()[0] > 0 else 2]
            mine = {o.order_id for o in env.core.open_orders() if o.parent_id and o.limit_price_e9 == near}
            ended = env.step([2, 0])[2]
            if ended:
                break
            after = {order.order_id for order in env.core.open_orders() if order.parent_id}
            rows = env.core.orders_array()
            for order_id in mine & before:
                row = rows[rows["order_id"] == order_id][0]
                assert order_id in after or row["filled_quantity"] > 0 or len(mine) == 4
                kept += order_id in after
    assert kept > 20


# ---- bad input


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"quantity": 0}, "quantity is 0"),
        ({"quantity": 1.5}, "quantity is 1.5"),
        ({"quantity": True}, "quantity is True"),
        ({"quantity": 2**63}, "quantity is 9223372036854775808"),
        ({"quantity": (5, 4)}, "quantity is 4"),
        ({"quantity": (1, 2, 3)}, "quantity is"),
        ({"side": "long"}, "side is 'long'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": -1}, "steps is -1"),
        ({"messages": 0}, "messages is 0"),
        ({"interval": math.nan}, "interval is nan"),
        ({"interval": 0.0}, "interval is 0.0"),
        ({"interval": math.inf}, "interval is inf"),
        ({"kappa": -1}, "kappa is -1"),
        ({"kappa": math.nan}, "kappa is nan"),
        ({"penalty": math.inf}, "penalty is inf"),
        ({"penalty": True}, "penalty is True"),
    ],
)
def test_terms_that_cannot_be_are_named(terms, words):
    with pytest.raises(ValueError, match="must be") as error:
        ExecutionEnv(SyntheticDay(), terms)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "action", [[6, 0], [0, 4], [-1, 0], [0, -1], [0], [0, 0, 0], None, 3, [0.5, 1], [math.nan, 0], ["a", 0]]
)
def test_a_discrete_action_outside_the_space_is_refused(action):
    env = ExecutionEnv(SyntheticDay(), Episode(steps=2))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action is"):
        env.step(action)


@pytest.mark.parametrize("action", [[1.01, 0], [0, -1.5], [math.nan, 0], [0, math.inf], [0.0], None])
def test_a_continuous_action_outside_the_space_is_refused(action):
    env = ExecutionEnv(SyntheticDay(), Episode(steps=2), actions="continuous")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action is"):
        env.step(action)


def test_other_words_that_are_not_known():
    with pytest.raises(ValueError, match="actions is 'box'"):
        ExecutionEnv(SyntheticDay(), actions="box")
    with pytest.raises(ValueError, match="render_mode is 'human'"):
        ExecutionEnv(SyntheticDay(), render_mode="human")
    with pytest.raises(TypeError, match="config is int"):
        ExecutionEnv(SyntheticDay(), config=3)
    with pytest.raises(ValueError, match="at no distance"):
        ExecutionEnv(SyntheticDay(), config={"simulation": {"latency": {"out_us": 50}}})
    for name, value in (("price", -1.0), ("tick", math.nan), ("venues", 0), ("take_fee", 2.0)):
        with pytest.raises(ValueError, match=f"{name} is"):
            ExecutionEnv(SyntheticDay(**{name: value}))
    env = ExecutionEnv(SyntheticDay(), Episode(steps=1))
    for seed in (-1, 2**63, True, 1.0):
        with pytest.raises(ValueError, match="seed is"):
            env.reset(seed=seed)
    with pytest.raises(RuntimeError, match="reset"):
        env.step([0, 0])
    env.reset(seed=1)
    assert env.step([0, 0])[2]
    with pytest.raises(RuntimeError, match="reset"):
        env.step([0, 0])


def test_a_recording_that_does_not_fit_says_so(amzn):
    with pytest.raises(ValueError, match="no window of 2000 decisions"):
        ExecutionEnv(RecordedDay(amzn), Episode(steps=2000, messages=1000))
    with pytest.raises(ValueError, match="begin is 'noon'"):
        ExecutionEnv(RecordedDay(amzn, begin="noon"))
    with pytest.raises(ValueError, match="begin is 03:00"):
        ExecutionEnv(RecordedDay(amzn, begin="03:00"))


# ---- its books


def test_small_books_change_nothing(monkeypatch, amzn):
    """A table for few orders is there for speed: episodes are those of a large one."""
    from grandmodel.execution.environments import day as days

    assert days._capacity_of(amzn) == 1 << 10
    assert SyntheticDay()._capacity() == 1 << 10
    assert SyntheticDay(depth=100.0)._capacity() == 1 << 14
    for day in (SyntheticDay(), RecordedDay(amzn)):
        hashes = []
        for least in (1 << 10, 1 << 16):
            with monkeypatch.context() as patched:
                patched.setattr(days, "_LEAST", least)
                days._capacity_of.cache_clear()
                env = ExecutionEnv(day, Episode(steps=80))
                play(env, 3, chooser(3))
                hashes.append(env.journal_sha256())
        assert hashes[0] == hashes[1]
    days._capacity_of.cache_clear()


@pytest.mark.parametrize("depth", [0, -1, math.nan, math.inf, "a", True, 1e7])
def test_a_wrong_depth_is_named(depth):
    with pytest.raises(ValueError, match="depth is"):
        Episode().make(SyntheticDay(depth=depth))


def test_a_section_that_is_empty_in_yaml_is_left_out(tmp_path):
    path = tmp_path / "limits.yaml"
    path.write_text("execution:\n  routing:\n  risk_controls: {order_limits: {max_order_size: 300}}\n")
    for config in (path, {"routing": None}):
        stage = Episode().make(SyntheticDay(), config)
        stage.core.close()


def test_a_window_knows_whether_trading_is_halted_where_it_begins(hand_day):
    """Also after windows that ended elsewhere: halted from 09:31:40 to 09:32:00."""
    from grandmodel.execution.simulation.lobster import read_lobster
    from grandmodel.execution.simulation.recording import of_lobster

    recording = of_lobster(read_lobster(*hand_day))
    for begin, halted in (("09:31:00", False), ("09:31:45", True), ("09:32:05", False)):
        env = ExecutionEnv(RecordedDay(recording, begin=begin, end=begin), Episode(steps=4, interval=20.0))
        for seed in range(3):  # each ends beyond the halt, or before it
            env.reset(seed=seed)
            assert env.core.venues.is_halted("HAND") is halted
            for _ in range(3):
                env.step([0, 0])
