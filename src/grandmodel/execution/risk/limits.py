"""Limits that change while the engine runs: compared, recorded with who and why, and swapped at once; or refused.

A limit is known by its path below ``risk_controls`` (``position_limits.AAPL``, ``exposure_limits.max_leverage``; the
two of ``order_management`` keep its name), and its value is an integer in its own unit: 1e-9 of units, money, fractions
and basis points; nanoseconds; counts; codes of words. That is what LIMIT records hold, so the log says which limits
were in force at each of its records.

    change = om.reload_limits("engine.yaml", who="anna", why="day of the index rebalance")
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from .._core.limits import change_limits, record_limits
from .._core.records import LIMIT_DTYPE
from .._core.risk import COLLAR_REFERENCES, SELF_MATCH_MODES, Limits
from .._core.values import ExecutionError
from ..config import ConfigError, ExecutionConfig, load_config, risk_config

if TYPE_CHECKING:
    from .._core.instruments import Instruments
    from .._core.submit import Core

__all__ = [
    "LimitChange", "LimitWatcher", "LimitsLoosened", "limit_settings", "limit_values", "record_configured",
    "reload_limits",
]  # fmt: skip

log = logging.getLogger("grandmodel.execution")

_E9: Final = 10**9
#: In these families a name without an own limit has the family's default.
_DEFAULTS: Final = {
    "position_limits": "position_limits.default",
    "exposure_limits.sectors": "exposure_limits.default_sector_limit",
    "locates": "locates.default",
    "long_only": "long_only.default",
}
#: What more of loosens. Of the windows of conduct less does; of a word nobody can say what does.
_LESS: Final = frozenset({"order_limits.duplicate_window_ms", "order_limits.message_window_ms"})
_WORDS: Final = frozenset({"price_collar.reference", "self_match"})
_BARS: Final = ("restricted.", "long_only.", "halts")


class LimitsLoosened(ExecutionError):  # noqa: N818  (as the other exceptions of the engine)
    """Limits were asked for that would loosen some in force; nothing changed. `changes` are those."""

    def __init__(self, message: str, changes: tuple[LimitChange, ...] = ()) -> None:
        super().__init__(message)
        self.changes = changes

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.changes)


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One limit that changed. Values are integers in the limit's own unit; None: there was, or is, no limit."""

    name: str
    old: int | None
    new: int | None
    loosens: bool

    def __str__(self) -> str:
        return f"{self.name} from {_shown(self.name, self.old)} to {_shown(self.name, self.new)}"


def _shown(name: str, value: int | None) -> str:
    if value is None:
        return "no limit" if not name.startswith(_BARS) else "off"
    if name in _WORDS:
        words = COLLAR_REFERENCES if name == "price_collar.reference" else SELF_MATCH_MODES
        return next((word for word, code in words.items() if code == value), str(value))
    if name.startswith(_BARS) or name == "locates":
        return "on"
    if name.endswith("_ms"):
        return f"{value / 1e6:g} ms"
    if name in _COUNTS:
        return f"{value:,}"
    return f"{value // _E9:,}" if value % _E9 == 0 else f"{value / 1e9:,.9g}"


_COUNTS: Final = frozenset(
    {
        "order_management.daily_order_limit",
        "order_limits.max_messages",
        "order_limits.max_open_orders",
        "price_collar.max_ticks",
    }
)


# ---- from a configuration to values, and from values to what the core takes


def limit_values(config: ExecutionConfig, *, regardless: bool = False) -> dict[str, int]:
    """Every limit that a configuration has: {path: integer in the limit's own unit}. What is off is not there.

    Without `enable_pre_trade_risk` an engine has none; `regardless` gives them all the same.
    """
    return dict(_values(config)) if regardless or config.order_management.enable_pre_trade_risk else {}


