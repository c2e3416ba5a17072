"""From a YAML file or a mapping to an ExecutionConfig, or to one ConfigError with everything wrong."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .models import ExecutionConfig
from .problems import REDACTED, ConfigError, ConfigProblem, Interpolated, contains_interpolated, shown

_PLACEHOLDER = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")
_MAX_DEPTH = 32
_MAX_NODES = 200_000
# Whole sections that a part takes beside the keys of its own section.
_SHARED = (
    "risk_controls", "routing", "order_management", "microstructure", "account", "journal", "instruments",
    "market", "simulation", "performance", "compliance", "service", "seed", "mode",
)  # fmt: skip


Source = str | os.PathLike[str] | Mapping[str, Any] | ExecutionConfig
PartSource = Mapping[str, Any] | ExecutionConfig | None


def load_config(source: Source) -> ExecutionConfig:
    """Read a configuration from a YAML file (path) or a mapping.

    The document may begin with ``execution:`` or directly with its sections. ``${NAME}`` and
    ``${NAME:-default}`` in values are replaced from the environment (``$$`` is a dollar sign). Keys are
    always text, so that the symbols ``ON`` or ``NO`` stay what they are; numbers are read as in YAML 1.2
    (``1e-3`` is one, ``0:30`` is not).

    Raises
    ------
    OSError      if the file cannot be read.
    ConfigError  with every problem found: path of the key, what was expected, the value, the line.
    """
    if isinstance(source, ExecutionConfig):
        return source
    if isinstance(source, Mapping):
        return _validated(_unwrapped(source), _prefix(source))
    path = Path(source)
    document, lines = _read_yaml(path)
    try:
        if document is None:
            document = {}
        if not isinstance(document, dict):
            raise ConfigError([ConfigProblem("", f"expected a mapping, was {shown(document)}", document)])
        return _validated(_unwrapped(document), _prefix(document))
    except ConfigError as error:
        located = [
            ConfigProblem(p.path, f"{p.message} (line {lines[p.path]})" if p.path in lines else p.message, p.value)
            for p in error.errors
        ]
        raise ConfigError(located, source=str(path)) from None


def order_manager_config(mapping: PartSource = None) -> ExecutionConfig:
    """For an order manager alone: the keys of ``order_management``, and whole sections beside them."""
    return part_config("order_management", mapping)


def router_config(mapping: PartSource = None) -> ExecutionConfig:
    """For a router alone: the keys of ``routing``, and whole sections beside them."""
    return part_config("routing", mapping)


def risk_config(mapping: PartSource = None) -> ExecutionConfig:
    """For the risk classes alone: the keys of ``risk_controls``, and whole sections beside them."""
    return part_config("risk_controls", mapping)


def microstructure_config(mapping: PartSource = None) -> ExecutionConfig:
    """For a microstructure engine alone: the keys of ``microstructure``, sections beside them."""
    return part_config("microstructure", mapping)


def part_config(part: str, mapping: PartSource) -> ExecutionConfig:
    """A whole configuration from the mapping that one class takes.

    ``mapping`` has the keys of section ``part`` at its top level and optionally whole sections beside them
    (risk_controls, routing, order_management, microstructure, account, journal, instruments, market, simulation,
    performance, compliance, seed, mode, without ``part`` itself). None is all defaults; an ExecutionConfig is taken as
    it is. Paths in errors are those of ``mapping``.

    Raises ConfigError; ValueError if no class has such a section.
    """
    if part not in ("order_management", "routing", "risk_controls", "microstructure", "performance"):
        raise ValueError(f"no class takes the section {part!r} alone")
    if isinstance(mapping, ExecutionConfig):
        return mapping
    if mapping is not None and not isinstance(mapping, Mapping):
        raise ConfigError([ConfigProblem("", f"expected a mapping, was {shown(mapping)}", mapping)])
    beside: dict[Any, Any] = {}
    own: dict[Any, Any] = {}
    for key, value in (mapping or {}).items():
        (beside if key in _SHARED and key != part else own)[key] = value
    return _validated({part: own, **beside}, "", part=part)


def _prefix(document: Mapping[str, Any]) -> str:
    return "execution." if "execution" in document else ""


def _unwrapped(document: Mapping[str, Any]) -> Mapping[Any, Any]:
    """The sections, with or without the level ``execution:`` above them."""
    if "execution" not in document:
        return document
    inner = document["execution"]
    inner = {} if inner is None else inner
    problems = [
        ConfigProblem(str(key), "unknown key beside 'execution', move it below")
        for key in document
        if key != "execution"
    ]
    if not isinstance(inner, Mapping):
        problems.append(ConfigProblem("execution", f"expected a mapping, was {shown(inner)}", inner))
    if problems:
        raise ConfigError(problems)
    return inner


def _validated(raw: Mapping[Any, Any], prefix: str, part: str | None = None) -> ExecutionConfig:
    problems: list[ConfigProblem] = []
    plain = _resolved(raw, (), problems, [0])
    config: ExecutionConfig | None = None
    try:
        config = ExecutionConfig.model_validate(plain)
    except ValidationError as error:
        failed = {problem.path for problem in problems}
        for item in error.errors(include_url=False):
            problems += [p for p in _problems(item, part) if p.path not in failed]
        if not any(item["type"] == "risk_off" for item in error.errors(include_url=False, include_input=False)):
            problems += _risk_off(plain)
    if problems or config is None:
        raise ConfigError(_in_user_terms(p, prefix, part) for p in problems) from None
    return config


def _in_user_terms(problem: ConfigProblem, prefix: str, part: str | None) -> ConfigProblem:
    path = problem.path
    if part is not None and (path == part or path.startswith(part + ".")):
        path = path[len(part) + 1 :]
    return ConfigProblem(f"{prefix}{path}" if path else prefix.rstrip("."), problem.message, problem.value)


def _resolved(value: Any, path: tuple[str, ...], problems: list[ConfigProblem], count: list[int]) -> Any:
    """A copy of ``value`` as dicts and lists with text keys, placeholders replaced from the environment."""
    count[0] += 1
    if count[0] > _MAX_NODES or len(path) > _MAX_DEPTH:
        raise ConfigError([ConfigProblem(".".join(path[:4]), "nested too deeply, or far too large")])
    if isinstance(value, Mapping):
        copy: dict[str, Any] = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                problems.append(ConfigProblem(".".join((*path, shown(key))), "expected a key that is text"))
                continue
            copy[key] = _resolved(inner, (*path, key), problems, count)
        return copy
    if isinstance(value, list | tuple):
        return [_resolved(v, (*path, str(i)), problems, count) for i, v in enumerate(value)]
    if isinstance(value, str) and "$" in value and not isinstance(value, Interpolated):
        return _interpolated(value, ".".join(path), problems)
    return value


def _interpolated(text: str, path: str, problems: list[ConfigProblem]) -> str:
    used = False

    def replace(match: re.Match[str]) -> str:
        nonlocal used
        if match[0] == "$$":
            return "$"
        name, default = match[1], match[2]
        if name is None:
            problems.append(ConfigProblem(path, "malformed placeholder, write ${NAME} or ${NAME:-default}"))
            return ""
        used = True
        found = os.environ.get(name)
        if found or (found is not None and default is None):
            return found
        if default is None:
            problems.append(ConfigProblem(path, f"the environment variable {name} is not set"))
            return ""
        return default

    result = _PLACEHOLDER.sub(replace, text)
    return Interpolated(result) if used else result


def _masked(value: Any) -> Any:
    return REDACTED if contains_interpolated(value) else value


def _problems(item: Any, part: str | None) -> Iterator[ConfigProblem]:
    """One error of pydantic as problems in our words."""
    location = tuple(str(step) for step in item["loc"] if step != "[key]")
    path, kind, value = ".".join(location), item["type"], item.get("input")
    context = item.get("ctx", {})
    if kind == "extra_forbidden":
        yield ConfigProblem(path, _unknown_key(location, part))
    elif kind == "risk_off":
        yield _RISK_OFF
    elif kind == "instruments":
        for problem in context["problems"]:
            inner = ".".join(filter(None, (path, problem.symbol if problem.symbol != "*" else "", problem.field)))
            yield ConfigProblem(inner, problem.message, _masked(problem.value))
    elif context.get("bare"):
        yield ConfigProblem(path, item["msg"], _masked(value))
    elif kind == "refused":
        yield ConfigProblem(path, f"{item['msg']}, was {shown(value)}", _masked(value))
    elif kind in ("dict_type", "model_type", "model_attributes_type"):
        yield ConfigProblem(path, f"expected a mapping, was {shown(value)}", _masked(value))
    else:
        yield ConfigProblem(path, f"{item['msg']}, was {shown(value)}", _masked(value))


_RISK_OFF = ConfigProblem(
    "order_management.enable_pre_trade_risk", "expected true, false is for mode 'paper' only", False
)


def _risk_off(plain: Any) -> list[ConfigProblem]:
    """The one rule across sections, also where other errors keep the model from checking it."""
    section = plain.get("order_management")
    off = isinstance(section, dict) and section.get("enable_pre_trade_risk") is False
    return [_RISK_OFF] if off and plain.get("mode", "paper") in ("simulation", "production") else []


def _unknown_key(location: tuple[str, ...], part: str | None) -> str:
    *above, key = location
    model = _model_at(ExecutionConfig, tuple(above))
    known = list(model.model_fields) if model is not None else []
    if part is not None and above == [part]:
        if key == part:
            return f"unknown key, the keys of {part} stand here themselves, the other sections beside them"
        known += [name for name in _SHARED if name != part]
    near = difflib.get_close_matches(key, known, n=1)
    homes = [home for home, fields in _fields_by_section() if key in fields]
    homes.sort(key=lambda home: (home.partition(".")[0] not in above, "<name>" in home))
    if near:
        elsewhere = f" ('{key}' itself belongs to '{homes[0]}')" if homes else ""
        return f"unknown key, did you mean '{near[0]}'?{elsewhere}"
    if homes:
        return f"unknown key here, it belongs to '{homes[0]}'"
    return f"unknown key, known are {', '.join(known)}"


def _model_at(model: type[BaseModel], path: tuple[str, ...]) -> type[BaseModel] | None:
    """The section that a path leads to."""
    for at, step in enumerate(path):
        field = model.model_fields.get(step)
        if field is None:
            return None
        inner = _section_in(field.annotation)
        if inner is None:
            return None
        if get_origin(field.annotation) in (dict, list):
            return _model_at(inner, path[at + 2 :])
        model = inner
    return model


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section_in(inner)) is not None), None)


@lru_cache(maxsize=1)
def _fields_by_section() -> list[tuple[str, frozenset[str]]]:
    def walk(model: type[BaseModel], path: str) -> Iterator[tuple[str, frozenset[str]]]:
        for name, field in model.model_fields.items():
            inner = _section_in(field.annotation)
            if inner is not None:
                here = f"{path}.{name}".lstrip(".") + (".<name>" if get_origin(field.annotation) is dict else "")
                yield here, frozenset(inner.model_fields)
                yield from walk(inner, here)

    return [*walk(ExecutionConfig, ""), ("execution", frozenset(ExecutionConfig.model_fields))]


# YAML. The loader is made on first use, so that a configuration given as a mapping never imports PyYAML.


def _read_yaml(path: Path) -> tuple[Any, dict[str, int]]:
    """The document and the line of every key, by dotted path."""
    import yaml  # type: ignore[import-untyped, unused-ignore]

    text = path.read_bytes()
    lines: dict[str, int] = {}
    try:
        loader = _yaml_loader()(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, lines
            _walk(node, (), lines, [], [0], str(path))
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _syntax_error(path, error) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError([ConfigProblem("", f"cannot be read: {error}")], source=str(path)) from None


def _syntax_error(path: Path, error: Any) -> ConfigError:
    """PyYAML's error with file, line and column (or the position of a byte that is no text)."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = [getattr(error, name, None) for name in ("context", "problem", "reason")]
    message = "not readable as YAML: " + ", ".join(str(part) for part in said if part)
    if mark is not None:
        return ConfigError([ConfigProblem("", message)], source=f"{path}:{mark.line + 1}:{mark.column + 1}")
    at = getattr(error, "position", None)
    return ConfigError([ConfigProblem("", message + (f" at byte {at}" if at is not None else ""))], source=str(path))


