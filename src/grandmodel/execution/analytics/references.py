"""What somebody knows of the market beyond a journal and its capture: an index, betas, closes of the day before.

    references = References(index="SPY", betas={"AAPL": 1.2}, previous_closes={"AAPL": "149.50"})
    analyse_journal("day.gmj", "day.gmc", references=references)

Nothing of it is guessed: a beta that nobody gave is not 1, and what needs it is Unknown.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, Overflow
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.values import ExecutionError
from .trade import PRICE_MAX

if TYPE_CHECKING:
    from ..config import ExecutionConfig
    from ..instruments import Instrument

__all__ = ["References", "ReferencesError", "read_previous_closes"]


class ReferencesError(ExecutionError, ValueError):
    """An index, a beta or a previous close is refused; the message names it, its value and what was expected."""


def _beta(value: object, what: str) -> float:
    number = math.nan
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):  # a signalling NaN; an int beyond any float
            number = float(value)
    if not math.isfinite(number):
        raise ReferencesError(f"{what} is {value!r}, must be a finite number")
    return number


def _price_e9(value: object, what: str) -> int:
    """Exactly value times 1e9; a float counts as the shortest decimal that reads back as it."""
    expected = f"{what} is {value!r}, must be a price above 0 and below {PRICE_MAX}, of at most nine decimals"
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ReferencesError(expected)
    try:
        scaled = Decimal(str(value)).scaleb(9)
    except (InvalidOperation, Overflow):
        raise ReferencesError(expected) from None
    if not scaled.is_finite() or not 0 < scaled < PRICE_MAX * 10**9 or scaled != scaled.to_integral_value():
        raise ReferencesError(expected)
    return int(scaled)


def _by_symbol(given: object, what: str, read: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ReferencesError(f"{what} is {given!r}, must be a mapping of symbols")
    for symbol in given:
        if not isinstance(symbol, str) or not symbol:
            raise ReferencesError(f"{what} has the key {symbol!r}, must be a symbol")
    return {symbol: read(value, f"{what}[{symbol!r}]") for symbol, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class References:
    """What is known beside the journal and its capture.

    Attributes
    ----------
    index : the symbol whose move is taken for the market's; its quotes and prints have to be in the capture
    betas : {symbol: beta to the index}, a number each
    previous_closes : {symbol: close of the session before the journal's first day}: prices as text, Decimal or float,
        in the currency; `previous_closes_e9` are these in 1e-9
    calendars : {symbol: exchange whose sessions it has} (see `sessions`); XNYS for others
    steps_e9 : {symbol: the unit of its quantities}, in 1e-9 of a share; a whole share for others
    previous : the capture of the day before; its session's close is a symbol's previous close where none is given

    Raises
    ------
    ReferencesError  naming what is refused
    """

    index: str | None = None
    betas: Mapping[str, float] = field(default_factory=dict)
    previous_closes: Mapping[str, Any] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)
    previous: str | os.PathLike[str] | None = None
    steps_e9: Mapping[str, int] = field(default_factory=dict)
    previous_closes_e9: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        if self.index is not None and (not isinstance(self.index, str) or not self.index):
            raise ReferencesError(f"index is {self.index!r}, must be a symbol")
        object.__setattr__(self, "betas", _by_symbol(self.betas, "betas", _beta))
        closes = _by_symbol(self.previous_closes, "previous_closes", _price_e9)
        object.__setattr__(self, "previous_closes_e9", closes)

    @classmethod
    def of_config(cls, config: ExecutionConfig) -> References:
        """An engine's configuration: `analytics.index`, `analytics.previous_closes`, and of the instruments `beta` and
        `session`."""
        catalog: Mapping[str, Instrument] = config.catalog()
        return cls(
            index=config.analytics.index,
            betas={symbol: row.beta for symbol, row in catalog.items() if row.beta is not None},
            previous_closes=config.analytics.previous_closes,
            calendars={symbol: row.session for symbol, row in catalog.items()},
            steps_e9={symbol: row.quantity_step_e9 for symbol, row in catalog.items()},
        )

    def with_more(
        self, *, index: str | None = None, betas: Mapping[str, float] | None = None,
        previous_closes: Mapping[str, Any] | None = None, previous: str | os.PathLike[str] | None = None,
    ) -> References:  # fmt: skip
        """The same with what is given in the place of, or beside, what is there."""
        return References(
            index=self.index if index is None else index,
            betas={**self.betas, **(betas or {})},
            previous_closes={**self.previous_closes, **(previous_closes or {})},
            calendars=self.calendars,
            previous=self.previous if previous is None else previous,
            steps_e9=self.steps_e9,
        )


def read_previous_closes(path: str | os.PathLike[str]) -> dict[str, str]:
    """{symbol: close} of a YAML file of such a mapping, prices as the text that stands there.

    Raises
    ------
    ReferencesError  the file cannot be read, or holds no mapping
    """
    import yaml

    try:  # the base loader leaves every scalar as text: no price goes through a float
        found = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ReferencesError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(found, Mapping):
        raise ReferencesError(f"{path}: must be a capture, or YAML with a line 'SYMBOL: price' for each close")
    _by_symbol(found, str(path), _price_e9)
    return dict(found)
