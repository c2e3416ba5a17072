"""The kinds of field that the sections are made of, and what all sections have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from os import fspath
from os.path import expanduser
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler as Handler
from pydantic_core import PydanticCustomError

from ..instruments import InstrumentCatalog, InstrumentError
from . import units
from .problems import REDACTED, contains_interpolated
from .units import RefusedError, money_e9

HOUR_NS = 3600 * 10**9
_SYMBOL = r"[A-Z0-9][A-Z0-9._/\-]{0,15}"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}"
ECN_NAMES = frozenset({"ARCA", "BATS", "IEX", "EDGX", "EDGA", "BYX"})


def checked(read: Callable[[Any], Any]) -> PlainValidator:
    """A reader of ``units`` as a pydantic validator."""

    def validate(value: Any) -> Any:
        try:
            return read(value)
        except RefusedError as error:
            raise PydanticCustomError("refused", "expected {expected}", {"expected": str(error)}) from None

    return PlainValidator(validate)


def _decimal_text(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


# In JSON an exact decimal is text; whole quantities stay numbers.
_EXACT = PlainSerializer(_decimal_text, when_used="json")


def schema(*types: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": types[0] if len(types) == 1 else list(types), **more})


def text(pattern: str, expected: str) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_text(pattern, expected)), schema("string", pattern=f"^{pattern}$")


def in_order(mapping: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items()))


def read_cpus(value: Any) -> tuple[int, ...]:
    expected = "a list of different CPU numbers from 0 to 4095"
    if not isinstance(value, list | tuple) or not value:
        raise RefusedError(expected)
    try:
        cpus = tuple(map(units.read_int(0, 4095), value))
    except RefusedError:
        raise RefusedError(expected) from None
    if len(set(cpus)) != len(cpus):
        raise RefusedError(expected)
    return cpus


def capability(names: tuple[str, ...], what: str, least: int) -> tuple[PlainValidator, WithJsonSchema]:
    """A list of at least `least` different names out of `names`."""

    def read(value: Any) -> tuple[str, ...]:
        good = isinstance(value, list | tuple) and len(value) >= least
        if not good or any(not isinstance(v, str) or v not in names for v in value) or len(set(value)) != len(value):
            raise RefusedError(f"a list of different {what} out of {', '.join(names)}")
        return tuple(map(str, value))

    return checked(read), schema("array", items={"enum": list(names)})


def read_path(value: Any) -> str:
    try:
        path = fspath(value)
    except TypeError:
        path = None
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise RefusedError("the path of a file or directory")
    return str.__str__(path)


def read_connection(value: Any) -> str:
    """``unix:PATH``, with ``~`` expanded. The path of a socket has at most 107 bytes."""
    expected = "a connection such as 'unix:/tmp/nyse.sock'"
    if not isinstance(value, str) or not value.startswith("unix:") or "\0" in value:
        raise RefusedError(expected)
    path = expanduser(value.removeprefix("unix:").strip())
    if not path or path.startswith("~"):
        raise RefusedError(expected)
    if len(path.encode(errors="replace")) > 107:
        raise RefusedError(f"{expected}, with a path of at most 107 bytes")
    return f"unix:{path}"


def read_limit_key(value: Any) -> str:
    if value == "default":
        return "default"
    return units.read_text(_SYMBOL, "a symbol in capital letters, or 'default'")(value)


def read_symbols(value: Any) -> tuple[str, ...]:
    """A list of symbols, in alphabetical order."""
    expected = "a list of different symbols in capital letters"
    if not isinstance(value, list | tuple):
        raise RefusedError(expected)
    try:
        symbols = [units.read_text(_SYMBOL, expected)(each) for each in value]
    except RefusedError:
        raise RefusedError(expected) from None
    if len(set(symbols)) != len(symbols):
        raise RefusedError(expected)
    return tuple(sorted(symbols))


def read_long_only(value: Any) -> bool | tuple[str, ...]:
    """True (all symbols), false, or a list of symbols."""
    if isinstance(value, bool):
        return value
    try:
        return read_symbols(value)
    except RefusedError:
        raise RefusedError("true, false, or a list of different symbols in capital letters") from None


def read_instruments(value: Any) -> dict[str, dict[str, Any]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RefusedError("a mapping {symbol: fields}")
    try:
        InstrumentCatalog.load().extended(value)
    except InstrumentError as error:
        raise PydanticCustomError("instruments", "instruments", {"problems": error.problems}) from None
    return {symbol: dict(value[symbol]) for symbol in sorted(value)}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# In JSON a tuple is a list, which the tuple's own schema would not know again.
LISTED = PlainSerializer(_listed, when_used="json")
Flag = Annotated[bool, checked(units.read_flag), schema("boolean")]
Money = Annotated[Decimal, checked(units.read_money(0, units.MONEY_MAX)), _EXACT, schema("number", "string")]
Fee = Annotated[Decimal, checked(units.read_money(-1, 1, "a fee per share")), _EXACT, schema("number", "string")]
Tick = Annotated[
    Decimal, checked(units.read_money(Decimal("1e-9"), 10**6, "a tick")), _EXACT, schema("number", "string")
]
Price = Annotated[
    Decimal, checked(units.read_money(Decimal("1e-9"), 2**23 - 1, "a price")), _EXACT, schema("number", "string")
]
Quantity = Annotated[int | Decimal, checked(units.read_quantity), _EXACT, schema("number", minimum=0)]
Position = Annotated[int | Decimal, checked(units.read_signed_quantity), _EXACT, schema("number")]
Count = Annotated[int, checked(units.read_int(0)), schema("integer", minimum=0)]
InARow = Annotated[int, checked(units.read_int(0, 10**6)), schema("integer", minimum=0, maximum=10**6)]
Probe = Annotated[int, checked(units.read_int(1, 10**9)), schema("integer", minimum=1, maximum=10**9)]
Seed = Annotated[int, checked(units.read_int(0, 2**63 - 1, "a seed")), schema("integer", minimum=0)]
Priority = Annotated[int, checked(units.read_int(0, 10**6)), schema("integer", minimum=0)]
Share = Annotated[float, checked(units.read_fraction(0, 1)), schema("number", "string")]
Multiple = Annotated[float, checked(units.read_fraction(0, 1000)), schema("number", "string")]
Threshold = Annotated[float, checked(units.read_fraction(0, 1e15, "a number")), schema("number", "string")]
Latency = Annotated[float, checked(units.read_duration("us", 0, 60 * 10**9)), schema("number", "string")]
Name = Annotated[str, *text(NAME, "a name of up to 32 letters, digits, _ . -")]
Symbol = Annotated[str, *text(_SYMBOL, "a symbol in capital letters")]
Sector = Annotated[str, *text(r"[a-z][a-z0-9_]{0,31}", "a sector in lower case")]


def choice(*words: str) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_choice(*words)), WithJsonSchema({"type": "string", "enum": list(words)})


def number(low: float, high: float, what: str, above: bool = False) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_number(low, high, what, above=above)), schema("number")


def basis_points(low: float, high: float) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_bps(low, high)), schema("number", "string")


def integer(low: int, high: int) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_int(low, high)), schema("integer", minimum=low, maximum=high)


def lasting(unit: str, low_ns: int, high_ns: int) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_duration(unit, low_ns, high_ns)), schema("number", "string")


def size(low: int, high: int, multiple: int = 1) -> tuple[PlainValidator, WithJsonSchema]:
    return checked(units.read_size(low, high, multiple)), schema("integer", "string")


def rates(most: int, what: str) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema]:
    """A list of 1 to `most` numbers above 0."""
    expected = f"a list of 1 to {most} {what} above 0"
    one = units.read_number(0, 1e9, what, above=True)

    def read(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= most:
            raise RefusedError(expected)
        try:
            return tuple(map(one, value))
        except RefusedError:
            raise RefusedError(expected) from None

    return checked(read), LISTED, schema("array", items={"type": "number", "exclusiveMinimum": 0})


def read_branching(value: Any) -> float | tuple[tuple[float, ...], ...]:
    """A number from 0 up to below 1, or six rows of six numbers from 0 up whose spectral radius is below 1."""
    expected = "a number from 0 to 0.99, or 6 rows of 6 numbers from 0 up with a spectral radius below 1"
    try:
        if not isinstance(value, list | tuple):
            return units.read_number(0, 0.99, "a number")(value)
        rows = tuple(tuple(map(units.read_number(0, 1e6, "a number"), row)) for row in value)
    except (RefusedError, TypeError):
        raise RefusedError(expected) from None
    if len(rows) != 6 or any(len(row) != 6 for row in rows):
        raise RefusedError(expected)
    from .._core.synthetic import spectral_radius

    radius = spectral_radius(rows)
    if not radius < 1:
        raise RefusedError(f"{expected}; it has {radius:.4g}")
    return rows


def read_order_size(value: Any) -> str | int:
    """The kind of distribution, or the one size that all orders have."""
    expected = "'lots', 'pareto' or a whole number of shares from 1 to 1e+09"
    if isinstance(value, str) and value in ("lots", "pareto"):
        return value
    try:
        return units.read_int(1, 10**9)(value)
    except RefusedError:
        raise RefusedError(expected) from None


def read_volume_curve(value: Any) -> str | tuple[float, ...]:
    """By name, or relative volume by equal parts of the session."""
    expected = "'session', 'flat' or a list of 1 to 390 numbers above 0"
    if isinstance(value, str) and value in ("session", "flat"):
        return value
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 390:
        raise RefusedError(expected)
    try:
        return tuple(map(units.read_number(0, 1e9, "a number", above=True), value))
    except RefusedError:
        raise RefusedError(expected) from None


def optional_e9(value: Decimal | None) -> int | None:
    return None if value is None else money_e9(value)


class Section(BaseModel):
    """What all sections have in common: frozen, strict, unknown keys refused, the environment never shown."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, defer_build=True)
    _from_environment: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="wrap")
    @classmethod
    def _note_environment(cls, data: Any, handler: Handler[Self]) -> Self:
        if data is None:  # a section without a key, as YAML reads it
            data = {}
        instance = handler(dict(data) if isinstance(data, Mapping) else data)
        if isinstance(data, Mapping):
            instance._from_environment = frozenset(k for k, v in data.items() if contains_interpolated(v))
        return instance

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _Masked() if name in self._from_environment else value


class _Masked:
    def __repr__(self) -> str:
        return REDACTED


def without_none(data: Any, *keys: str) -> Any:
    """A mapping without those of ``keys`` that are empty in the YAML."""
    if not isinstance(data, dict):
        return data
    return {key: value for key, value in data.items() if key not in keys or value is not None}