def _walk(
    node: Any, path: tuple[str, ...], lines: dict[str, int], above: list[int], count: list[int], source: str
) -> None:
    """Note the line of each key; refuse a key that occurs twice, a loop of aliases and a bomb of them."""
    count[0] += 1
    if id(node) in above or len(path) > _MAX_DEPTH or count[0] > _MAX_NODES:
        raise ConfigError([ConfigProblem(".".join(path[:4]), "nested too deeply, or far too large")], source=source)
    if node.id == "mapping":
        here: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                message = f"expected a key that is text (line {key_node.start_mark.line + 1})"
                raise ConfigError([ConfigProblem(".".join(path), message)], source=source)
            inner, line = (*path, key_node.value), key_node.start_mark.line + 1
            if key_node.value in here and key_node.value != "<<":
                message = f"occurs twice, on lines {here[key_node.value]} and {line}"
                raise ConfigError([ConfigProblem(".".join(inner), message)], source=source)
            here[key_node.value] = line
            lines.setdefault(".".join(inner), line)
            _walk(value_node, inner, lines, [*above, id(node)], count, source)
    elif node.id == "sequence":
        for index, item in enumerate(node.value):
            _walk(item, (*path, str(index)), lines, [*above, id(node)], count, source)


@lru_cache(maxsize=1)
def _yaml_loader() -> Any:
    """The safe loader with keys as text and the numbers of YAML 1.2; in C where PyYAML has that."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own name and form)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            self.flatten_mapping(node)
            return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    tag = "tag:yaml.org,2002:"
    for first, pairs in base.yaml_implicit_resolvers.items():
        kept = [pair for pair in pairs if pair[0] not in (tag + "int", tag + "float", tag + "timestamp")]
        Loader.yaml_implicit_resolvers[first] = kept
    whole = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,99})$")
    real = re.compile(
        r"(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$"
    )
    Loader.add_implicit_resolver(tag + "int", whole, list("-+0123456789"))
    Loader.add_implicit_resolver(tag + "float", real, list("-+.0123456789"))
    return Loader
