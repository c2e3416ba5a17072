"""An engine's connections to the venues in other processes: made at the start, held against the venues, made again.

A venue is asked for what it reported since the last report in the journal, then for all it knows; what differs is
listed (`breaks`), logged, and never silently mended.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._core.values import JournalError, VenueError
from ..order_management.reconciliation import Break, reconcile
from ..record_codes import RECORD_REPORT
from .process import connections, market_of

if TYPE_CHECKING:
    from .._core.remote import RemoteMarket
    from .._core.submit import Core
    from ..config import ExecutionConfig

_log = logging.getLogger("grandmodel.execution")
_ANY = bytes(16)  # at login: whatever process serves the venue


@dataclass
class Links:
    """Connections of one core.

    Parameters
    ----------
    core, config : the engine and the configuration whose venues have a `connection`

    Attributes
    ----------
    breaks : {venue: what differed when it was last connected}
    """

    core: Core
    config: ExecutionConfig
    breaks: dict[str, list[Break]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.market: RemoteMarket = market_of(self.core)
        self.paths = connections(self.config)
        self._client = self.core.journal.uuid if self.core.journal.path is not None else uuid.uuid4().bytes
        self._known: dict[str, dict[str, Any]] = self._read()

    @property
    def missing(self) -> list[str]:
        """Venues that are not connected."""
        return [name for name in self.paths if not self.market.connected(name)]

    def connect(self, timeout: float = 5.0) -> list[str]:
        """Tries every venue that is not connected; those that still are not, each with a warning that says why."""
        self.core.advance()  # the end of an old connection is told of before a new one begins
        for name in self.missing:
            try:
                self._connect(name, timeout)
            except (VenueError, OSError) as error:
                _log.warning("venue %s is not connected: %s", name, error)
        return self.missing

    def _connect(self, name: str, timeout: float) -> None:
        known = self._known.get(name)
        instance = _ANY if known is None else bytes.fromhex(known["instance"])
        last = self._last(name, 0 if known is None else known["position"])
        position = self.core.journal.head if last == 0 else 0
        try:
            welcome = self.market.connect(
                name, self.paths[name], self._client, last, instance=instance, timeout=timeout
            )
            other = welcome.executions < last  # it has not given the ids that we have: it is another process
        except VenueError:
            if instance is _ANY:
                raise
            other = True
        if other:
            # It knows nothing of our orders, and counts from 1 again.
            if self.market.connected(name):
                self.market.disconnect(name)
                self.core.advance()
            position = self.core.journal.head
            welcome = self.market.connect(name, self.paths[name], self._client, 0, instance=_ANY, timeout=timeout)
            _log.warning("venue %s was restarted: it does not know the orders that it had", name)
            known = None
        if known is None:
            known = self._known[name] = {"instance": welcome.instance.hex(), "position": position}
            self._write()
        self.core.advance()
        found = reconcile(self.core, self.market, name, since=known["position"], timeout=timeout)
        self.breaks[name] = found
        for each in found:
            _log.warning("venue %s: %s", name, each)

    def _last(self, name: str, position: int) -> int:
        """The highest execution id in the log from the process that serves the venue since `position`."""
        reports = self.core.journal.rows(RECORD_REPORT, position)
        ids = reports["execution_id"][reports["venue"] == self.core.venues.number(name)]
        return int(ids.max()) if ids.size else 0

    @property
    def _file(self) -> str | None:
        path = self.core.journal.path
        return None if path is None else os.path.join(path, "venues.json")

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._file is None or not os.path.exists(self._file):
            return {}
        try:
            with open(self._file, encoding="utf-8") as file:
                known: dict[str, dict[str, Any]] = json.load(file)
            for name, entry in known.items():
                if len(bytes.fromhex(entry["instance"])) != 16 or entry["position"] < 0:
                    raise ValueError(name)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JournalError(
                f"{self._file}: is damaged; delete it, and the venues are taken for the processes that the log knows"
            ) from None
        return known

    def _write(self) -> None:
        if self._file is None:
            return
        with open(self._file + ".new", "w", encoding="utf-8") as file:
            json.dump(self._known, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._file + ".new", self._file)
