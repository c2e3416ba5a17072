"""A venue in a thread of the test, a client that speaks in frames, and a core whose market has doors."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import uuid

from support import E9, LIMITS, VENUES, Gate

from grandmodel.execution._core.capture import Capture
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.orders import OrderTable
from grandmodel.execution._core.portfolio import Portfolio
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.reexecution import RecordedMarket
from grandmodel.execution._core.remote import LAYOUT_HASH, Kind, RemoteMarket
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.submit import Core
from grandmodel.execution._core.synthetic import SyntheticMarket
from grandmodel.execution.venues.exchange import Exchange
from grandmodel.execution.venues.server import VenueServer
from grandmodel.execution.venues.wire import CODECS, FrameReader, frame

ME = uuid.UUID(int=7)
YOU = uuid.UUID(int=8)
SYMBOLS = {"AAPL": 150, "MSFT": 300, "JPM": 150}
REFERENCES = {symbol: price * E9 for symbol, price in SYMBOLS.items()}
TICK = E9 // 100
EXEC_STATUS = 10
UNKNOWN = 11
TIMEOUT = 10.0


class Venue:
    """A server that is served by a thread until the end of the block."""

    def __init__(self, path, *, name="NYSE", depth=5, size=1000, references=REFERENCES, **options):
        self.path = path
        self.exchange = Exchange(name, depth=depth, size=size, references=references)
        self.server = VenueServer(path, self.exchange, **options)
        self._thread = threading.Thread(target=self.server.serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.stop()

    def stop(self):
        if self._thread.is_alive():
            self.server.stop()
            self._thread.join(TIMEOUT)
            assert not self._thread.is_alive()
        if self.server is not None:
            self.server.close()
            self.server = None


class Client:
    """A connection that sends frames, right and wrong ones, and reads what comes back."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(path))
        self.number = 0
        self.reader = FrameReader(frozenset(Kind))
        self.received = []
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.sock.close()

    def raw(self, data):
        with contextlib.suppress(BrokenPipeError):  # the venue has refused already: what it said is still to be read
            self.sock.sendall(data)

    def send(self, kind, /, **fields):
        self.number += 1
        codec = CODECS.get(kind)
        self.raw(frame(kind, self.number, b"" if codec is None else codec.pack(codec.make(**fields))))

    def send_row(self, kind, row):
        self.number += 1
        self.raw(frame(kind, self.number, row))

    def next(self):
        """The next frame, (kind, row); None when the venue has closed the connection."""
        while not self.received:
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                self.ended = True
                return None
            self.reader.feed(data)
            self.received += self.reader.frames()
        return self.received.pop(0)

    def until(self, kind):
        """Rows up to the next frame of a kind: ([(kind, row)] before it, its row)."""
        before = []
        while (found := self.next()) is not None:
            if found[0] is kind:
                return before, found[1]
            before.append(found)
        raise AssertionError(f"the connection ended before {kind.name}, after {before}")

    def rest(self):
        """Every frame up to the end of the connection."""
        out = []
        while (found := self.next()) is not None:
            out.append(found)
        return out

    def login(self, client=ME, last=0, symbols=("AAPL", "MSFT", "JPM"), name="NYSE", **changes):
        """LOGIN and SYMBOLs; the WELCOME row and the reports that were sent again."""
        self.begin(client, last, symbols, name, **changes)
        before, welcome = self.until(Kind.WELCOME)
        assert not before
        return welcome, [self.until(Kind.REPORT)[1] for _ in range(welcome.replayed)]

    def begin(self, client=ME, last=0, symbols=("AAPL", "MSFT", "JPM"), name="NYSE", announced=None, **changes):
        fields = {
            "client": client.bytes, "layout": LAYOUT_HASH, "last_execution_id": last, "venue": name.encode(),
            "symbols": len(symbols) if announced is None else announced, **changes,
        }  # fmt: skip
        self.send(Kind.LOGIN, **fields)
        for number, symbol in enumerate(symbols):
            self.symbol(number, symbol)

    def symbol(self, number, symbol, **changes):
        fields = {
            "id": number, "kind": 1, "length": len(symbol), "text": symbol.encode(), "value": TICK, "value2": E9,
        }  # fmt: skip
        self.send(Kind.SYMBOL, **{**fields, **changes})

    def order(self, order_id, quantity=100, side=1, price=None, symbol=0, **changes):
        fields = {
            "order_id": order_id, "quantity": quantity, "leaves_quantity": quantity, "side": side, "symbol": symbol,
            "limit_price_e9": NO_PRICE if price is None else round(price * E9), "order_type": 1 if price is None else 2,
            "time_in_force": 1, "stop_price_e9": NO_PRICE,
        }  # fmt: skip
        self.send(Kind.ORDER, **{**fields, **changes})

    def cancel(self, order_id, symbol=0, side=1, **changes):
        self.send(Kind.CANCEL, **{"order_id": order_id, "kind": 1, "symbol": symbol, "side": side, **changes})

    def status(self, request=1):
        """(kind, row) of everything up to STATUS_END, and its row."""
        self.send(Kind.STATUS_REQUEST, request=request)
        return self.until(Kind.STATUS_END)

    def counters(self):
        self.send(Kind.CONTROL, action=3)
        return self.until(Kind.COUNTERS)[1]


