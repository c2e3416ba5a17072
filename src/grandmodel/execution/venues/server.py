"""A venue's sockets: `VenueServer` puts an `Exchange` behind a Unix socket (``gmexec venue`` runs one).

One thread, no waiting on any one client. What a client sends is checked field by field; what is wrong ends its
connection with a REFUSED frame that says why, and nothing else. Reports outlive connections: they wait for the next
login.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import stat
import time
from collections import deque
from pathlib import Path
from typing import Any

from .._core.remote import LAYOUT_HASH, NAME_LENGTH, Action, Kind, Refusal
from ..record_codes import EXEC_TRADE
from .exchange import Book, Client, Exchange
from .wire import CODECS, FrameReader, ProtocolError, frame, refusal

_FROM_CLIENTS = frozenset(kind for kind in Kind if kind < Kind.WELCOME)
_ROUNDS = 16  # reads of one connection at a time, so that no client keeps the others waiting
_ROUNDS_OUT = 1024  # of one that has not said yet who it is, when it may be the older one of who just did
_PIECE = 1 << 16
_QUEUED_MAX = 1 << 26  # bytes for a client that does not read: it is disconnected, and may come back for them
_SYMBOLS_MAX = 4096
_DELAY_MAX_NS = 60 * 10**9


class Connection:
    """One socket: bytes in, frames out with the time from which they may leave, and who logged in on it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader = FrameReader(_FROM_CLIENTS)
        self.out: deque[tuple[int, bytes]] = deque()  # (monotonic ns, frame)
        self.out_bytes = 0
        self.allowed = _QUEUED_MAX  # bytes: and what it asked for itself may come on top
        self.rest = b""  # of a frame that has begun to leave
        self.number = 0  # frames queued so far
        self.login: Any = None  # the LOGIN row whose SYMBOLs are still coming
        self.client: Client | None = None
        self.symbols: dict[int, Book] = {}  # the client's number -> book
        self.numbers: dict[str, int] = {}  # symbol -> the client's number
        self.orders = 0
        self.closed = False
        self.closing = False  # once everything queued has left
        self.broken = False  # nothing can be sent any more; what has come is still read

    def queue(self, due_ns: int, kind: Kind, row: bytes = b"") -> None:
        self.number += 1
        raw = frame(kind, self.number, row)
        self.out.append((due_ns, raw))
        self.out_bytes += len(raw)

    def due(self, now_ns: int) -> bytes:
        """Takes the frames whose time has come off the queue, a piece at most: one send for all of them."""
        frames, size = [], 0
        while self.out and self.out[0][0] <= now_ns and size < _PIECE:
            raw = self.out.popleft()[1]
            frames.append(raw)
            size += len(raw)
        return b"".join(frames)


