"""Execution algorithms: one coroutine each, over the clock and a native schedule; found here by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ...user_modules import load_named_modules
from .adaptive import Adaptive
from .algorithm import PLACEMENTS, Algorithm, Plan
from .close import Close
from .dark_first import DarkFirst
from .forecast import historical_volume_curve
from .iceberg import Iceberg
from .implementation_shortfall import ImplementationShortfall
from .liquidity_seeking import LiquiditySeeking
from .market import Market
from .parameters import AlgorithmConfigError
from .parent import Parent, Progress
from .peg import Peg
from .pov import POV
from .sniper import Sniper
from .twap import TWAP
from .vwap import VWAP

_OURS = (
    TWAP, VWAP, ImplementationShortfall, POV, Iceberg, Adaptive, LiquiditySeeking, Close, Sniper, Peg, DarkFirst,
    Market,
)  # fmt: skip

#: Every algorithm by its name: ours, and those that were registered.
ALGORITHMS: dict[str, type[Algorithm]] = {each.name: each for each in _OURS}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")

#: The names of ours.
OURS: tuple[str, ...] = tuple(each.name for each in _OURS)

#: Those that are registered by a module of theirs, which is loaded when they are asked for.
_ELSEWHERE = {"policy": "grandmodel.execution.environments.live"}

#: Instead of an algorithm: one of several, drawn by the router (`routing.wheel`).
WHEEL = "wheel"

#: Other words for the same thing.
SYNONYMS = {"market_order": "market", "smart_router": "market", "is": "implementation_shortfall"}


def register(algorithm: type[Algorithm]) -> type[Algorithm]:
    """Makes a way to work orders known by its `name`: to `execute_algorithm_order` and to the configuration.

    Also a class decorator. The class gives a coroutine `run(parent)`, or a `plan(parent)`; see `Algorithm`.

    Raises
    ------
    TypeError   when it is no Algorithm
    ValueError  when its name is none (lower-case letters, digits, underscores), or is another's
    """
    if not isinstance(algorithm, type) or not issubclass(algorithm, Algorithm):
        raise TypeError(f"{algorithm!r} is no subclass of Algorithm")
    name = algorithm.name
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name of {algorithm.__name__} is {name!r}, must be lower-case letters, digits, underscores")
    if name in SYNONYMS or name == WHEEL or ALGORITHMS.get(name, algorithm) is not algorithm:
        raise ValueError(f"name of {algorithm.__name__} is {name!r}, which is an algorithm already")
    ALGORITHMS[name] = algorithm
    return algorithm


def make_algorithm(config: Mapping[str, Any]) -> Algorithm:
    """The algorithm that `config["algorithm"]` names, with the rest as its parameters.

    Raises
    ------
    AlgorithmConfigError  naming the parameter, its value and what was expected
    """
    from difflib import get_close_matches

    if not isinstance(config, Mapping):
        raise AlgorithmConfigError("config", config, "a mapping such as {'algorithm': 'vwap', ...}")
    parameters = dict(config)
    name = parameters.pop("algorithm", None)
    known = SYNONYMS.get(name, name) if isinstance(name, str) else name
    if isinstance(known, str) and known in _ELSEWHERE:
        import_module(_ELSEWHERE[known])
    elif isinstance(known, str) and known not in ALGORITHMS:
        load_named_modules()
    if not isinstance(known, str) or known not in ALGORITHMS:
        near = get_close_matches(str(name), [*ALGORITHMS, *SYNONYMS], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AlgorithmConfigError("algorithm", name, f"one of {', '.join(ALGORITHMS)}{hint}")
    return ALGORITHMS[known](parameters)


__all__ = [
    "ALGORITHMS",
    "OURS",
    "PLACEMENTS",
    "SYNONYMS",
    "Algorithm",
    "AlgorithmConfigError",
    "Parent",
    "Plan",
    "Progress",
    "historical_volume_curve",
    "make_algorithm",
    "register",
]