def rows_of(frames, kind):
    return [row for found, row in frames if found is kind]


def make_remote_core(
    remote=("NYSE",), *, paper=False, clock=None, path=None, limits=LIMITS, venues=VENUES, retained=16384,
    capture=None,
):  # fmt: skip
    """A core whose venues `remote` have doors, and its gate; the others are paper or nobody's."""
    clock = NativeClock() if clock is None else clock
    instruments = Instruments()
    for symbol, price in SYMBOLS.items():
        instruments.add(symbol, tick_e9=TICK, reference_e9=price * E9, sector="technology")
    portfolio = Portfolio(instruments)
    portfolio.open_account(0, 100_000_000 * E9)
    table = Limits(instruments)
    table.set(**limits)
    destinations = Venues(instruments)
    for priority, (name, fee) in enumerate(venues):
        destinations.add(name, priority=priority, take_fee_e9=round(fee * 1e6), make_fee_e9=-(10**6))
    start = clock.now_ns()
    inner = None
    if paper:
        shares = [0.0 if name in remote else 1.0 for name, _ in venues]
        inner = SyntheticMarket(destinations, shares, seed=1, start_ns=start)
    market = RemoteMarket(destinations, remote, inner=inner, start_ns=start)
    journal = Journal(path)
    core = Core(
        instruments=instruments, portfolio=portfolio, limits=table, venues=destinations, journal=journal,
        orders=OrderTable(retained=retained), market=market, clock=clock, capture=capture and Capture(capture, journal),
    )  # fmt: skip
    return core, Gate(core), market


def make_recorded_core(venues=VENUES):
    """An empty core with the same venues, of which none has a door, that lives a day of one of these again."""
    instruments = Instruments()
    for symbol, price in SYMBOLS.items():
        instruments.add(symbol, tick_e9=TICK, reference_e9=price * E9, sector="technology")
    destinations = Venues(instruments)
    for priority, (name, fee) in enumerate(venues):
        destinations.add(name, priority=priority, take_fee_e9=round(fee * 1e6), make_fee_e9=-(10**6))
    return Core(
        instruments=instruments, portfolio=Portfolio(instruments), limits=Limits(instruments), venues=destinations,
        journal=Journal(), orders=OrderTable(), market=RecordedMarket(destinations), clock=NativeClock(simulated=True),
        introduce=False,
    )  # fmt: skip


def wait_for(core, market, reached, venue="NYSE"):
    """Advances until `reached()`, waiting for the venue's socket in between."""
    for _ in range(100_000):
        core.advance()
        if reached():
            return
        number = market.fileno(venue)
        assert number >= 0, market.fault(venue)
        assert select.select([number], [], [], TIMEOUT)[0], "the venue sent nothing"
    raise AssertionError("it did not come to it")


def quoted(core, market, venue="NYSE"):
    """Waits for the venue's first quotes: without a price the risk checks refuse."""
    seen = market.statistics()[venue]["quotes"]
    wait_for(core, market, lambda: market.statistics()[venue]["quotes"] >= seen + len(SYMBOLS), venue)


def reports(core, order_id=None):
    """The reports in a core's journal."""
    rows = core.journal.rows(4)
    return rows if order_id is None else rows[rows["order_id"] == order_id]
