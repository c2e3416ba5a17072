"""What a maker makes is what the class makes, frozen and all."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from grandmodel.execution.analytics.frozen import maker


@dataclass(frozen=True, slots=True)
class Row:
    a: int
    b: str
    c: float = 1.5


@dataclass(frozen=True)
class Loose:
    a: int


@dataclass(slots=True)
class Open:
    a: int


@dataclass(frozen=True, slots=True)
class Checked:
    a: int

    def __post_init__(self) -> None:
        assert self.a


def test_a_maker_makes_the_class():
    make = maker(Row)
    made = make(1, "x")
    assert type(made) is Row
    assert made == Row(1, "x")
    assert hash(made) == hash(Row(1, "x"))
    assert replace(make(1, "x", 2.0), b="y") == Row(1, "y", 2.0)
    assert pickle.loads(pickle.dumps(made)) == made
    with pytest.raises(FrozenInstanceError):
        made.a = 2
    with pytest.raises(TypeError):
        make(1)


@pytest.mark.parametrize("cls", [Loose, Open, Checked, int])
def test_of_nothing_else(cls):
    with pytest.raises(TypeError, match="must be a frozen dataclass with slots"):
        maker(cls)
