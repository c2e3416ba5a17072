"""Days that environments run on. Without the extra `marl` there is nothing to test here; the extra `test` brings it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("gymnasium") is None or find_spec("pettingzoo") is None:
    collect_ignore_glob = ["test_*.py"]

from grandmodel.execution.environments import RecordedDay, SyntheticDay
from grandmodel.execution.simulation.lobster import read_lobster
from grandmodel.execution.simulation.recording import Recording, of_lobster


@pytest.fixture(scope="session")
def amzn(amzn_files) -> Recording:
    """The AMZN day, five levels."""
    return of_lobster(read_lobster(*amzn_files))


@pytest.fixture(params=["synthetic", "three venues", "recorded"])
def day(request):
    """A day of each kind."""
    if request.param == "recorded":
        return RecordedDay(request.getfixturevalue("amzn"))
    return SyntheticDay(venues=3 if request.param == "three venues" else 1)
