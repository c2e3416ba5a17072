"""A simulated day is a whole log of its own."""

from __future__ import annotations

from .._core.journal import Journal
from .._core.values import JournalError


def fresh(journal: Journal) -> Journal:
    """The journal, if nothing is in it yet. JournalError when it holds another day already."""
    if journal.recovered:
        journal.close()
        raise JournalError(f"{journal.path}: a journal is there already; name another path")
    return journal
