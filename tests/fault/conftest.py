"""Fixtures of the fault tests."""

import pytest
from support_fault import Nursery, build_shim, tail_directory


@pytest.fixture
def tails():
    with tail_directory() as path:
        yield path


@pytest.fixture(scope="session")
def nursery():
    with Nursery() as found:
        yield found


@pytest.fixture(scope="session")
def shimmed(tmp_path_factory):
    """A nursery whose engines' system calls can be counted, killed at, and made to fail."""
    with Nursery(build_shim(tmp_path_factory.mktemp("shim"))) as found:
        yield found
