"""Venues in other processes: the market of a configuration whose lit venues have a ``connection``.

core = make_core(config, market=market_with_connections)
connect(core, config, client_uuid, last_execution_ids)
keeper = attach(core, asyncio.get_running_loop())
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .._core.records import REPORT_DTYPE
from .._core.remote import RemoteMarket, Welcome
from .._core.synthetic import Market
from ..record_codes import RECORD_REPORT
from .faulty import simulated_market

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._core.scoring import Venues
    from .._core.submit import Core
    from ..config import ExecutionConfig


def connections(config: ExecutionConfig) -> dict[str, str]:
    """{venue: path of its socket} of the enabled lit venues that another process serves."""
    return {
        name: venue.connection.removeprefix("unix:")
        for name, venue in config.routing.venues.items()
        if venue.connection is not None and venue.enabled
    }


def market_with_connections(venues: Venues, config: ExecutionConfig, start_ns: int) -> Market:
    """The market of a configuration: a RemoteMarket for venues with a connection, simulated ones behind the others.

    Without any connection it is the simulated market (paper, with a link before it where latency or faults are asked
    for). A venue with a connection is disabled until it is connected.

    Raises
    ------
    ValueError  in mode "simulation": another process does not live in simulated time
    """
    remote = connections(config)
    if not remote:
        return simulated_market(venues, config, start_ns)
    if config.mode == "simulation":
        first = next(iter(remote))
        raise ValueError(
            f"routing.venues.{first}.connection is given, but mode is 'simulation': a venue in another process lives "
            "in the machine's time"
        )
    lit = [name for name in config.routing.venues if name not in remote]
    inner = simulated_market(venues, config, start_ns, without=frozenset(remote)) if lit else None
    return RemoteMarket(venues, remote, inner=inner, start_ns=start_ns)


def market_of(core: Core) -> RemoteMarket:
    """The core's market, if it has doors. TypeError otherwise."""
    if not isinstance(core.market, RemoteMarket):
        raise TypeError("this engine has no venue in another process: its configuration has no connection")
    return core.market


def last_execution_ids(core: Core) -> dict[str, int]:
    """{venue: the highest execution id that the journal has from it}, 0 where there is none: where to resume."""
    market = market_of(core)
    reports = core.journal.rows(RECORD_REPORT)
    return {name: _highest(reports, core.venues.number(name)) for name in market.remote_names}


def _highest(reports: NDArray[np.void], venue: int) -> int:
    assert reports.dtype == REPORT_DTYPE
    ids = reports["execution_id"][reports["venue"] == venue]
    return int(ids.max()) if ids.size else 0


def _resume_points(core: Core, market: RemoteMarket) -> dict[str, int]:
    known = {name: market.last_execution_id(name) for name in market.remote_names if market.instance(name)}
    return known if len(known) == len(market.remote_names) else {**last_execution_ids(core), **known}


def connect(
    core: Core,
    config: ExecutionConfig,
    client_uuid: uuid.UUID | bytes,
    last: Mapping[str, int] | None = None,
    *,
    instances: Mapping[str, bytes] | None = None,
    timeout: float = 5.0,
) -> dict[str, Welcome]:
    """Connects every venue of the configuration that is not connected, and takes in what it had to send again.

    Parameters
    ----------
    client_uuid : who this engine is at its venues; the same after a restart, or nothing can be resumed
    last : {venue: highest execution id that is booked}; None: the market's own count, or the journal's at first
    instances : {venue: Welcome.instance of before the restart}; a venue process that is another one then refuses
    timeout : seconds for each venue

    Raises
    ------
    VenueError  naming the venue that is not reached or refuses; those before it stay connected
    """
    market = market_of(core)
    core.advance()  # the end of an old connection is told of before a new one begins
    given = _resume_points(core, market) if last is None else last
    welcomes = {}
    for name, path in connections(config).items():
        if not market.connected(name):
            known = None if instances is None else instances.get(name)
            welcomes[name] = market.connect(
                name, path, client_uuid, given.get(name, 0), instance=known, timeout=timeout
            )
    core.advance()
    return welcomes


class Attachment:
    """Readers of an event loop that advance the core when a venue has sent something; made by `attach`."""

    def __init__(self, core: Core, loop: asyncio.AbstractEventLoop) -> None:
        self._core, self._loop = core, loop
        self._market = market_of(core)
        self._readers: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Adds readers of venues that have been connected since, removes those of venues that are not any more."""
        for name in self._market.remote_names:
            number = self._market.fileno(name)
            if name in self._readers and self._readers[name] != number:
                self._loop.remove_reader(self._readers.pop(name))
            if number >= 0 and name not in self._readers:
                self._readers[name] = number
                self._loop.add_reader(number, self._readable)

    def _readable(self) -> None:
        self._core.advance()
        self.refresh()

    def close(self) -> None:
        """Removes the readers."""
        for number in self._readers.values():
            self._loop.remove_reader(number)
        self._readers.clear()


def attach(core: Core, loop: asyncio.AbstractEventLoop) -> Attachment:
    """Lets a loop advance the core as soon as a venue has sent something.

    Call `refresh` before a venue is connected again (its old descriptor must have been let go) and after.
    """
    return Attachment(core, loop)
