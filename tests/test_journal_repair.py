"""What an operator decides about a journal: said first, done when asked, and no record is lost by it."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from reference import journal as plain

from grandmodel.execution._core.journal import Journal, verify
from grandmodel.execution._core.records import REPORT_DTYPE
from grandmodel.execution._core.store import read_mark, write_mark
from grandmodel.execution._core.values import JournalError
from grandmodel.execution.journal_repair import repair


def rows(count):
    out = np.zeros(count, REPORT_DTYPE)
    out["order_id"] = np.arange(count)
    return out


@pytest.fixture
def killed(tmp_path):
    """A journal of 100 forced records and 50 more, whose engine was killed."""
    path = tmp_path / "log"
    child = os.fork()
    if child == 0:
        try:
            journal = Journal(path)
            journal.append_many(4, rows(100), 1)
            journal.force()
            journal.append_many(4, rows(50), 2)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    return path


def test_nothing_is_wrong(killed):
    found = repair(killed, apply=True)
    assert (found.needed, found.done) == (False, False)
    assert found.findings == ["nothing is wrong with it"]
    assert Journal(killed).records == 150


def test_a_lost_tail(killed):
    Path(plain.last_mark(killed)["tail"]).unlink()
    with pytest.raises(JournalError, match="gmexec journal repair"):
        Journal(killed)
    before = (killed / "control").read_bytes()
    found = repair(killed)
    assert found.needed
    assert not found.done
    assert (killed / "control").read_bytes() == before
    assert repair(killed, apply=True).done
    assert 100 <= Journal(killed).records <= 150
    assert verify(killed)["records"] >= 100


def test_a_damaged_tail(killed):
    tail = Path(plain.last_mark(killed)["tail"])
    with tail.open("r+b") as file:
        file.seek(60)
        file.write(b"x")
    with pytest.raises(JournalError):
        Journal(killed)
    assert repair(killed, apply=True).done
    assert Journal(killed).records >= 100


def test_a_disk_that_failed_to_force(killed):
    mark = read_mark(str(killed))
    write_mark(str(killed), mark, state=3, error=5, forced=50 * 128)
    with pytest.raises(JournalError, match=r"forcing it to the disk failed \(Input/output error\)"):
        Journal(killed)
    inode = (killed / "00000001.segment").stat().st_ino
    assert repair(killed).actions
    found = repair(killed, apply=True)
    assert found.done
    assert (killed / "00000001.segment").stat().st_ino != inode
    assert Journal(killed).records == 150


def test_a_wrong_record_is_not_mended(killed):
    file = killed / "00000001.segment"
    data = bytearray(file.read_bytes())
    data[4096 + 700] ^= 1
    file.write_bytes(data)
    with pytest.raises(JournalError, match="record 6 at byte 4736"):
        repair(killed, apply=True)


def test_not_while_an_engine_runs(tmp_path):
    journal = Journal(tmp_path / "log")
    with pytest.raises(JournalError, match="stop it first"):
        repair(tmp_path / "log")
    journal.close()


def test_the_commands(killed, capsys):
    from typer.testing import CliRunner

    from grandmodel.execution.cli import app

    told = CliRunner().invoke(app, ["journal", "verify", str(killed)])
    assert told.exit_code == 0
    assert "150" in told.output
    assert "not stopped in order" in told.output
    Path(plain.last_mark(killed)["tail"]).unlink()
    told = CliRunner().invoke(app, ["journal", "repair", str(killed)])
    assert "--yes does it" in told.output
    assert told.exit_code == 1
    told = CliRunner().invoke(app, ["journal", "repair", str(killed), "--yes"])
    assert "done: go on" in told.output
