"""Days that environments run on; without the extra `marl` these tests are skipped."""

from __future__ import annotations

import pytest

pytest.importorskip("gymnasium", reason="the extra marl is not installed")
pytest.importorskip("pettingzoo", reason="the extra marl is not installed")

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
