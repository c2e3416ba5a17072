"""A `ColumnMap` as a YAML file: `gmexec data check FILE --map columns.yaml`, and `gmexec replay` with the same."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from grandmodel.execution._core.values import MarketDataError

from .columns import ColumnMap
from .messages import Action

_TEXTS = {
    "time", "time_unit", "since", "zone", "price", "quantity", "quantity_step", "action", "side", "order_id",
    "counterparty", "sequence", "symbol", "venue", "delimiter",
}  # fmt: skip


def read_columns(path: str | os.PathLike[str]) -> ColumnMap:
    """The map that a YAML file states, by the names of `ColumnMap`'s attributes.

    An action is written in capitals (``action: TRADE``, ``actions: {T: TRADE, X: null}``); another text names the
    column that has it. Levels are lists (``bids: [[bid, bid_size]]``).

    Raises
    ------
    MarketDataError  no such file, no mapping, an unknown key (the nearest is named) or a value that cannot be
    """
    import yaml

    file = Path(path)
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MarketDataError(f"{file}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MarketDataError(f"{file}: cannot be read as YAML: {error}") from None
    if not isinstance(given, dict):
        raise MarketDataError(f"{file}: holds {type(given).__name__}, must be a mapping such as 'time: when'")
    known = [each.name for each in fields(ColumnMap)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise MarketDataError(f"{file}: {key!r} is no key of a map" + (f"; is it {near[0]!r}?" if near else ""))
    if "time" not in given:
        raise MarketDataError(f"{file}: time is not stated: which column has it")
    try:
        return ColumnMap(**{key: _read(key, value) for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise MarketDataError(f"{file}: {error}") from None


def _read(key: str, value: Any) -> Any:
    """A value of the file as `ColumnMap` has it. TypeError or ValueError naming the key."""
    if key == "action" and isinstance(value, str) and value in Action.__members__:
        return Action[value]
    if key in _TEXTS:
        if not isinstance(value, str):
            raise TypeError(f"{key} is {value!r}, must be text (in quotes where it looks like a number)")
        return value
    if key in ("bids", "asks"):
        if not _is_list(value) or not all(_is_texts(level) for level in value):
            raise TypeError(f"{key} is {value!r}, must be a list of [price column, quantity column] a level")
        return tuple(tuple(level) for level in value)
    if key == "columns":
        if not _is_texts(value):
            raise TypeError(f"{key} is {value!r}, must be a list of names, one a column")
        return tuple(value)
    if key == "price_scale":
        return value  # an integer: the map says so itself
    if not isinstance(value, Mapping):
        raise TypeError(f"{key} is {value!r}, must be a mapping")
    texts = {str(name): told for name, told in value.items()}
    if key == "actions":
        return {text: _action(text, told) for text, told in texts.items()}
    if key == "sides":
        for text, told in texts.items():
            if type(told) is not int or told not in (-1, 0, 1):
                raise ValueError(f"sides[{text!r}] is {told!r}, must be 1, -1 or 0")
        return texts
    if not all(_is_texts(told) for told in texts.values()):  # keep
        raise TypeError(f"{key} is {value!r}, must have a list of texts for each column")
    return {column: tuple(told) for column, told in texts.items()}


def _action(text: str, told: Any) -> Action | None:
    if told is None:
        return None
    if told not in Action.__members__:
        raise ValueError(f"actions[{text!r}] is {told!r}, must be null or one of {', '.join(Action.__members__)}")
    return Action[told]


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_texts(value: Any) -> bool:
    return _is_list(value) and all(isinstance(each, str) for each in value)
