"""Baselines and metrics: schedules by slow twins, the table's figures by NumPy, and `gmexec learn evaluate`."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from grandmodel.execution._core.schedule import DEFAULT_VOLUME_CURVE
from grandmodel.execution.environments import Episode, ExecutionEnv, RecordedDay, SyntheticDay
from grandmodel.execution.environments.baselines import BASELINES, KAPPA, Policy
from grandmodel.execution.environments.evaluation import evaluate
from grandmodel.execution.learn_command import load_policy

from . import twins

DEEP = SyntheticDay(depth=40.0)  # a slice never empties the touch and what is behind it


def path_of(name, day, terms, seed):
    """Shares filled after each step of a baseline."""
    stage, policy, filled = terms.make(day), BASELINES[name](), []
    observation, done = stage.begin(seed), 0
    policy.begin(stage, seed)
    while not done:
        observation, _, done = stage.step_one(*policy.intend(stage, observation))
        filled.append(int(stage.figures()[5]))
    return filled


@pytest.mark.parametrize(("name", "kappa"), [("twap", 0.0), ("vwap", 0.0), ("almgren_chriss", KAPPA)])
@pytest.mark.parametrize("own", [0.0, 1.3])
def test_followers_trade_their_schedules(name, kappa, own):
    """Whatever the episode's own schedule is that paces are multiples of."""
    steps, quantity = 40, 4000
    filled = path_of(name, DEEP, Episode(quantity=quantity, steps=steps, kappa=own), 3)
    left = [twins.plan_left(kappa, k / steps) for k in range(steps + 1)]
    assert filled == twins.followed(quantity, left)
    assert filled[-1] == quantity
    assert np.abs(np.array(filled) - quantity * (1.0 - np.array(left[1:]))).max() < 2.0


def test_vwap_asks_for_the_usual_volume_of_the_time_of_day(amzn):
    """Where it cannot have that (the recorded book is thin) what is left is spread over the rest."""
    steps = 60
    day = RecordedDay(amzn, begin="09:45", end="09:45")
    stage, policy = Episode(quantity=900, steps=steps, interval=60.0, kappa=1.0).make(day), BASELINES["vwap"]()
    stage.begin(1)
    policy.begin(stage, 1)
    halves = np.concatenate([[0.0], np.cumsum(DEFAULT_VOLUME_CURVE)])
    usual = np.interp(15.0 + np.arange(steps + 1), 30.0 * np.arange(14), halves)  # minutes since the open
    done = 0
    for k in range(steps):
        pace, place, _ = intent = policy.intend(stage, None)
        assert pace * stage.slice() == pytest.approx((usual[k + 1] - usual[k]) / (usual[-1] - usual[k]), rel=1e-9)
        assert place == 3
        *_, done = stage.step_one(*intent)
        if done:
            break
    assert k > 40
    assert stage.figures()[5] > 800


def test_chance_is_its_seeds_and_reaches_every_action():
    stage, policy, seen = Episode().make(), BASELINES["random"](), set()
    draws = []
    for _ in range(2):
        policy.begin(stage, 5)
        draws.append([policy.intend(stage, None) for _ in range(400)])
    assert draws[0] == draws[1]
    seen = {(pace, place) for pace, place, _ in draws[0]}
    assert len(seen) == 24


class Slow(Policy):
    """Every second slice, a tick inside; it keeps what it met."""

    def __init__(self):
        self.episodes = []

    def begin(self, stage, seed):
        self.stage, self.mids = stage, []
        self.episodes.append(self)

    def intend(self, stage, observation):
        return float(stage.place[0] % 2), 1, 0.0


