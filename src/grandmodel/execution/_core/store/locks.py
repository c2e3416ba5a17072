"""Who has a journal open: a lock that goes with its process."""

from __future__ import annotations

import errno
import fcntl
import os

from ..values import JournalError

_held: set[int] = (
    set()
)  # descriptors of locked files: a forked child closes them, or the locks would outlive the engine


def _let_go() -> None:
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def hold(fd: int) -> None:
    """Notes a descriptor with a lock (flock) that is this process's alone: a forked child closes it."""
    _held.add(fd)


def release(fd: int) -> None:
    """Closes a descriptor given to `hold`, and its lock with it.

    For the process that gave it alone: in a child the number may be another file's."""
    _held.remove(fd)
    os.close(fd)


def lock(path: str) -> int:
    """Takes the journal's lock; its descriptor, held. JournalError when another engine has it."""
    name = os.path.join(path, "lock")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        try:
            holder = os.pread(fd, 64, 0).decode("ascii", "replace").strip()
        finally:
            os.close(fd)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        raise JournalError(f"{path}: another engine has this journal open (process {holder or 'unknown'})") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    hold(fd)
    return fd


def is_live(path: str) -> bool:
    """True while an engine has the journal open."""
    try:
        fd = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)
