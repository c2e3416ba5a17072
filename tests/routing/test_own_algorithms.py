"""A user's own algorithms from a configuration and from the command line; what is said of algorithms is checked."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support_routing import synthetic

from grandmodel.execution import ExecutionEngine, SmartOrderRouter, clock
from grandmodel.execution.config import load_config
from grandmodel.execution.routing.algorithms import ALGORITHMS, AlgorithmConfigError
from grandmodel.execution.routing.checks import defaults_of

MODULE = """
import numpy as np
from grandmodel.execution.routing.algorithms import Algorithm, Plan, register
from grandmodel.execution.routing.algorithms.parameters import read_count

@register
class Halves(Algorithm):
    name = "halves_of_a_test"

    def read(self, config):
        self.slices = read_count(config, "slices", 2, 1, 100, "a whole number")

    def horizon_ns(self, parent):
        return 600 * 10**9

    def plan(self, parent):
        edges = np.linspace(parent.clock.now_ns(), parent.plan_end_ns, self.slices + 1).astype(np.int64)
        targets = np.linspace(0, parent.quantity, self.slices + 1).astype(np.int64)[1:]
        return Plan(edges[:-1], edges[1:], targets)
"""
ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"}


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODULE)
    yield str(path)
    ALGORITHMS.pop("halves_of_a_test", None)
    for name in [name for name in sys.modules if name.startswith("_user_mine")]:
        del sys.modules[name]


def executed(routing, order=ORDER, way=None):
    async def main():
        with ExecutionEngine({"mode": "simulation", "routing": routing}) as engine:
            if way is None:
                return await engine.router.execute_order(order)
            return await engine.router.execute_algorithm_order(order, way)

    return clock.run(main(), seed=2)


def test_the_default_algorithm_executes_market_orders(module):
    routing = {
        "modules": [module], "default_algorithm": "halves_of_a_test", "algorithms": {"halves_of_a_test": {"slices": 4}},
    }  # fmt: skip
    result = executed(routing)
    assert (result.algorithm, result.filled_quantity) == ("halves_of_a_test", 100)
    assert result.execution_duration > 100
    assert executed(routing, way={"urgency": "high"}).algorithm == "halves_of_a_test"  # names none
    assert executed(routing, way={"algorithm": "market"}).algorithm == "market"
    assert executed(routing, {**ORDER, "venue": "NYSE"}).venue == "NYSE"  # who names a venue has his order sent there


def test_parameters_by_algorithm_are_for_what_an_order_leaves_out():
    routing = {"algorithms": {"twap": {"duration_minutes": 3}, "is": {"duration_minutes": 4}, "market": None}}
    assert 100 < executed(routing, way={"algorithm": "twap"}).execution_duration <= 180
    assert executed(routing, way={"algorithm": "twap", "duration_minutes": 30}).execution_duration > 900
    assert executed(routing, way={"algorithm": "is"}).algorithm == "implementation_shortfall"


@pytest.mark.parametrize(
    ("routing", "field"),
    [
        ({"default_algorithm": "vwapp"}, "routing.default_algorithm"),
        ({"default_algorithm": "wheel"}, "routing.default_algorithm"),
        ({"default_algorithm": "vwap"}, "routing.default_algorithm.duration_minutes"),
        ({"algorithms": {"twpa": {}}}, "routing.algorithms.twpa"),
        ({"algorithms": {"twap": {"duration": 3}}}, "routing.algorithms.twap.duration"),
        ({"algorithms": {"twap": {"duration_minutes": -1}}}, "routing.algorithms.twap.duration_minutes"),
        ({"modules": ["nowhere.py"]}, "routing.modules"),
        ({"modules": ["no_such_module_here"]}, "routing.modules"),
        ({"wheels": {"w": {"algorithms": {"vwap": {}, "twpa": {}}}}}, "wheels.w.algorithms"),
        (
            {"wheels": {"w": {"algorithms": {"vwap": {"durations": 3}, "twap": {}}}}},
            "routing.wheels.w.algorithms.vwap.durations",
        ),
    ],
)
def test_what_cannot_be_worked_is_said_before_anything_is(routing, field, tmp_path):
    with pytest.raises(AlgorithmConfigError) as error:
        ExecutionEngine({"routing": routing})
    assert error.value.field == field
    with pytest.raises(AlgorithmConfigError):
        SmartOrderRouter(routing).core  # noqa: B018 - it is made when it is asked for


def test_the_default_may_be_the_only_wheel():
    wheel = {"algorithms": {"twap": {"duration_minutes": 5}, "vwap": {"duration_minutes": 5}}}
    assert executed({"default_algorithm": "wheel", "wheels": {"w": wheel}}).algorithm in ("twap", "vwap")


def test_the_command_line_imports_them(module, tmp_path):
    code = "from grandmodel.execution.cli import main; main()"
    command = ["compare", "--import", module, "--way", "twap", "--way", "halves_of_a_test:slices=3", "--seeds", "2",
               "--quantity", "500", "--symbol", "AAPL", "--json"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "halves_of_a_test" in done.stdout
    (tmp_path / "wrong.yaml").write_text("execution:\n  routing: {default_algorithm: vwapp}\n")
    done = subprocess.run(
        [sys.executable, "-c", code, "config", "check", "wrong.yaml"], capture_output=True, text=True, cwd=tmp_path,
        check=False,
    )  # fmt: skip
    assert (done.returncode, "did you mean 'vwap'" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("written", "asked"),
    [("is", "implementation_shortfall"), ("implementation_shortfall", "is"), ("is", "is")],
)
def test_parameters_are_those_of_an_algorithm_by_either_of_its_names(written, asked):
    config = load_config({"mode": "simulation", "routing": {"algorithms": {written: {"urgency": "high"}}}})
    assert defaults_of(config, asked) == {"urgency": "high"}


def test_an_estimate_is_of_the_parameters_that_an_order_would_have():
    core, _ = synthetic(3, routing={"algorithms": {"twap": {"duration_minutes": 30}}})
    router = SmartOrderRouter(engine=core)
    order = {"symbol": "AAPL", "side": "buy", "quantity": 1000, "order_type": "market"}
    (given,) = router.estimate(order, [{"algorithm": "twap"}])
    (usual,) = (each for each in router.estimate(order) if each.algorithm == "twap")
    assert (given.duration_minutes, usual.duration_minutes) == (30, 30)
    (own,) = router.estimate(order, [{"algorithm": "twap", "duration_minutes": 10}])
    assert own.duration_minutes == 10
