"""Makers of frozen dataclasses, for who makes a great many.

A frozen dataclass sets each of its fields by `object.__setattr__`, which is looked up and called: 60 ns a field, most
of what an analysis out of ready columns costs. A class with the same slots that is not frozen sets them in 5 ns each,
and an object of it may become one of the frozen class, since the two are laid out alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, field, fields, make_dataclass
from typing import Any, TypeVar

__all__ = ["maker"]

T = TypeVar("T")


def maker(cls: type[T]) -> Callable[..., T]:
    """A function that makes what `cls(...)` does, of a frozen dataclass with slots and without `__post_init__`.

    Raises
    ------
    TypeError  the class is none
    """
    settings = getattr(cls, "__dataclass_params__", None)
    if settings is None or not settings.frozen or "__slots__" not in vars(cls) or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} must be a frozen dataclass with slots and without __post_init__")
    twin: Any = make_dataclass(
        f"_{cls.__name__}",
        [(each.name, Any, field() if each.default is MISSING else field(default=each.default))
         for each in fields(cls)],  # type: ignore[arg-type]
        slots=True,
    )  # fmt: skip

    def make(*values: Any) -> T:
        made = twin(*values)
        made.__class__ = cls
        return made  # type: ignore[no-any-return]

    return make
