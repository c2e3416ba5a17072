"""A user's own modules, by name or by file."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

#: Modules of algorithms for this process and those that it starts, separated as paths are: `gmexec --import`.
VARIABLE = "GRANDMODEL_MODULES"


def load_module(place: str, prefix: str = "_user") -> ModuleType:
    """The module that MODULE or FILE.py names; a file is run once, under a name that no other module has.

    Raises
    ------
    ValueError  there is no such file, or no such module
    """
    if place.endswith(".py"):
        path = Path(place)
        own = f"{prefix}_{path.stem}_{abs(hash(str(path.resolve()))):x}"
        if own in sys.modules:
            return sys.modules[own]
        spec = spec_from_file_location(own, path) if path.is_file() else None
        if spec is None or spec.loader is None:
            raise ValueError(f"no file {place}")
        module = module_from_spec(spec)
        sys.modules[own] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[own]
            raise
        return module
    if place.startswith("."):
        raise ValueError(f"module {place!r} is relative, must be MODULE or FILE.py")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not place.startswith(error.name):
            raise
        raise ValueError(f"no module {error.name!r}") from None


def load_named_modules() -> None:
    """Loads what the environment names; once is enough, and again does no harm."""
    for place in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        load_module(place)


def name_modules(places: list[str] | None) -> list[str] | None:
    """Loads these here, and has every process that this one starts load them when it needs to (`gmexec --import`)."""
    for place in places or ():
        load_module(place)
        named = [*filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))]
        path = str(Path(place).resolve()) if place.endswith(".py") else place
        if path not in named:
            os.environ[VARIABLE] = os.pathsep.join([*named, path])
    return places