class VenueServer:
    """Serves an exchange on a Unix socket.

    Parameters
    ----------
    path : of the socket; a stale file is replaced, one that somebody serves is not (OSError)
    delay_ns : how long each frame to a client waits before it is sent
    disconnect_every : N: a connection is closed after every N orders, processed but not answered; 0: never
    drop_answers : N: every N-th report is left out; only a status or a login from before it tells of it; 0: none
    """

    def __init__(
        self, path: str | os.PathLike[str], exchange: Exchange, *, delay_ns: int = 0, disconnect_every: int = 0,
        drop_answers: int = 0,
    ) -> None:  # fmt: skip
        for name, value, high in (
            ("delay_ns", delay_ns, _DELAY_MAX_NS),
            ("disconnect_every", disconnect_every, 2**63),
            ("drop_answers", drop_answers, 2**63),
        ):
            if not 0 <= value <= high:
                raise ValueError(f"{name} is {value}, must be from 0 to {high}")
        if not 1 <= len(exchange.name.encode()) <= NAME_LENGTH:
            raise ValueError(f"the venue's name is {exchange.name!r}, must have 1 to {NAME_LENGTH} bytes")
        self.path = Path(path)
        self.exchange = exchange
        self.delay_ns = delay_ns
        self.disconnect_every = disconnect_every
        self.drop_answers = drop_answers
        self.accepted = self.logins = self.replayed = self.dropped = 0
        self.disconnects = self.refused = self.truncated = 0
        self._reports = 0
        self._quoted: dict[str, int] = {}  # symbol -> sequence of the quote last given out
        self._connections: list[Connection] = []  # in the order of acceptance
        self._stopping = False
        self._listener = _listen(self.path)
        self._file = os.stat(self.path)
        self._wake, self._woken = socket.socketpair()
        for sock in (self._wake, self._woken):
            sock.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        exchange.on_report = self._report

    # ---- life

    def serve(self) -> None:
        """Serves until `stop`."""
        while not self._stopping:
            self.step(None)

    def stop(self) -> None:
        """Ends `serve`; from another thread or a signal handler too."""
        self._stopping = True
        with contextlib.suppress(OSError):  # it is awake already, or closed
            self._wake.send(b"\0")

    def close(self) -> None:
        """Closes every connection and removes the socket's file, if it is still ours."""
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.close()
        for sock in (self._listener, self._wake, self._woken):
            sock.close()
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return
        if (found.st_dev, found.st_ino) == (self._file.st_dev, self._file.st_ino):
            os.unlink(self.path)

    def __enter__(self) -> VenueServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def step(self, timeout: float | None) -> None:
        """Waits up to `timeout` seconds (None: for ever) for something to do, and does it."""
        due = min((c.out[0][0] for c in self._connections if c.out and not c.rest and not c.broken), default=None)
        if due is not None:
            ahead = max(0.0, (due - time.monotonic_ns()) / 1e9)
            timeout = ahead if timeout is None else min(timeout, ahead)
        for key, events in self._selector.select(timeout):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._woken:
                self._woken.recv(_PIECE)
            elif not key.data.closed and events & selectors.EVENT_READ:
                self._read(key.data, _ROUNDS)
        for connection in list(self._connections):
            self._send(connection)

    def counters(self) -> dict[str, int]:
        """What has happened so far, by name (the fields of COUNTERS)."""
        exchange = self.exchange
        return {
            "connections": self.accepted, "logins": self.logins, "clients": len(exchange.clients),
            "orders": exchange.orders, "duplicates": exchange.duplicates, "cancels": exchange.cancels,
            "executions": exchange.executions, "trades": exchange.trades, "replayed": self.replayed,
            "dropped": self.dropped, "disconnects": self.disconnects, "refused": self.refused,
            "truncated": self.truncated, "delay_ns": self.delay_ns,
        }  # fmt: skip

    # ---- bytes in

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    return  # it waits in the backlog until somebody has left
                raise
            sock.setblocking(False)
            connection = Connection(sock)
            self._connections.append(connection)
            self._selector.register(sock, selectors.EVENT_READ, connection)
            self.accepted += 1

    def _read(self, connection: Connection, rounds: int | None) -> None:
        """Takes in what has come: up to `rounds` pieces, or (None) all of it up to the end."""
        while rounds is None or rounds > 0:
            if rounds is not None:
                rounds -= 1
            if connection.closed or connection.closing:
                return
            try:
                data = connection.sock.recv(_PIECE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""  # the other side is gone, and with it whatever it had not read
            if not data:
                self._ended(connection)
                return
            connection.reader.feed(data)
            try:
                for kind, row in connection.reader.frames():
                    self._take(connection, kind, row)
                    if connection.closed or connection.closing:
                        return
            except ProtocolError as error:
                self._refuse(connection, error)
                return

    def _ended(self, connection: Connection) -> None:
        if connection.reader.pending:
            self.truncated += 1
        self._drop(connection)

    def _take(self, connection: Connection, kind: Kind, row: Any) -> None:
        if kind is Kind.CONTROL:
            self._control(connection, row)
        elif kind is Kind.LOGIN:
            self._login(connection, row)
        elif kind is Kind.SYMBOL and connection.login is not None:
            self._symbol(connection, row)
        elif kind is Kind.LOGOUT:
            connection.closing = True
        elif connection.client is None:
            text = f"{kind.name} came before the login was answered"
            raise ProtocolError(Refusal.BAD_ORDER_OF_FRAMES, text)
        elif kind is Kind.ORDER:
            self._order(connection, connection.client, row)
        elif kind in (Kind.CANCEL, Kind.REPLACE):
            self._request(connection, connection.client, row, kind)
        elif kind is Kind.STATUS_REQUEST:
            self._status(connection, connection.client, row.request)
        else:
            raise ProtocolError(Refusal.BAD_ORDER_OF_FRAMES, f"{kind.name} came after the login was answered")

    # ---- login

    def _login(self, connection: Connection, row: Any) -> None:
        if connection.login is not None or connection.client is not None:
            raise ProtocolError(Refusal.BAD_ORDER_OF_FRAMES, "LOGIN came a second time")
        name = row.venue.rstrip(b"\0").decode(errors="replace")
        exchange = self.exchange
        if row.layout != LAYOUT_HASH:
            text = f"layout is {row.layout:016x}, must be {LAYOUT_HASH:016x}: engine and venue are of different builds"
            raise ProtocolError(Refusal.BAD_LAYOUT, text)
        if name != exchange.name:
            raise ProtocolError(Refusal.BAD_VENUE, f"venue is {name!r}, this one is {exchange.name!r}")
        if row.client == bytes(16):
            raise ProtocolError(Refusal.BAD_FRAME, "client of LOGIN is all zero, must be a uuid")
        if not 0 <= row.symbols <= _SYMBOLS_MAX:
            text = f"symbols of LOGIN is {row.symbols}, must be from 0 to {_SYMBOLS_MAX}"
            raise ProtocolError(Refusal.BAD_FRAME, text)
        if row.instance not in (bytes(16), exchange.instance):
            text = "this venue process is another than the one logged in to before: it does not know those orders"
            raise ProtocolError(Refusal.BAD_RESUME, text)
        if not 0 <= row.last_execution_id <= exchange.executions:
            text = f"last_execution_id is {row.last_execution_id}, this venue process gave out {exchange.executions}"
            raise ProtocolError(Refusal.BAD_RESUME, text)
        connection.login = row
        if row.symbols == 0:
            self._welcome(connection)

    def _symbol(self, connection: Connection, row: Any) -> None:
        if not 1 <= row.length <= len(row.text):
            text = f"length of SYMBOL is {row.length}, must be from 1 to {len(row.text)}"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        symbol = row.text[: row.length].decode(errors="replace")
        if row.kind != 1 or not symbol.isprintable() or "\ufffd" in symbol:
            raise ProtocolError(Refusal.BAD_SYMBOL, f"SYMBOL {row.id} is not printable text of kind 1")
        if not 0 <= row.id < _SYMBOLS_MAX or row.id in connection.symbols or symbol in connection.numbers:
            text = f"SYMBOL {symbol} has the number {row.id}: one of them was there already, or the number is too high"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        if not 0 < row.value < 10**18 or row.value2 <= 0:
            text = f"tick and step of {symbol} are {row.value} and {row.value2}, must be positive"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        connection.symbols[row.id] = self.exchange.book(symbol, row.value)
        connection.numbers[symbol] = row.id
        if len(connection.symbols) == connection.login.symbols:
            self._welcome(connection)

    def _welcome(self, connection: Connection) -> None:
        """The login is whole: older connections of this client are read to their end, then it is answered."""
        row, connection.login = connection.login, None
        client = self.exchange.client(row.client)
        self._read_out_older(connection, client)
        missed = [report for report in client.reports if report[1].execution_id > row.last_execution_id]
        needed = {symbol for symbol, _ in missed}
        needed.update(order.symbol for order in client.orders.values() if not order.status.is_closed)
        for symbol in sorted(needed - connection.numbers.keys()):
            text = f"{symbol} is not among the symbols, but this client has open orders or reports to come in it"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        connection.client = client
        self.logins += 1
        self.replayed += len(missed)
        codec = CODECS[Kind.WELCOME]
        welcome = codec.make(
            venue=self.exchange.name.encode(), instance=self.exchange.instance, executions=self.exchange.executions,
            replayed=len(missed), orders=len(client.orders),
        )  # fmt: skip
        self._queue(connection, Kind.WELCOME, codec.pack(welcome))
        for symbol, report in missed:
            self._queue_report(connection, symbol, report)
        for book in connection.symbols.values():
            self._queue_quote(connection, book)
        connection.allowed = _QUEUED_MAX + connection.out_bytes

    def _read_out_older(self, connection: Connection, client: Client) -> None:
        """An order that was sent before its client died must not be found after its next login was answered.

        Connections are accepted in the order in which they were made, so whatever the client said before stands in
        older ones; of those that have not logged in yet nobody knows whose they are.
        """
        for older in list(self._connections):
            if older is connection:
                return
            if older.client is None:
                self._read(older, _ROUNDS_OUT)
            if older.client is client and not older.closed:
                with contextlib.suppress(OSError):  # its other side may be gone: what it sent is there nevertheless
                    older.sock.shutdown(socket.SHUT_RD)  # nothing more can come, what has come can be read
                self._read(older, None)
            if older.client is client and not older.closed:
                self._drop(older)

    # ---- commands

    def _book(self, connection: Connection, kind: str, symbol: int) -> Book:
        book = connection.symbols.get(symbol)
        if book is None:
            raise ProtocolError(Refusal.BAD_SYMBOL, f"symbol of {kind} is {symbol}, which no SYMBOL named")
        return book

    def _order(self, connection: Connection, client: Client, row: Any) -> None:
        book = self._book(connection, "ORDER", row.symbol)
        if row.order_id <= 0:
            raise ProtocolError(Refusal.BAD_FRAME, f"order_id of ORDER is {row.order_id}, must be positive")
        connection.orders += 1
        self.exchange.submit(client, book.symbol, row)
        if self.disconnect_every and connection.orders % self.disconnect_every == 0:
            self.disconnects += 1
            self._drop(connection)
        self._quote(book)

    def _request(self, connection: Connection, client: Client, row: Any, kind: Kind) -> None:
        book = self._book(connection, kind.name, row.symbol)
        expected = 1 if kind is Kind.CANCEL else 4  # gm_request_kind
        if row.order_id <= 0 or row.kind != expected:
            text = (
                f"order_id and kind of {kind.name} are {row.order_id} and {row.kind}, must be positive and {expected}"
            )
            raise ProtocolError(Refusal.BAD_FRAME, text)
        order = client.orders.get(row.order_id)
        if order is not None and order.symbol != book.symbol:
            text = f"symbol of {kind.name} is {book.symbol}, order {row.order_id} is in {order.symbol}"
            raise ProtocolError(Refusal.BAD_SYMBOL, text)
        (self.exchange.cancel if kind is Kind.CANCEL else self.exchange.replace)(client, book.symbol, row)
        self._quote(book)

    def _status(self, connection: Connection, client: Client, request: int) -> None:
        orders = trades = 0
        before = connection.out_bytes
        for order in client.orders.values():
            number = self._number(connection, order.symbol)
            self._queue(connection, Kind.ORDER_STATUS, CODECS[Kind.ORDER_STATUS].pack(order.row(number)))
            orders += 1
        for symbol, report in client.reports:
            if report.exec_type == EXEC_TRADE:
                row = report._replace(symbol=self._number(connection, symbol))
                self._queue(connection, Kind.EXECUTION, CODECS[Kind.EXECUTION].pack(row))
                trades += 1
        codec = CODECS[Kind.POSITION]
        for symbol, (bought, sold, count) in client.positions.items():
            position = codec.make(symbol=self._number(connection, symbol), bought=bought, sold=sold, executions=count)
            self._queue(connection, Kind.POSITION, codec.pack(position))
        codec = CODECS[Kind.STATUS_END]
        end = codec.make(
            request=request, orders=orders, trades=trades, positions=len(client.positions), reports=len(client.reports),
            last_execution_id=client.reports[-1][1].execution_id if client.reports else 0,
            executions=self.exchange.executions, duplicates=client.duplicates,
        )  # fmt: skip
        self._queue(connection, Kind.STATUS_END, codec.pack(end))
        connection.allowed = max(connection.allowed, _QUEUED_MAX + connection.out_bytes - before)

    def _number(self, connection: Connection, symbol: str) -> int:
        """The client's number of a symbol; -1: it did not name it this time."""
        return connection.numbers.get(symbol, -1)

    def _control(self, connection: Connection, row: Any) -> None:
        if row.action == Action.DISCONNECT:
            own = [connection]
            if connection.client is None:
                own = [each for each in self._connections if each.client is not None]
            self.disconnects += len(own)
            for each in own:
                self._drop(each)
            return
        if row.action == Action.SET_DELAY:
            if not 0 <= row.value <= _DELAY_MAX_NS:
                raise ProtocolError(Refusal.BAD_FRAME, f"delay is {row.value} ns, must be from 0 to {_DELAY_MAX_NS}")
            self.delay_ns = row.value
        elif row.action != Action.REPORT_COUNTERS:
            raise ProtocolError(Refusal.BAD_FRAME, f"action of CONTROL is {row.action}, must be 1, 2 or 3")
        codec = CODECS[Kind.COUNTERS]
        self._queue(connection, Kind.COUNTERS, codec.pack(codec.make(**self.counters())))

    # ---- bytes out

    def _report(self, client: Client, symbol: str, row: Any) -> None:
        """The exchange made a report; it goes to whatever connections its client has."""
        self._reports += 1
        if self.drop_answers and self._reports % self.drop_answers == 0:
            self.dropped += 1
            return
        for connection in self._connections:
            if connection.client is client:
                self._queue_report(connection, symbol, row)

    def _queue_report(self, connection: Connection, symbol: str, row: Any) -> None:
        numbered = row._replace(symbol=connection.numbers[symbol])
        self._queue(connection, Kind.REPORT, CODECS[Kind.REPORT].pack(numbered))

    def _quote(self, book: Book) -> None:
        """Tells everybody who knows the symbol, if its book has changed."""
        if self._quoted.get(book.symbol, 0) == book.sequence:
            return
        self._quoted[book.symbol] = book.sequence
        for connection in self._connections:
            if connection.client is not None and book.symbol in connection.numbers:
                self._queue_quote(connection, book)

    def _queue_quote(self, connection: Connection, book: Book) -> None:
        row = book.quote(connection.numbers[book.symbol], time.time_ns())
        self._queue(connection, Kind.QUOTE, CODECS[Kind.QUOTE].pack(row))

    def _queue(self, connection: Connection, kind: Kind, row: bytes) -> None:
        if not (connection.closed or connection.closing or connection.broken):
            connection.queue(time.monotonic_ns() + self.delay_ns, kind, row)

    def _refuse(self, connection: Connection, error: ProtocolError) -> None:
        """Says why, and closes once that has left. What was queued before goes first."""
        self.refused += 1
        connection.queue(time.monotonic_ns(), Kind.REFUSED, refusal(error.code, str(error)))
        connection.closing = True
        connection.client = None
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        now = time.monotonic_ns()
        while not connection.closed and not connection.broken and (connection.rest or connection.out):
            if not connection.rest:
                connection.rest = connection.due(now)
                if not connection.rest:
                    break
            try:
                sent = connection.sock.send(connection.rest, socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                connection.broken = True  # what it sent before it went is still to be read
                break
            connection.out_bytes -= sent
            connection.rest = connection.rest[sent:]
        if connection.closed:
            return
        if connection.out_bytes > connection.allowed:
            self.disconnects += 1
            self._drop(connection)
        elif connection.closing and (connection.broken or not (connection.rest or connection.out)):
            self._drop(connection)
        else:
            events = 0 if connection.closing else selectors.EVENT_READ
            if connection.rest and not connection.broken:
                events |= selectors.EVENT_WRITE
            self._watch(connection, events)

    def _watch(self, connection: Connection, events: int) -> None:
        known = self._selector.get_map().get(connection.sock)
        if known is None and events:
            self._selector.register(connection.sock, events, connection)
        elif known is not None and not events:
            self._selector.unregister(connection.sock)
        elif known is not None and known.events != events:
            self._selector.modify(connection.sock, events, connection)

    def _drop(self, connection: Connection) -> None:
        connection.closed = True
        self._connections.remove(connection)
        self._watch(connection, 0)
        connection.sock.close()


def _listen(path: Path) -> socket.socket:
    """A listening socket at the path. OSError when somebody serves there, or something else is there."""
    if len(os.fsencode(path)) > 107:
        raise OSError(errno.ENAMETOOLONG, "the path of a socket has at most 107 bytes", str(path))
    try:
        there = os.stat(path)
    except FileNotFoundError:
        there = None
    if there is not None:
        if not stat.S_ISSOCK(there.st_mode):
            raise OSError(errno.EEXIST, "there is a file already, and it is not a socket", str(path))
        if _is_served(path):
            raise OSError(errno.EADDRINUSE, "somebody serves at this socket already", str(path))
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        os.chmod(path, 0o600)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror, str(path)) from None
    listener.setblocking(False)
    return listener


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # it does not take connections now, but it is there
    return True
