"""Which column of somebody else's file is what: the YAML map of `gmexec tca FILE --map columns.yaml`.

    time_zone: Europe/London          # of times that do not say theirs
    fills:                            # the file itself
      order: parent_id
      event: event_type               # rows that are no fills: what each kind of event is
      events: {trade: fill, placement: order, cancel: other, cancel/replace: other}
      quantity: executed
      price: executed_price
      time: date
    orders:                           # the parents, where another file has them
      file: orders.csv
      order: id
      quantity: size
      side: side
      decision_time: date
      decision_price: arrival_price
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .._core.values import ExecutionError

__all__ = ["EVENTS", "ForeignMap", "MapError", "Section", "read_map"]

#: What a row can be: a fill; what opens an order, or gives it another quantity; what takes a fill back (`reference`
#: names it), or is in its stead; anything else.
EVENTS = ("fill", "order", "replace", "bust", "correct", "other")
FORMATS = ("csv", "parquet", "fix")
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}

_COLUMNS = {
    "fills": (
        "order", "fill", "reference", "event", "symbol", "side", "quantity", "price", "time", "venue", "fees", "bid",
        "ask", "mid", "order_quantity",
    ),
    "orders": (
        "order", "symbol", "side", "quantity", "decision_time", "arrival_time", "end_time", "decision_price",
        "arrival_price", "end_price", "fees",
    ),
    "quotes": ("symbol", "time", "bid", "ask", "venue"),
    "trades": ("symbol", "time", "price", "quantity", "venue"),
}  # fmt: skip
_NEEDED = {
    "fills": ("order", "quantity", "price"), "orders": ("order", "quantity"), "quotes": ("time", "bid", "ask"),
    "trades": ("time", "price", "quantity"),
}  # fmt: skip
_OPTIONS = ("keep", "time_zone", "time_unit", "delimiter", "format")
_TOP = ("format", "delimiter", "time_zone", "time_unit", "quantity_step", "sides", "horizons_s", *_COLUMNS)
#: Execution reports of FIX 4.x by tag; see the volumes' ExecType (150) and ExecTransType (20).
_FIX_FILLS = {
    "order": "37", "fill": "17", "reference": "19", "event": "event", "symbol": "55", "side": "54", "quantity": "32",
    "price": "31", "time": "60", "venue": "30", "fees": "12", "order_quantity": "38",
}  # fmt: skip
_FIX_EVENTS = {
    "F": "fill", "1": "fill", "2": "fill", "0": "order", "5": "replace", "H": "bust",
    "G": "correct", **dict.fromkeys("346789ABCDEI", "other"),
}  # fmt: skip


class MapError(ExecutionError, ValueError):
    """A map of columns is refused; the message names the key, and the nearest known one."""


@dataclass(frozen=True, slots=True)
class Section:
    """The columns of one file, by what they are."""

    columns: Mapping[str, str]
    events: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    file: str | None = None
    format: str | None = None
    delimiter: str = ","
    time_zone: str | None = None
    time_unit: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignMap:
    """A map that was read and checked. `folder`: what file names in it are relative to."""

    fills: Section
    orders: Section | None
    quotes: Section
    trades: Section
    sides: Mapping[str, int]
    horizons_s: tuple[float, ...]
    quantity_step: Decimal
    folder: Path


def read_map(source: str | os.PathLike[str] | Mapping[str, Any]) -> ForeignMap:
    """The map in a YAML file, or as a mapping.

    Raises
    ------
    MapError  a key is not known (the nearest one is named), one is missing, or a value is none that it can have.
    """
    folder = Path()
    name = "map"
    if not isinstance(source, Mapping):
        import yaml

        path = Path(source)
        folder, name = path.parent, str(path)
        try:
            source = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise MapError(f"{name}: cannot be read: {str(error).splitlines()[0]}") from None
    top = _keys(source, _TOP, name)
    format = _one_of(top.get("format"), FORMATS, f"{name}: format")
    if format == "fix":
        top = {"time_zone": "UTC", **top, "fills": {"events": {}, **_FIX_FILLS, **(top.get("fills") or {})}}
        top["fills"]["events"] = {**_FIX_EVENTS, **top["fills"]["events"]}
    if "fills" not in top:
        raise MapError(f"{name}: fills is missing: the columns of the file's fills")
    sections = {key: _section(key, top[key], top, name) for key in _COLUMNS if key in top}
    for key in ("quotes", "trades"):
        columns = {column: column for column in _NEEDED[key]}
        sections.setdefault(key, _section(key, columns, {**top, "format": None}, name))
    return ForeignMap(
        fills=sections["fills"],
        orders=sections.get("orders"),
        quotes=sections["quotes"],
        trades=sections["trades"],
        sides=_sides(top.get("sides"), name),
        horizons_s=_horizons(top.get("horizons_s", (1, 10, 60, 300)), name),
        quantity_step=_step(top.get("quantity_step", 1), name),
        folder=folder,
    )


def _keys(value: Any, known: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise MapError(f"{where} is {type(value).__name__}, must be a mapping of {', '.join(known)}")
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise MapError(f"{where}: unknown key {key!r}; {hint}")
    return dict(value)


def _one_of(value: Any, known: tuple[str, ...], where: str) -> str | None:
    if value is not None and value not in known:
        raise MapError(f"{where} is {value!r}, must be one of {', '.join(known)}")
    return None if value is None else str(value)


def _section(key: str, value: Any, top: Mapping[str, Any], name: str) -> Section:
    where = f"{name}: {key}"
    extra = {"fills": ("events",), "orders": ("file",)}.get(key, ())
    given = _keys(value, (*_COLUMNS[key], *extra, *_OPTIONS), where)
    columns = {column: given[column] for column in _COLUMNS[key] if given.get(column) is not None}
    for column, title in columns.items():
        if isinstance(title, bool) or not isinstance(title, str | int):
            raise MapError(f"{where}: {column} is {title!r}, must be the name of a column")
    for column in _NEEDED[key]:
        if column not in columns:
            raise MapError(f"{where}: {column} is missing")
    events = {str(text): kind for text, kind in _keys_of(given.get("events") or {}, f"{where}: events").items()}
    for text, kind in events.items():
        _one_of(kind, EVENTS, f"{where}: events: {text}")
    if "event" in columns and not events:
        raise MapError(f"{where}: events is missing: which texts of {columns['event']!r} are a fill")
    kept = _keys_of(given.get("keep") or {}, f"{where}: keep")
    keep = {str(column): tuple(map(str, v if isinstance(v, list) else [v])) for column, v in kept.items()}
    zone = given.get("time_zone", top.get("time_zone"))
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ValueError, KeyError, TypeError, OSError):
        raise MapError(f"{where}: time_zone is {zone!r}, must be a name such as Europe/London") from None
    delimiter = given.get("delimiter", top.get("delimiter", ","))
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise MapError(f"{where}: delimiter is {delimiter!r}, must be one character")
    return Section(
        columns={column: str(title) for column, title in columns.items()},
        events=events,
        keep=keep,
        file=given.get("file"),
        format=_one_of(given.get("format", top.get("format") if key == "fills" else None), FORMATS, f"{where}: format"),
        delimiter=delimiter,
        time_zone=zone,
        time_unit=_one_of(given.get("time_unit", top.get("time_unit")), tuple(UNITS), f"{where}: time_unit"),
    )


def _keys_of(value: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise MapError(f"{where} is {value!r}, must be a mapping")
    return value


def _sides(value: Any, name: str) -> dict[str, int]:
    given = {"buy": "buy", "b": "buy", "1": "buy", "sell": "sell", "s": "sell", "-1": "sell", "2": "sell", "5": "sell"}
    given |= {str(text).lower(): meaning for text, meaning in _keys_of(value or {}, f"{name}: sides").items()}
    return {
        text: 1 if _one_of(meaning, ("buy", "sell"), f"{name}: sides: {text}") == "buy" else -1
        for text, meaning in given.items()
    }


def _horizons(value: Any, name: str) -> tuple[float, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    for v in values:
        if isinstance(v, bool) or not isinstance(v, int | float) or not 0 <= v <= 1e6:
            raise MapError(f"{name}: horizons_s has {v!r}, each must be seconds from 0 to a million")
    if not 0 < len(values) <= 15 or len({*values}) < len(values):
        raise MapError(f"{name}: horizons_s is {value!r}, must be from 1 to 15 different horizons")
    return tuple(float(v) for v in values)


def _step(value: Any, name: str) -> Decimal:
    try:
        step = Decimal(str(value))
        good = step.is_finite() and step > 0
    except InvalidOperation:
        good = False
    if not good or isinstance(value, bool):
        raise MapError(f"{name}: quantity_step is {value!r}, must be > 0")
    return step
