"""The native side of learning environments by itself: stages, crews, and an engine that begins again."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from grandmodel.execution._core.environment import FIGURES, OBSERVATION, Crew, Stage
from grandmodel.execution.environments import Episode, RecordedDay, SyntheticDay
from grandmodel.execution.environments.actions import PACES
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.recording import of_lobster


@pytest.fixture(params=["synthetic", "clustered", "three venues", "hand-made"])
def day(request, hand_day):
    if request.param == "hand-made":
        return RecordedDay(of_lobster(read_lobster(*hand_day)))
    if request.param == "clustered":
        return SyntheticDay(model={"branching": 0.6, "metaorders": 8, "reversion": 0.5, "displayed": 0.5})
    return SyntheticDay(venues=3 if request.param == "three venues" else 1)


def terms_of(day, **terms):
    few = isinstance(day, RecordedDay)  # seventeen messages by hand
    return Episode(**{"steps": 4 if few else 25, "messages": 2 if few else 40, "quantity": (50, 3000), **terms})


def play(stage, seed, draw):
    """Rewards of an episode under actions drawn from all there are."""
    rows, rewards, done = [stage.begin(seed)], [], 0
    while not done:
        intent = (PACES[draw.integers(6)], int(draw.integers(5)), float(draw.uniform(-1.2, 1.2)))
        row, reward, done = stage.step_one(*intent)
        rows.append(row)
        rewards.append(reward)
    assert np.isfinite(rows).all()
    return rewards


def test_episodes_are_their_seeds_in_a_used_engine_as_in_a_new_one(day):
    terms = terms_of(day)
    used, seen = terms.make(day), {}
    for seed in (1, 2, 3, 1, 3, 2):
        rewards = play(used, seed, np.random.default_rng(seed))
        used.core.check_invariants(from_nothing=True)
        used.core.market.check_invariants()
        log = (rewards, used.core.journal.sha256(), used.core.statistics())
        assert seen.setdefault(seed, log) == log
    for seed in (2, 1):
        fresh = terms.make(day)
        assert (play(fresh, seed, np.random.default_rng(seed)), fresh.core.journal.sha256()) == seen[seed][:2]
        fresh.core.close()


def test_positions_orders_and_log_tell_of_the_last_episode_alone(day):
    stage = terms_of(day).make(day)
    core = stage.core
    for seed in range(6):
        play(stage, seed, np.random.default_rng(seed))
        fills, parent = core.fills(), core.get_order(stage.parent_id())
        symbol = core.instruments.symbols.text(0)
        held = core.positions().get(symbol, (0, 0, 0))
        assert held == (parent.side.sign * int(fills["quantity"].sum()), 0, 0)
        assert parent.filled_quantity == fills["quantity"].sum()
        spent = int((fills["quantity"] * fills["price_e9"]).sum()) * parent.side.sign + int(fills["fee_e9"].sum())
        assert core.account()["cash_e9"] == 5 * 10**18 - spent
        assert core.statistics()["fills"] == len(fills)
        assert len(core.orders_array()) == len(core.journal_orders(stage.parent_id()))


def test_many_seats_and_everything_at_once(day):
    seats = [
        {"kappa": 1.0},
        {"penalty": 0.1},
        {"makes": True, "quantity": 500, "clip": 70},
        {"makes": True, "quantity": 90, "clip": 50},
    ]
    stage, draw = terms_of(day, quantity=(10, 4000)).make(day, seats=seats), np.random.default_rng(2)
    for seed in range(8):
        stage.begin(seed)
        more = True
        while more:
            for seat in range(2):
                stage.act(seat, PACES[draw.integers(6)], int(draw.integers(5)), float(draw.uniform(-1, 1)))
            for seat in range(2, 4):
                stage.act(seat, int(draw.integers(-2, 3)), int(draw.integers(-2, 3)))
            more = stage.step()
            stage.core.check_invariants(from_nothing=True)
        for seat, most in ((2, 500), (3, 90)):
            symbol = stage.core.instruments.symbols.text(0)
            assert abs(stage.core.positions(seat).get(symbol, (0, 0, 0))[0]) <= most
        assert all(stage.done(seat) for seat in range(4))
        stage.run_out()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_crew_steps_each_stage_as_it_would_be_alone(day, threads):
    count, terms, draw = 4, terms_of(day), np.random.default_rng(3)
    stages, alone = ([terms.make(day) for _ in range(count)] for _ in range(2))
    crew = Crew(stages, threads)
    rows, last = np.zeros((count, OBSERVATION), np.float32), np.zeros((count, OBSERVATION), np.float32)
    rewards, ended, figures = np.zeros(count), np.zeros(count, np.int8), np.zeros((count, FIGURES))
    crew.begin(np.arange(10, 10 + count, dtype=np.uint64), rows, ended)
    for k, stage in enumerate(alone):
        assert (stage.begin(10 + k) == rows[k]).all()
    for _ in range(40):
        actions = np.stack([draw.choice(PACES, count), draw.integers(0, 4, count), np.zeros(count)], 1)
        crew.step(actions, rows, rewards, ended, last, figures)
        for k, stage in enumerate(alone):
            row, reward, done = stage.step_one(actions[k, 0], int(actions[k, 1]), 0.0)
            assert (reward, done) == (rewards[k], ended[k])
            if done:
                assert (last[k] == row).all()
                assert (figures[k] == stage.figures()).all()
                row = stage.begin(stage.next_seed())
            assert (rows[k] == row).all()
    del crew
    gc.collect()


def test_arrays_of_another_size_are_refused():
    crew = Crew([Episode(steps=2).make() for _ in range(2)], 1)
    rows, ended = np.zeros((2, OBSERVATION), np.float32), np.zeros(2, np.int8)
    with pytest.raises(ValueError, match="not for 2 stages"):
        crew.begin(np.zeros(3, np.uint64), rows, ended)
    with pytest.raises(ValueError, match="not for 2 stages"):
        crew.step(np.zeros((2, 2)), rows, np.zeros(2), ended, rows, np.zeros((2, FIGURES)))
    for stages, threads in (([], 1), ([Episode(steps=2).make()], 0)):
        with pytest.raises(ValueError, match="must be 1 at least"):
            Crew(stages, threads)


def test_an_engine_that_cannot_begin_again_says_so():
    from grandmodel.execution.clock import SimulatedClock
    from grandmodel.execution.config import load_config
    from grandmodel.execution.engine import make_core

    where = {"first_ns": 0, "last_ns": 0, "end_ns": 1, "steps": 1, "messages": 1}
    used = make_core(load_config({"mode": "simulation"}), clock=SimulatedClock())
    used.submit_parent({"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "market"}, "twap")
    distant = make_core(
        load_config({"mode": "simulation", "simulation": {"latency": {"out_us": 50}}}), clock=SimulatedClock()
    )
    live = make_core(load_config({}))
    for core in (used, distant, live):
        stage = Stage(core, 0, 0, **where)
        stage.add(account=0, strategy=0, quantity=1)
        with pytest.raises(ValueError, match="cannot begin again"):
            stage.begin(1)


def test_seats_are_there_before_the_first_episode():
    stage = Episode(steps=1).make()
    stage.begin(0)
    with pytest.raises(ValueError, match="before its first episode"):
        stage.add(account=1, strategy=0)
    other = Episode(steps=1).make(seats=[{}] * 32)
    with pytest.raises(ValueError, match="up to 32"):
        other.add(account=33, strategy=0)


def test_a_forked_child_has_no_environment(tmp_path):
    import os

    stage = Episode(steps=1).make()
    stage.begin(0)
    child = os.fork()
    if child == 0:
        try:
            stage.begin(0)
        except BaseException as error:
            os._exit(7 if type(error).__name__ == "EngineForked" else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    stage.begin(0)


def test_a_forked_child_has_no_crew():
    import os

    crew, rows, ended = Crew([Episode(steps=1).make()], 2), np.zeros((1, OBSERVATION), np.float32), np.zeros(1, np.int8)
    child = os.fork()
    if child == 0:
        try:
            crew.begin(np.zeros(1, np.uint64), rows, ended)
        except BaseException as error:
            os._exit(7 if type(error).__name__ == "EngineForked" else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    crew.begin(np.zeros(1, np.uint64), rows, ended)


def test_a_recording_without_books_of_its_own_begins_with_what_came_before(amzn_files):
    """Its own best levels at the begin are those of a market that played everything before."""
    from dataclasses import replace

    from grandmodel.execution._core.instruments import Instruments
    from grandmodel.execution._core.replay import ReplayMarket
    from grandmodel.execution._core.scoring import Venues

    whole = of_lobster(read_lobster(*amzn_files))
    day = replace(whole, messages=whole.messages[:3000], books=None, end_ns=int(whole.messages["time_ns"][2999]))
    stage = Episode(steps=5, messages=20).make(RecordedDay(day))
    for seed in range(6):
        stage.begin(seed)
        instruments = Instruments()
        instruments.add("AMZN", tick_e9=day.tick_e9)
        venues = Venues(instruments)
        venues.add("NASDAQ")
        market = ReplayMarket(venues, "AMZN", "NASDAQ", day.messages)
        market.play(int(np.searchsorted(day.messages["time_ns"], stage.place[2])))
        rows = stage.core.depth("AMZN", 5)[0]
        bids, asks = market.depth(5)
        assert [tuple(row) for row in rows[:, 2:].tolist() if row[1]] == [each[:2] for each in bids]
        assert [tuple(row) for row in rows[:, :2].tolist() if row[1]] == [each[:2] for each in asks]
        assert play(stage, seed, np.random.default_rng(seed)) == play(stage, seed, np.random.default_rng(seed))


def test_a_seat_that_is_not_there_is_told():
    stage = Episode(steps=3).make(SyntheticDay())
    for ask in (stage.figures, stage.costs, stage.observation, stage.reward, stage.done, stage.order, stage.parent_id,
                stage.slice):  # fmt: skip
        for seat in (-1, 1, 500_000):
            with pytest.raises(IndexError, match="must be from 0 to 0"):
                ask(seat)
    with pytest.raises(IndexError):
        stage.act(1, 1.0, 0)
    stage.core.close()