def test_the_figures_are_numpys_of_the_episodes(day):
    count, terms = 40, Episode(quantity=(100, 900), steps=8)
    score, other = evaluate({"mine": Slow(), "twap": "twap"}, day=day, episode=terms, episodes=count, seed=7)
    costs, completions, advantages, baseline = [], [], [], []
    stage = terms.make(day)
    for policy, into in ((Slow(), costs), (BASELINES["twap"](), baseline)):
        for k in range(count):
            stage.begin(7 + k)
            policy.begin(stage, 7 + k)
            symbol = stage.core.instruments.symbols.text(0)
            done, mids = 0, [stage.core.quote(symbol).mid_e9]
            while not done:
                *_, done = stage.step_one(*policy.intend(stage, None))
                mids.append(stage.core.quote(symbol).mid_e9)
            into.append(stage.costs()["shortfall_bps"])
            while stage.place[0] < 8:
                before = stage.place[0]
                stage.run_out()
                assert stage.place[0] > before
            if into is baseline:
                continue
            fills = stage.core.fills()
            filled = int(fills["quantity"].sum())
            completions.append(filled / stage.order()[1])
            average = int((fills["quantity"] * fills["price_e9"]).sum()) / filled
            advantages.append(stage.order()[0] * (1 - average / stage.figures()[9]) * 1e4)
            if len(mids) == 9:
                assert stage.figures()[9] == pytest.approx(np.mean(mids), rel=1e-12)
    costs, advantages, gap = np.array(costs), np.array(advantages), np.array(baseline) - np.array(costs)
    assert score.cost.mean == pytest.approx(costs.mean(), rel=1e-12)
    assert score.deviation == pytest.approx(costs.std(ddof=1), rel=1e-12)
    assert score.tail_bps == pytest.approx(np.sort(costs)[-2:].mean(), rel=1e-12)
    assert score.worst_bps == costs.max()
    assert score.completion == pytest.approx(np.mean(completions), rel=1e-12)
    assert score.pa_bps == pytest.approx(advantages.mean(), rel=1e-9)
    gains, losses = advantages[advantages > 0], advantages[advantages < 0]
    assert score.glr == pytest.approx(gains.mean() / abs(losses.mean()), rel=1e-9)
    assert score.difference is None
    assert other.difference.interval.mean == pytest.approx(gap.mean(), rel=1e-9, abs=1e-12)
    assert score.cost.low < score.cost.mean < score.cost.high


def test_pa_is_the_opposite_sign_of_cost():
    """A buyer who crosses pays half the spread: its cost is positive, its price advantage negative."""
    (score,) = evaluate({"twap": "twap"}, day=DEEP, episode=Episode(quantity=100, steps=5), episodes=60)
    assert score.cost.mean > 0 > score.pa_bps


def test_the_same_policy_on_the_same_seeds_differs_by_nothing():
    def policy(observation):
        return [2, 3 if observation[3] < 2.0 else 0]

    first, second = evaluate({"one": policy, "two": policy}, episode=Episode(steps=10), episodes=40)
    assert first.cost == second.cost
    assert (second.difference.interval.low, second.difference.interval.high) == (0.0, 0.0)
    assert second.difference.verdict == "no difference can be told"


def test_a_policy_that_draws_is_told_the_seed():
    class Draws:
        def begin(self, seed):
            self.draw = np.random.default_rng(seed)

        def __call__(self, observation):
            return self.draw.integers(0, 6), self.draw.integers(0, 4)

    one, two = (evaluate({"d": Draws()}, episode=Episode(steps=10), episodes=10)[0] for _ in range(2))
    assert repr(one) == repr(two)  # an Unknown equals nothing


def test_windows_of_one_half_hour_are_one_sample(amzn):
    day = RecordedDay(amzn, begin="10:00", end="10:59")
    score, _ = evaluate({"twap": "twap", "random": "random"}, day=day, episode=Episode(steps=5), episodes=40)
    assert score.cost.count == 40
    assert score.cost.blocks == 2


