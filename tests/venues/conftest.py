"""Fixtures of the venue tests."""

import pytest
from support_venue import Venue


@pytest.fixture
def path(tmp_path):
    return tmp_path / "nyse.sock"


@pytest.fixture
def venue(path):
    with Venue(path) as running:
        yield running
