"""The names of the package: what is visible, what each is, and what importing them costs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import grandmodel.execution as package

HEAVY = ("grandmodel.execution.config", "pydantic", "yaml", "rich", "typer", "asyncio", "numpy", "logging")


def loaded_after(code):
    """Which of the heavy modules are loaded once `code` has run in a fresh process."""
    probe = f"{code}\nimport sys, json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_all_is_what_is_visible():
    assert sorted(package.__all__) == sorted(dir(package)) == sorted(package._MODULE_OF)
    assert len(set(package.__all__)) == len(package.__all__)


@pytest.mark.parametrize("name", package.__all__)
def test_each_name_loads_and_says_what_it_is(name):
    value = getattr(package, name)
    assert value is not None
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="'Orders'"):
        package.Orders  # noqa: B018


def test_importing_the_package_loads_nothing():
    assert loaded_after("import grandmodel.execution") == set()


@pytest.mark.parametrize("name", ["OrderManager", "ExecutionEngine", "SmartOrderRouter", "Event"])
def test_a_component_loads_neither_pydantic_nor_yaml(name):
    assert not loaded_after(f"from grandmodel.execution import {name}") & {"pydantic", "yaml", "rich", "typer"}


def test_the_command_of_a_replay_loads_what_it_needs(hand_day):
    messages, books = map(str, hand_day)
    arguments = ["gmexec", "replay", "--messages", messages, "--orderbook", books, "--side", "buy", "--quantity", "5",
                 "--algorithm", "market", "--start", "09:30:05", "--duration-minutes", "5", "--json"]  # fmt: skip
    code = f"""
import sys
sys.argv = {arguments!r}
from grandmodel.execution.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert not loaded_after(code) & {"grandmodel.execution.config", "yaml", "rich"}  # newer typers load pydantic