def _values(config: ExecutionConfig) -> Iterator[tuple[str, int]]:
    risk, orders, exposure = (
        config.risk_controls,
        config.risk_controls.order_limits,
        config.risk_controls.exposure_limits,
    )
    collar = risk.price_collar
    scaled: dict[str, Any] = {
        **{f"position_limits.{name}": units for name, units in risk.position_limits.items()},
        "order_management.max_order_value": config.order_management.max_order_value,
        "order_limits.max_order_size": orders.max_order_size,
        "order_limits.max_notional": orders.max_notional,
        "order_limits.daily_notional": orders.daily_notional,
        "order_limits.max_volume_share": orders.max_volume_share,
        **{f"exposure_limits.sectors.{name}": share for name, share in exposure.sectors.items()},
        "exposure_limits.default_sector_limit": exposure.default_sector_limit,
        "exposure_limits.max_leverage": exposure.max_leverage,
        "exposure_limits.max_concentration": exposure.max_concentration,
        "exposure_limits.max_gross": exposure.max_gross,
        "exposure_limits.max_net": exposure.max_net,
        "price_collar.max_bps": None if collar is None else collar.max_bps,
        **{f"locates.{name}": units for name, units in (risk.locates or {}).items()},
    }
    for name, value in scaled.items():
        if value is not None:
            yield name, round(value * _E9)
    counted: dict[str, Any] = {
        "order_management.daily_order_limit": config.order_management.daily_order_limit,
        "order_limits.max_messages": orders.max_messages,
        "order_limits.max_open_orders": orders.max_open_orders,
        "price_collar.max_ticks": None if collar is None else collar.max_ticks,
        "price_collar.reference": None if collar is None else COLLAR_REFERENCES[collar.reference],
        "self_match": None if risk.self_match is None else SELF_MATCH_MODES[risk.self_match],
        "halts": 1 if risk.halts else None,
        "locates": None if risk.locates is None else 1,
        "long_only.default": 1 if risk.long_only is True else None,
        **{f"long_only.{name}": 1 for name in (() if isinstance(risk.long_only, bool) else risk.long_only)},
        **{f"restricted.{name}": 1 for name in risk.restricted},
    }
    yield from ((name, value) for name, value in counted.items() if value is not None)
    lasting: dict[str, float | None] = {
        "order_limits.duplicate_window_ms": orders.duplicate_window_ms,
        "order_limits.message_window_ms": None if orders.max_messages is None else orders.message_window_ms,
        "max_quote_age_ms": risk.max_quote_age_ms,
    }
    yield from ((name, round(value * 1e6)) for name, value in lasting.items() if value is not None)


