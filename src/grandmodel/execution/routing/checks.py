"""Whether what a configuration says of algorithms can be worked, asked before anything is: they are code, not data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..user_modules import load_module
from .algorithms import OURS, SYNONYMS, WHEEL, make_algorithm
from .algorithms.parameters import AlgorithmConfigError

if TYPE_CHECKING:
    from ..config import ExecutionConfig

#: What needs no parameters, and no look at the algorithms.
PLAIN = frozenset({"smart_router", "market", "market_order"})


def check_routing(config: ExecutionConfig) -> None:
    """Loads `routing.modules`, and makes each algorithm that `routing` names once, for what it says of it.

    Raises
    ------
    AlgorithmConfigError  by the path of the key
    """
    routing = config.routing
    if routing.default_algorithm in PLAIN and not (routing.modules or routing.algorithms or routing.wheels):
        return
    for place in routing.modules:
        try:
            load_module(place)
        except (ValueError, OSError) as error:
            raise AlgorithmConfigError("routing.modules", place, f"a module or a file: {error}") from None
    for name, parameters in routing.algorithms.items():
        _check(f"routing.algorithms.{name}", name, parameters, whole=False)
    if routing.default_algorithm == WHEEL:
        if len(routing.wheels) != 1:
            raise AlgorithmConfigError("routing.default_algorithm", WHEEL, "an algorithm, unless there is one wheel")
    elif routing.default_algorithm not in PLAIN:
        given = defaults_of(config, routing.default_algorithm)
        _check("routing.default_algorithm", routing.default_algorithm, given, whole=True)
    from .wheel import read_rule

    for name, wheel in routing.wheels.items():
        _, arms = read_rule(name, wheel.to_mapping(), config.seed)
        for algorithm, parameters in arms.items():
            given = {**defaults_of(config, algorithm), **parameters}
            _check(f"routing.wheels.{name}.algorithms.{algorithm}", algorithm, given, whole=False)


def defaults_of(config: ExecutionConfig | None, name: object) -> dict[str, Any]:
    """What `routing.algorithms` has for an algorithm, also under its other name."""
    if config is None or not isinstance(name, str) or not config.routing.algorithms:
        return {}
    given, known = config.routing.algorithms, SYNONYMS.get(name, name)
    others = (each for each in given if SYNONYMS.get(each, each) == known)
    return dict(given.get(name) or given.get(known) or given.get(next(others, "")) or {})


#: What an order may bring, so that what else is wrong is found without it.
_BROUGHT = {
    "duration_minutes": 30, "participation_rate": 0.1, "max_participation": 0.1, "display_quantity": 100,
    "threshold": 100,
}  # fmt: skip


def usual_ways(duration_minutes: float = 60.0, config: ExecutionConfig | None = None) -> list[dict[str, Any]]:
    """Every algorithm of ours with what `config` has for it or else what it cannot do without, at once first; over
    `duration_minutes` where it may."""
    ways = []
    for name in OURS:
        way: dict[str, Any] = {**defaults_of(config, name), "algorithm": name}
        for more in ({"duration_minutes": duration_minutes}, {}):
            try:
                ways.append(_completed({**more, **way}))
                break
            except AlgorithmConfigError:
                continue
    return sorted(ways, key=lambda way: way["algorithm"] != "market")


def _completed(way: dict[str, Any]) -> dict[str, Any]:
    while True:
        try:
            make_algorithm(way)
            return way
        except AlgorithmConfigError as error:
            if error.value is not None or error.field not in _BROUGHT or error.field in way:
                raise
            way = {**way, error.field: _BROUGHT[error.field]}


def _check(where: str, name: str, parameters: dict[str, Any], *, whole: bool) -> None:
    """`whole`: nothing comes with the order; else what is missing may."""
    try:
        make_algorithm({**parameters, "algorithm": name})
    except AlgorithmConfigError as error:
        if error.field == "algorithm":
            raise AlgorithmConfigError(where, name, error.expected) from None
        missing = error.value is None and error.field not in parameters
        if missing and not whole:
            if error.field in _BROUGHT:
                _check(where, name, {**parameters, error.field: _BROUGHT[error.field]}, whole=False)
            return
        hint = f" (routing.algorithms.{name}.{error.field})" if missing else ""
        raise AlgorithmConfigError(f"{where}.{error.field}", error.value, error.expected + hint) from None
