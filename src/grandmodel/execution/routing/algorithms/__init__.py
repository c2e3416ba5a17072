"""Execution algorithms: one coroutine each, over the clock and a native schedule; found here by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import Algorithm, AlgorithmConfigError, Parent
from .implementation_shortfall import ImplementationShortfall
from .market import Market
from .twap import TWAP
from .vwap import VWAP

#: Every algorithm by its name.
ALGORITHMS: dict[str, type[Algorithm]] = {each.name: each for each in (TWAP, VWAP, ImplementationShortfall, Market)}

#: Other words for the same thing.
SYNONYMS = {"market_order": "market", "smart_router": "market", "is": "implementation_shortfall"}


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
    if not isinstance(known, str) or known not in ALGORITHMS:
        near = get_close_matches(str(name), [*ALGORITHMS, *SYNONYMS], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AlgorithmConfigError("algorithm", name, f"one of {', '.join(ALGORITHMS)}{hint}")
    return ALGORITHMS[known](parameters)


__all__ = ["ALGORITHMS", "SYNONYMS", "Algorithm", "AlgorithmConfigError", "Parent", "make_algorithm"]
