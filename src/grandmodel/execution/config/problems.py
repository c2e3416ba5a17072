"""What can be wrong with a configuration, as data: `ConfigProblem`, collected in one `ConfigError`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

REDACTED = "<from the environment>"


class Interpolated(str):
    """Text that came from the environment. Validators may parse it; nothing prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return REDACTED


def contains_interpolated(value: Any) -> bool:
    """Whether a value, or anything inside it, came from the environment."""
    if isinstance(value, Interpolated):
        return True
    if isinstance(value, dict):
        return any(contains_interpolated(v) for v in value.values())
    if isinstance(value, list | tuple):
        return any(contains_interpolated(v) for v in value)
    return False


def shown(value: Any, limit: int = 60) -> str:
    """A value as an error message shows it: short, on one line, and never what came from the environment."""
    if contains_interpolated(value):
        return REDACTED
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong.

    path    : dotted path of the key, as the user wrote it; empty for the whole document.
    message : what was expected, or what is unknown and which known key is nearest.
    value   : the refused value; None for unknown keys, and masked if it came from the environment.
    """

    path: str
    message: str
    value: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(ValueError):
    """A configuration is refused. ``errors`` holds every problem that was found, not only the first."""

    def __init__(self, errors: Iterable[ConfigProblem], *, source: str = "") -> None:
        self.errors: list[ConfigProblem] = list(errors)
        self.source = source
        where = f"{source}: " if source else ""
        if len(self.errors) == 1:
            text = f"{where}{self.errors[0]}"
        else:
            lines = "".join(f"\n  {problem}" for problem in self.errors)
            text = f"{where}{len(self.errors)} problems{lines}"
        super().__init__(text)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.errors, self.source)


def _rebuild(errors: list[ConfigProblem], source: str) -> ConfigError:
    return ConfigError(errors, source=source)