def test_what_cannot_be_evaluated_is_named():
    for arguments, words in (
        ({"policies": {}}, "policies is empty"),
        ({"policies": {"x": "best"}}, "policy 'x' is 'best'"),
        ({"policies": {"twap": "twap"}, "episodes": 0}, "episodes is 0"),
        ({"policies": {"twap": "twap"}, "seed": -1}, "seed is -1"),
        ({"policies": {"f": lambda row: [9, 9]}, "episodes": 1}, "action is"),
        ({"policies": {"f": lambda row: [0, 0]}, "actions": "x"}, "actions is 'x'"),
    ):
        with pytest.raises(ValueError, match="must") as error:
            evaluate(**arguments)
        assert words in str(error.value)
    with pytest.raises(TypeError, match="policy 'x' is int"):
        evaluate({"x": 3})


# ---- the command


def gmexec(*arguments, ok=True, cwd=None):
    done = subprocess.run(
        [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, cwd=cwd,
    )  # fmt: skip
    assert (done.returncode == 0) is ok, done.stderr
    return done


POLICY = """
class Patient:
    def __call__(self, observation):
        return [3, 0] if observation[0] < 0.8 else [5, 3]

def patient(observation):
    return [3, 0] if observation[0] < 0.8 else [5, 3]

number = 3
"""


def test_the_command_prints_a_table_of_any_callable(tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    arguments = ("learn", "evaluate", "mine.py:patient", "mine:Patient", "--episodes", 35, "--steps", 20)
    out = gmexec(*arguments, cwd=tmp_path).stdout
    for word in ("twap", "vwap", "almgren_chriss", "random", "mine.py:patient", "CVaR", "PA", "GLR", "35 episodes"):
        assert word in out
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines() if "episodes a policy" not in line)
    found = json.loads(gmexec(*arguments, "--json", cwd=tmp_path).stdout)["policies"]
    assert [each["policy"] for each in found][-2:] == ["mine.py:patient", "mine:Patient"]
    assert found[-1]["cost"] == found[-2]["cost"]
    scores = evaluate({"twap": "twap"}, episode=Episode(steps=20), episodes=35)
    assert found[0]["cost"]["mean"] == scores[0].cost.mean


def test_the_command_on_a_recorded_day(amzn_files):
    messages, books = amzn_files
    arguments = (
        "learn", "evaluate", "random", "--episodes", 5, "--steps", 10, "--interval", 5, "--start", "10:00",
        "--until", "11:00", "--messages", messages, "--orderbook", books,
    )  # fmt: skip
    out = gmexec(*arguments).stdout
    assert "did not react" in out
    assert "too few samples" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("twapp", "must be MODULE:NAME"),
        ("nofile.py:f", "no file nofile.py"),
        ("math:nothing", "math has no 'nothing'"),
        ("no_such_module_here:f", "no module 'no_such_module_here'"),
        ("math:pi", "pi is float"),
        (".math:f", "module '.math' is relative"),
        ("array:array", "cannot be made without arguments"),
        (":f", "must be MODULE"),
        ("math:", "must be MODULE"),
    ],
)
def test_a_policy_that_is_not_there(text, words):
    with pytest.raises(ValueError, match="policy is") as error:
        load_policy(text)
    assert words in str(error.value)


def test_errors_of_the_command_are_a_line():
    for arguments, words in (
        (("nothing",), "policy is 'nothing'"), (("twap", "--start", "10:00"), "need a recording"),
        (("twap", "--side", "long"), "side is 'long'"), (("twap", "--interval", "nan"), "interval is nan"),
    ):  # fmt: skip
        error = gmexec("learn", "evaluate", *arguments, ok=False).stderr
        assert error.startswith("gmexec: ")
        assert words in error
        assert len(error.splitlines()) == 1


def test_without_the_extra_the_error_names_it(tmp_path):
    code = "import sys; sys.modules['gymnasium'] = None\nfrom grandmodel.execution.environments import ExecutionEnv"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'grandmodel-execution[marl]'" in done.stderr
    assert math.isfinite(Episode().make().begin(1)[0])
    assert ExecutionEnv is not None