def limit_settings(values: Mapping[str, int], instruments: Instruments) -> dict[str, Any]:
    """The keywords of `Limits.set` for those values. Symbols that are not in the table are left out with a warning."""
    known = instruments.symbols

    def family(name: str) -> dict[str, int]:
        found = {path[len(name) + 1 :]: value for path, value in values.items() if path.startswith(f"{name}.")}
        found.pop("default", None)
        return found

    def of_symbols(name: str) -> dict[str, int]:
        found = family(name)
        for symbol in [symbol for symbol in found if symbol not in known]:
            log.warning("risk_controls.%s.%s: no such instrument; the limit has no effect", name, symbol)
            del found[symbol]
        return found

    def of_sectors(name: str) -> dict[str, float]:
        found = family(name)
        for sector in found:
            if sector not in instruments.sectors and sector != "unknown":
                log.warning("risk_controls.%s.%s: no instrument is of it; the limit has no effect", name, sector)
        return {sector: value / 1e9 for sector, value in found.items()}

    def steps(name: str) -> dict[str, int]:
        return {symbol: value // instruments.step_e9(symbol) for symbol, value in of_symbols(name).items()}

    def whole(name: str) -> int | None:
        return None if name not in values else values[name] // _E9

    def fraction(name: str) -> float | None:
        return None if name not in values else values[name] / 1e9

    reference = values.get("price_collar.reference", COLLAR_REFERENCES["mid"])
    mode = values.get("self_match")
    return {
        "positions": steps("position_limits"),
        "default_position": whole("position_limits.default"),
        "max_order_size": whole("order_limits.max_order_size"),
        "max_notional_e9": values.get("order_limits.max_notional"),
        "max_order_value_e9": values.get("order_management.max_order_value"),
        "daily_value_e9": values.get("order_limits.daily_notional"),
        "daily_orders": values.get("order_management.daily_order_limit"),
        "sectors": of_sectors("exposure_limits.sectors"),
        "default_sector": fraction("exposure_limits.default_sector_limit"),
        "max_leverage": fraction("exposure_limits.max_leverage"),
        "max_concentration": fraction("exposure_limits.max_concentration"),
        "max_gross_e9": values.get("exposure_limits.max_gross"),
        "max_net_e9": values.get("exposure_limits.max_net"),
        "collar_bps": fraction("price_collar.max_bps"),
        "collar_ticks": values.get("price_collar.max_ticks"),
        "collar_reference": next(word for word, code in COLLAR_REFERENCES.items() if code == reference),
        "max_volume": fraction("order_limits.max_volume_share"),
        "duplicate_ns": values.get("order_limits.duplicate_window_ms"),
        "max_messages": values.get("order_limits.max_messages"),
        "rate_ns": values.get("order_limits.message_window_ms", _E9),
        "max_open_orders": values.get("order_limits.max_open_orders"),
        "restricted": sorted(of_symbols("restricted")),
        "long_only": True if "long_only.default" in values else sorted(of_symbols("long_only")),
        "located": steps("locates") if "locates" in values else None,
        "default_located": whole("locates.default"),
        "max_age_ns": values.get("max_quote_age_ms"),
        "halts": "halts" in values,
        "self_match": next((word for word, code in SELF_MATCH_MODES.items() if code == mode), None),
    }


# ---- comparison


def _in_force(values: Mapping[str, int], name: str) -> int | None:
    """What a limit amounts to: its own value, its family's default, or none."""
    if name in values:
        return values[name]
    family = name.rpartition(".")[0]
    default = _DEFAULTS.get(family)
    if default is not None and default in values:
        return values[default]
    return 0 if family == "locates" and "locates" in values else None


def _loosens(name: str, old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    before, after = _in_force(old, name), _in_force(new, name)
    if name.startswith(_BARS) or name == "locates":
        return bool(before) and not after
    if before is None:
        return False
    if after is None:
        return True
    if name in _WORDS:
        return True  # another reference, another mode: which is looser is not for a program to say
    return after < before if name in _LESS else after > before


def changes_between(old: Mapping[str, int], new: Mapping[str, int]) -> tuple[LimitChange, ...]:
    """What changes from `old` to `new`, by name. A limit that cannot be told to be as tight as before loosens."""
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return tuple(LimitChange(name, old.get(name), new.get(name), _loosens(name, old, new)) for name in names)


def _rows(changes: Iterable[LimitChange], who: str, why: str) -> np.ndarray[Any, Any]:
    changes = tuple(changes)
    rows = np.zeros(len(changes), LIMIT_DTYPE)
    for row, change in zip(rows, changes, strict=True):
        for name, value in (("old", change.old), ("new", change.new)):
            row[f"{name}_lo"], row[f"{name}_hi"] = (value or 0) & 0xFFFFFFFFFFFFFFFF, (value or 0) >> 64
        row["had"], row["has"], row["loosens"] = change.old is not None, change.new is not None, change.loosens
        row["name"], row["who"], row["why"] = _cut(change.name, 72), _cut(who, 32), _cut(why, 80)
    return rows


def _cut(text: str, size: int) -> bytes:
    """UTF-8 of at most `size` bytes, no character cut in two."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode()


def read_change(row: Any) -> tuple[LimitChange, str, str]:
    """A LIMIT record as the change, who and why."""
    old, new = ((int(row[f"{name}_hi"]) << 64) + int(row[f"{name}_lo"]) for name in ("old", "new"))
    texts = (bytes(row[name]).decode("utf-8", "replace") for name in ("name", "who", "why"))
    name, who, why = texts
    change = LimitChange(name, old if row["had"] else None, new if row["has"] else None, bool(row["loosens"]))
    return change, who, why


# ---- what an engine does


def record_configured(core: Core, config: ExecutionConfig) -> tuple[LimitChange, ...]:
    """At a start: records in what the configuration's limits differ from the last ones in the log."""
    values = limit_values(config)
    found = changes_between(core.limits.recorded, values)
    if found:
        record_limits(core, _rows(found, "configuration", f"start under {config.config_hash()[:16]}"))
    core.limits.values = core.limits.recorded = values
    return found


def _asked(source: Any, current: Mapping[str, int]) -> dict[str, int]:
    """The values that `source` asks for. What stands outside risk_controls in a mapping without it stays."""
    if isinstance(source, ExecutionConfig | str | os.PathLike):
        return limit_values(load_config(source))
    if not isinstance(source, Mapping):
        raise TypeError(f"limits is {type(source).__name__}, must be a path, a mapping or an ExecutionConfig")
    if "execution" in source or "risk_controls" in source:
        whole = source.get("execution", source)
        values = limit_values(load_config(source))
        has_orders = isinstance(whole, Mapping) and "order_management" in whole
    else:
        values = limit_values(risk_config(source))
        has_orders = "order_management" in source
    if has_orders:
        return values
    kept = {name: value for name, value in current.items() if name.startswith("order_management.")}
    return {**values, **kept}


def reload_limits(
    core: Core, source: Any, *, who: str, why: str, allow_loosening: bool = False
) -> tuple[LimitChange, ...]:
    """Puts other limits in force, all of them at once between two orders, each change a LIMIT record.

    Parameters
    ----------
    source : path of a configuration, a mapping of one or of its ``risk_controls`` alone (then the two limits of
        ``order_management`` stay), or an ExecutionConfig
    who, why : recorded with each change
    allow_loosening : without it nothing may become looser

    Returns
    -------
    what changed, by name; nothing, and no record, if nothing did

    Raises
    ------
    OSError, ConfigError  it cannot be read, or is wrong: the old limits stay, and the attempt is recorded
    LimitsLoosened        names each limit that would be looser: the old ones stay, and the attempt is recorded
    JournalError          the log takes no record: what tightens holds nevertheless, what loosens does not
    """
    for name, text in (("who", who), ("why", why)):
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise ValueError(f"{name} is {text!r}, must be text that says so")
    if not isinstance(allow_loosening, bool):
        raise TypeError(f"allow_loosening is {allow_loosening!r}, must be a bool")
    with _RELOADING:
        current: dict[str, int] = core.limits.values
        try:
            values = _asked(source, current)
            fresh = Limits(core.instruments)
            fresh.set(**limit_settings(values, core.instruments))
        except (OSError, ConfigError, TypeError, ValueError) as error:
            _refused(core, "*", who, str(error))
            raise
        found = changes_between(current, values)
        looser = tuple(change for change in found if change.loosens)
        if looser and not allow_loosening:
            named = "; ".join(map(str, looser))
            _refused(core, looser[0].name, who, f"loosens: {named}")
            raise LimitsLoosened(f"limits refused, they would loosen {named}; allow_loosening=True permits it", looser)
        if not found:
            return ()
        fresh.values = fresh.recorded = values
        change_limits(core, fresh, _rows(found, who, why))
    for change in found:
        log.info("limit changed by %s: %s (%s)", who, change, why)
    return found


_RELOADING = threading.Lock()


def _refused(core: Core, name: str, who: str, why: str) -> None:
    """Says in the log that limits were asked for and refused."""
    row = _rows([LimitChange(name, None, None, False)], who, " ".join(why.split()))
    row["refused"] = 1
    try:
        record_limits(core, row)
    except ExecutionError as error:
        log.warning("the refusal of limits could not be recorded: %s", error)
    log.warning("limits refused, the old ones stay in force: %s", why)


def apply_recorded(core: Core, row: Any) -> None:
    """A LIMIT record of a day that is lived again takes effect; of a core that nobody else uses."""
    if row["refused"]:
        return
    change, _, _ = read_change(row)
    values = dict(core.limits.values)
    if change.new is None:
        values.pop(change.name, None)
    else:
        values[change.name] = change.new
    core.limits.set(**limit_settings(values, core.instruments))
    core.limits.values = core.limits.recorded = values


# ---- a file that is watched


#: A file that has not changed for so long is whole.
_SETTLED_SECONDS = 0.05


class LimitWatcher:
    """Looks at a configuration's file now and then, in a thread of its own, and puts tighter limits in force.

    What loosens a limit is refused: `om.reload_limits(path, ..., allow_loosening=True)` does that. A file that cannot
    be read, or is wrong, leaves the limits as they are; `state` says so until a better one comes.

    Parameters
    ----------
    core : the engine's, held weakly: the watch ends with it
    path : the file
    interval : seconds between two looks
    """

    def __init__(self, core: Core, path: str | os.PathLike[str], interval: float = 1.0) -> None:
        self.path = Path(path)
        self._core = weakref.ref(core)
        self._interval = interval
        self._stop = threading.Event()
        self._seen = self._stamp()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="limits", daemon=True)
        self._thread.start()

    @property
    def state(self) -> dict[str, Any]:
        """path; state: "in force", "refused" (the file's limits are not those in force) or "closed"; trouble."""
        state: Literal["closed", "refused", "in force"] = (
            "closed" if self._stop.is_set() else "in force" if self._trouble is None else "refused"
        )
        return {"path": str(self.path), "state": state, "trouble": self._trouble}

    def look(self) -> tuple[LimitChange, ...]:
        """Looks now: what changed."""
        core = self._core()
        stamp = self._stamp()
        if core is None or stamp == self._seen:
            return ()
        self._seen = stamp
        try:
            found = reload_limits(core, self.path, who="file", why=f"{self.path.name} changed")
        except (OSError, ValueError, ExecutionError) as error:
            self._trouble = str(error)
            return ()
        self._trouble = None
        return found

    def close(self) -> None:
        """Ends the watch. Twice is allowed."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes with every change of a file; None: it is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _settled(self) -> None:
        """Waits while somebody is at the file: half of it would be another configuration."""
        stamp = self._stamp()
        while stamp != self._seen and not self._stop.wait(_SETTLED_SECONDS):
            before, stamp = stamp, self._stamp()
            if stamp == before:
                return

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            core = self._core()
            if core is None or core.closed:
                return
            try:
                self._settled()
                self.look()
            except Exception:
                log.exception("%s: the limits could not be looked at", self.path)
            del core
