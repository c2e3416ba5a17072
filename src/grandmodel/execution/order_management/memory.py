"""How much memory an engine holds, by structure, and giving back what is not used."""

from __future__ import annotations

import ctypes
import gc
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.records import ORDER_DTYPE
from .._core.values import Unknown

if TYPE_CHECKING:
    from .._core.submit import Core
    from .storage import CircularBuffer

__all__ = ["MemoryReport", "memory_usage", "optimize", "process_bytes"]

log = logging.getLogger("grandmodel.execution")

#: Bytes by structure; what cannot be known is Unknown and says why.
MemoryReport = dict[str, int | Unknown]

_CLIENT_TABLES = 2 * 65_536 * 16
_INDEX_ENTRY = 4  # bytes that an order id takes in the table's index
MB = 2**20


def process_bytes(what: str = "RssAnon") -> int | Unknown:
    """A line of /proc/self/status in bytes: RssAnon is what only this process has, RssShmem what may be shared."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                name, _, value = line.partition(":")
                if name == what:
                    return int(value.split()[0]) * 1024
    except OSError as error:
        return Unknown(f"/proc/self/status cannot be read: {error.strerror}")
    return Unknown(f"the system does not tell {what}")


def memory_usage(core: Core, buffers: Mapping[str, CircularBuffer] | None = None) -> MemoryReport:
    """Bytes of memory by structure of one engine, and of the whole process.

    Parameters
    ----------
    buffers : what its face holds beside it, by name

    Returns
    -------
    order_rows : rows that were ever used, of orders live and closed
    order_index : the index over every id given so far
    journal_ring : the records ahead of the file; shared memory, touched as it fills
    client_order_ids : the two tables of the latest ids, touched as they are used; older ones are in a file
    process_anonymous, process_shared : of the whole process, whoever holds it
    and one entry for each buffer
    """
    usage: MemoryReport = {
        "order_rows": core.orders.rows_touched * ORDER_DTYPE.itemsize,
        "order_index": core.orders.next_id * _INDEX_ENTRY,
        "journal_ring": core.journal.ring_bytes,
        "client_order_ids": _CLIENT_TABLES,
    }
    for name, buffer in (buffers or {}).items():
        usage[name] = buffer.nbytes
    usage["process_anonymous"] = process_bytes("RssAnon")
    usage["process_shared"] = process_bytes("RssShmem")
    return usage


def optimize(
    core: Core,
    usage: Callable[[], MemoryReport],
    buffers: Mapping[str, CircularBuffer],
    threshold_mb: float | None,
) -> dict[str, Any]:
    """Collects garbage, compacts the buffers, lets closed orders go whose time is over, gives free pages back.

    Parameters
    ----------
    threshold_mb : a warning is logged when the process has more anonymous memory (1 MB = 2**20 bytes); None: never

    Returns
    -------
    before, after : `usage()`
    expired_orders : closed orders let go because their time was over
    collected : unreachable objects that were found
    compacted : {buffer: bytes given back}
    live_orders : orders that have not ended, all still held
    log_only_orders : accepted orders that memory has let go since the start (closed ones, by the configured
        retention); the log still answers for them
    above_threshold : bool; None without a threshold, or where the process's memory is Unknown
    """
    before = usage()
    retention = core.orders.retention_ns
    expired = core.let_go_closed(core.clock.now_ns() - retention) if retention else 0
    collected = gc.collect()
    compacted = {name: buffer.compact() for name, buffer in buffers.items()}
    _trim()
    after = usage()
    anonymous = after["process_anonymous"]
    above = None
    if threshold_mb is not None and not isinstance(anonymous, Unknown):
        above = anonymous > threshold_mb * MB
        if above:
            log.warning("memory: the process has %.1f MB, above its threshold of %.1f MB", anonymous / MB, threshold_mb)
    return {
        "before": before,
        "after": after,
        "expired_orders": expired,
        "collected": collected,
        "compacted": compacted,
        "live_orders": core.orders.live,
        "log_only_orders": core.statistics()["accepted"] - core.orders.held,
        "above_threshold": above,
    }


def _trim() -> None:
    """Has the C library give its free pages to the system; one that cannot keeps them."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
