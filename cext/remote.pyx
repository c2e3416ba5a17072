# cython: language_level=3
"""Venues in other processes: what goes over the wire (include/wire.h) as dtypes, and `RemoteMarket`, the engine's door.

Venues with a door are disabled while they are not connected. Reports are taken in by `Core.advance`, which a loop may
call whenever `fileno` is readable; orders leave within `submit`.
"""
import hashlib
import os
import select
import socket
import time
from collections import namedtuple
from enum import IntEnum

import numpy as np

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from grandmodel.execution._core.instruments cimport gm_instrument_t
from grandmodel.execution._core.records cimport GM_NAME_SYMBOL, gm_order_t, gm_report_t, gm_request_t
from grandmodel.execution._core.scoring cimport Venues
from grandmodel.execution._core.submit cimport gm_engine_t
from grandmodel.execution._core.synthetic cimport Market
from grandmodel.execution._core.records import NAME_DTYPE, ORDER_DTYPE, QUOTE_DTYPE, REPORT_DTYPE, struct_dtype
from grandmodel.execution._core.values import VenueError

WIRE_VERSION = GM_WIRE_VERSION
NAME_LENGTH = GM_WIRE_NAME_LENGTH
TEXT_LENGTH = GM_WIRE_TEXT_LENGTH


class Kind(IntEnum):
    """What a frame is (gm_wire_kind)."""

    LOGIN = GM_WIRE_LOGIN
    SYMBOL = GM_WIRE_SYMBOL
    ORDER = GM_WIRE_ORDER
    CANCEL = GM_WIRE_CANCEL
    STATUS_REQUEST = GM_WIRE_STATUS_REQUEST
    LOGOUT = GM_WIRE_LOGOUT
    CONTROL = GM_WIRE_CONTROL
    REPLACE = GM_WIRE_REPLACE
    WELCOME = GM_WIRE_WELCOME
    REFUSED = GM_WIRE_REFUSED
    REPORT = GM_WIRE_REPORT
    QUOTE = GM_WIRE_QUOTE
    ORDER_STATUS = GM_WIRE_ORDER_STATUS
    EXECUTION = GM_WIRE_EXECUTION
    POSITION = GM_WIRE_POSITION
    STATUS_END = GM_WIRE_STATUS_END
    COUNTERS = GM_WIRE_COUNTERS


class Action(IntEnum):
    """What a CONTROL frame asks for (gm_wire_action)."""

    DISCONNECT = GM_WIRE_DISCONNECT
    SET_DELAY = GM_WIRE_SET_DELAY
    REPORT_COUNTERS = GM_WIRE_REPORT_COUNTERS


class Refusal(IntEnum):
    """Why a venue ended a connection (gm_wire_refusal)."""

    BAD_FRAME = GM_WIRE_BAD_FRAME
    BAD_LAYOUT = GM_WIRE_BAD_LAYOUT
    BAD_VENUE = GM_WIRE_BAD_VENUE
    BAD_SYMBOL = GM_WIRE_BAD_SYMBOL
    BAD_RESUME = GM_WIRE_BAD_RESUME
    BAD_ORDER_OF_FRAMES = GM_WIRE_BAD_ORDER_OF_FRAMES


#: What a door tells of its end.
FAULTS = {
    GM_DOOR_NO_FAULT: "not connected yet",
    GM_DOOR_END_OF_STREAM: "the venue closed the connection",
    GM_DOOR_TRUNCATED: "the venue closed the connection within a frame",
    GM_DOOR_IO: "the connection failed",
    GM_DOOR_BAD_HEAD: "the venue sent a frame of a wrong size, kind or version",
    GM_DOOR_BAD_NUMBER: "the venue sent a frame out of sequence",
    GM_DOOR_BAD_ROW: "the venue sent a row that cannot be",
    GM_DOOR_REFUSED: "the venue refused",
    GM_DOOR_ON_REQUEST: "disconnected on request",
}


# One instance of each struct: offsets are differences of addresses in it.
cdef gm_wire_head_t _head
cdef gm_wire_login_t _login
cdef gm_wire_request_t _ask
cdef gm_wire_control_t _control
cdef gm_wire_welcome_t _welcome
cdef gm_wire_refused_t _refused
cdef gm_wire_quote_t _quote
cdef gm_wire_position_t _position
cdef gm_wire_status_end_t _end
cdef gm_wire_counters_t _counters
cdef gm_request_t _cancel

HEAD_DTYPE = struct_dtype(sizeof(gm_wire_head_t), [
    ("size", "<u4", <char*>&_head.size - <char*>&_head),
    ("kind", "<u2", <char*>&_head.kind - <char*>&_head),
    ("version", "<u2", <char*>&_head.version - <char*>&_head),
    ("number", "<u8", <char*>&_head.number - <char*>&_head),
])

LOGIN_DTYPE = struct_dtype(sizeof(gm_wire_login_t), [
    ("client", "V16", <char*>_login.client - <char*>&_login),
    ("instance", "V16", <char*>_login.instance - <char*>&_login),
    ("layout", "<u8", <char*>&_login.layout - <char*>&_login),
    ("last_execution_id", "<i8", <char*>&_login.last_execution_id - <char*>&_login),
    ("venue", f"S{GM_WIRE_NAME_LENGTH}", <char*>_login.venue - <char*>&_login),
    ("symbols", "<i4", <char*>&_login.symbols - <char*>&_login),
])

REQUEST_DTYPE = struct_dtype(sizeof(gm_wire_request_t), [("request", "<i8", <char*>&_ask.request - <char*>&_ask)])

CONTROL_DTYPE = struct_dtype(sizeof(gm_wire_control_t), [
    ("action", "<i8", <char*>&_control.action - <char*>&_control),
    ("value", "<i8", <char*>&_control.value - <char*>&_control),
])

#: A gm_request_t with the order's symbol and side where wire.h says.
CANCEL_DTYPE = struct_dtype(sizeof(gm_request_t), [
    ("order_id", "<i8", <char*>&_cancel.order_id - <char*>&_cancel),
    ("quantity", "<i8", <char*>&_cancel.quantity - <char*>&_cancel),
    ("price_e9", "<i8", <char*>&_cancel.price_e9 - <char*>&_cancel),
    ("kind", "<u2", <char*>&_cancel.kind - <char*>&_cancel),
    ("reason", "<u2", <char*>&_cancel.reason - <char*>&_cancel),
    ("venue", "<i4", <char*>&_cancel.venue - <char*>&_cancel),
    ("status", "u1", <char*>&_cancel.status - <char*>&_cancel),
    ("side", "i1", <char*>_cancel.reserved_bytes - <char*>&_cancel),
    ("symbol", "<i8", <char*>_cancel.reserved - <char*>&_cancel),
])

WELCOME_DTYPE = struct_dtype(sizeof(gm_wire_welcome_t), [
    ("venue", f"S{GM_WIRE_NAME_LENGTH}", <char*>_welcome.venue - <char*>&_welcome),
    ("instance", "V16", <char*>_welcome.instance - <char*>&_welcome),
    ("executions", "<i8", <char*>&_welcome.executions - <char*>&_welcome),
    ("replayed", "<i8", <char*>&_welcome.replayed - <char*>&_welcome),
    ("orders", "<i8", <char*>&_welcome.orders - <char*>&_welcome),
])

REFUSED_DTYPE = struct_dtype(sizeof(gm_wire_refused_t), [
    ("code", "<u2", <char*>&_refused.code - <char*>&_refused),
    ("length", "<u2", <char*>&_refused.length - <char*>&_refused),
    ("text", f"S{GM_WIRE_TEXT_LENGTH}", <char*>_refused.text - <char*>&_refused),
])

cdef Py_ssize_t _quote_at = <char*>&_quote.quote - <char*>&_quote

#: The symbol, and the fields of QUOTE_DTYPE.
WIRE_QUOTE_DTYPE = struct_dtype(sizeof(gm_wire_quote_t), [
    ("symbol", "<i4", <char*>&_quote.symbol - <char*>&_quote),
    *((name, QUOTE_DTYPE[name], _quote_at + QUOTE_DTYPE.fields[name][1]) for name in QUOTE_DTYPE.names),
])

POSITION_DTYPE = struct_dtype(sizeof(gm_wire_position_t), [
    ("symbol", "<i4", <char*>&_position.symbol - <char*>&_position),
    ("bought", "<i8", <char*>&_position.bought - <char*>&_position),
    ("sold", "<i8", <char*>&_position.sold - <char*>&_position),
    ("executions", "<i8", <char*>&_position.executions - <char*>&_position),
])

STATUS_END_DTYPE = struct_dtype(sizeof(gm_wire_status_end_t), [
    ("request", "<i8", <char*>&_end.request - <char*>&_end),
    ("orders", "<i8", <char*>&_end.orders - <char*>&_end),
    ("trades", "<i8", <char*>&_end.trades - <char*>&_end),
    ("positions", "<i8", <char*>&_end.positions - <char*>&_end),
    ("reports", "<i8", <char*>&_end.reports - <char*>&_end),
    ("last_execution_id", "<i8", <char*>&_end.last_execution_id - <char*>&_end),
    ("executions", "<i8", <char*>&_end.executions - <char*>&_end),
    ("duplicates", "<i8", <char*>&_end.duplicates - <char*>&_end),
])

COUNTERS_DTYPE = struct_dtype(sizeof(gm_wire_counters_t), [
    ("connections", "<i8", <char*>&_counters.connections - <char*>&_counters),
    ("logins", "<i8", <char*>&_counters.logins - <char*>&_counters),
    ("clients", "<i8", <char*>&_counters.clients - <char*>&_counters),
    ("orders", "<i8", <char*>&_counters.orders - <char*>&_counters),
    ("duplicates", "<i8", <char*>&_counters.duplicates - <char*>&_counters),
    ("cancels", "<i8", <char*>&_counters.cancels - <char*>&_counters),
    ("executions", "<i8", <char*>&_counters.executions - <char*>&_counters),
    ("trades", "<i8", <char*>&_counters.trades - <char*>&_counters),
    ("replayed", "<i8", <char*>&_counters.replayed - <char*>&_counters),
    ("dropped", "<i8", <char*>&_counters.dropped - <char*>&_counters),
    ("disconnects", "<i8", <char*>&_counters.disconnects - <char*>&_counters),
    ("refused", "<i8", <char*>&_counters.refused - <char*>&_counters),
    ("truncated", "<i8", <char*>&_counters.truncated - <char*>&_counters),
    ("delay_ns", "<i8", <char*>&_counters.delay_ns - <char*>&_counters),
])

#: The dtype of each kind's row; None: it has none.
ROW_DTYPES = {
    Kind.LOGIN: LOGIN_DTYPE, Kind.SYMBOL: NAME_DTYPE, Kind.ORDER: ORDER_DTYPE, Kind.CANCEL: CANCEL_DTYPE, Kind.REPLACE: CANCEL_DTYPE,
    Kind.STATUS_REQUEST: REQUEST_DTYPE, Kind.LOGOUT: None, Kind.CONTROL: CONTROL_DTYPE, Kind.WELCOME: WELCOME_DTYPE,
    Kind.REFUSED: REFUSED_DTYPE, Kind.REPORT: REPORT_DTYPE, Kind.QUOTE: WIRE_QUOTE_DTYPE, Kind.ORDER_STATUS: ORDER_DTYPE,
    Kind.EXECUTION: REPORT_DTYPE, Kind.POSITION: POSITION_DTYPE, Kind.STATUS_END: STATUS_END_DTYPE,
    Kind.COUNTERS: COUNTERS_DTYPE,
}


def row_size(int kind):
    """Bytes of a kind's row behind the head, by the C side; None: there is no such kind."""
    cdef int32_t size = gm_wire_row_size(<uint16_t>kind) if 0 <= kind < 1 << 16 else -1
    return None if size < 0 else size


def _layout_hash():
    text = ";".join(
        f"{int(kind)}:{0 if dtype is None else dtype.itemsize}:"
        + ",".join(f"{name} {dtype.fields[name][0].str} {dtype.fields[name][1]}" for name in (dtype.names if dtype else ()))
        for kind, dtype in ROW_DTYPES.items()
    )
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


#: Of every row's fields and their places: engine and venue must have been built with the same.
LAYOUT_HASH = _layout_hash()

#: What a venue said of itself at login: instance (bytes), executions, replayed, orders.
Welcome = namedtuple("Welcome", ("venue", "instance", "executions", "replayed", "orders"))

#: A venue's view: orders (ORDER_DTYPE), trades (REPORT_DTYPE), positions (POSITION_DTYPE), counts (dict of STATUS_END).
VenueStatus = namedtuple("VenueStatus", ("orders", "trades", "positions", "counts"))


cdef class RemoteMarket(Market):
    """The market of an engine with venues in other processes (include/remote.h has the rules).

    Parameters
    ----------
    venues : Venues, complete
    remote : sequence of str, the names of the venues that are reached over a socket; disabled until they are connected
    inner : Market or None, what stands behind the other venues; it must not be another engine's
    start_ns : int, UTC nanoseconds at which the engine begins

    Raises
    ------
    KeyError    no venue has one of the names
    ValueError  a name occurs twice, there is none, or `inner` has other venues or an engine already
    """

    def __cinit__(self, Venues venues not None, remote, *, Market inner=None, int64_t start_ns=0):
        names = list(remote)
        numbers = [venues.number(name) for name in names]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"remote is {names!r}, must be different names of venues, at least one")
        if inner is not None and (inner.venues is not venues or inner.market.core != NULL):
            raise ValueError("inner has another table of venues, or stands behind an engine already")
        self.remote = <gm_remote_t*>calloc(1, sizeof(gm_remote_t))
        if self.remote == NULL:
            raise MemoryError("the doors could not be reserved")
        gm_remote_init(self.remote, &venues.table, inner.market if inner is not None else NULL, start_ns)
        for number in numbers:
            if gm_remote_add(self.remote, number) != 0:
                raise MemoryError("a door could not be reserved")
        self.market = &self.remote.market
        self.venues = venues
        self.inner = inner
        self.source = "venue"
        self.sockets = {}
        self.instances = {}

    def __dealloc__(self):
        if self.remote != NULL:
            gm_remote_free(self.remote)
            free(self.remote)

    cdef gm_door_t* _door(self, str venue) except NULL:
        cdef int32_t number = self.venues.number(venue)
        if self.remote.door_of[number] < 0:
            raise ValueError(f"venue {venue!r} is not reached over a socket; these are: {', '.join(self.remote_names)}")
        return &self.remote.doors[self.remote.door_of[number]]

    @property
    def remote_names(self):
        """The venues that are reached over a socket, as given."""
        return [self.venues.names[self.remote.doors[k].venue] for k in range(self.remote.count)]

    def connect(self, str venue, path, client_uuid, int64_t last_execution_id=0, *, instance=None, double timeout=5.0):
        """Connects a venue and logs in. Reports that this client missed arrive at the next advances.

        Parameters
        ----------
        path : of the venue's socket
        client_uuid : uuid.UUID or 16 bytes; who this engine is at the venue, the same after a restart
        last_execution_id : the highest that this engine has from this venue in its journal; 0: none
        instance : 16 bytes of an earlier Welcome, or None for that of this object's last connection (if any). A venue
            that is another process refuses; 16 zero bytes ask for none
        timeout : seconds for all of it

        Returns
        -------
        Welcome

        Raises
        ------
        VenueError    not reached, no answer in time, or refused
        ValueError    an argument is wrong, the venue is connected, or the engine's time is simulated
        """
        cdef gm_door_t* d = self._door(venue)
        cdef gm_instrument_t* row
        cdef int32_t s, count = self.venues.instruments.table.count
        client = _sixteen(client_uuid, "client_uuid")
        known = self.instances.get(venue, bytes(16)) if instance is None else _sixteen(instance, "instance")
        if self.market.core == NULL:
            raise ValueError("no engine stands before this market yet: its reports would have nowhere to go")
        if (<gm_engine_t*>self.market.core).clock.simulated:
            raise ValueError(f"{venue}: a venue in another process lives in the machine's time, this engine's is simulated")
        if last_execution_id < 0 or not timeout > 0:
            raise ValueError(f"last_execution_id is {last_execution_id} and timeout {timeout}, must be >= 0 and above 0")
        if d.state == GM_DOOR_OPEN:
            raise ValueError(f"{venue} is connected")
        if d.state != GM_DOOR_CLOSED:
            raise ValueError(f"{venue}: the last connection's end has not been taken in; advance the engine first")
        if len(venue.encode()) > GM_WIRE_NAME_LENGTH:
            raise ValueError(f"venue {venue!r} has a name of more than {GM_WIRE_NAME_LENGTH} bytes")
        login = np.zeros(1, LOGIN_DTYPE)
        login["client"] = np.void(client)
        login["instance"] = np.void(known)
        login["layout"] = LAYOUT_HASH
        login["last_execution_id"] = last_execution_id
        login["venue"] = venue.encode()
        login["symbols"] = count
        said = bytearray(_frame(Kind.LOGIN, 1, login.tobytes()))
        symbol = np.zeros(1, NAME_DTYPE)
        for s in range(count):
            row = &self.venues.instruments.table.rows[s]
            text = self.venues.instruments.symbols.texts[s].encode()
            symbol["id"], symbol["kind"], symbol["length"], symbol["text"] = s, GM_NAME_SYMBOL, len(text), text
            symbol["value"], symbol["value2"] = row.tick_e9, row.step_e9
            said += _frame(Kind.SYMBOL, 2 + s, symbol.tobytes())
        deadline = time.monotonic() + timeout
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(os.fspath(path))
            try:
                sock.sendall(said)
            except (BrokenPipeError, ConnectionResetError):
                pass                    # it has refused before it read all of it: what it said is still to be read
            kind, answer = _answer(sock, deadline)
            if kind == Kind.REFUSED:
                refused = np.frombuffer(answer, REFUSED_DTYPE)[0]
                raise VenueError(f"{venue} at {path} refuses: {refused['text'].decode(errors='replace')}")
            welcome = np.frombuffer(answer, WELCOME_DTYPE)[0]
            if kind != Kind.WELCOME or welcome["venue"].decode(errors="replace") != venue:
                raise VenueError(f"{venue} at {path}: the answer to the login is not a welcome of this venue")
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            if isinstance(error, VenueError):
                raise
            reason = f"no answer within {timeout:g} s" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise VenueError(f"{venue} at {path}: {reason}") from error
        except BaseException:
            sock.close()
            raise
        old = self.sockets.pop(venue, None)
        if old is not None:
            old.close()
        self.sockets[venue] = sock
        self.instances[venue] = welcome["instance"].tobytes()
        gm_door_open(self.remote, d, sock.fileno(), count, 1 + count, 1, last_execution_id)
        return Welcome(venue, self.instances[venue], int(welcome["executions"]), int(welcome["replayed"]), int(welcome["orders"]))

    def disconnect(self, str venue):
        """Logs out. The next advance reports what had no answer; calling it on a closed door does nothing."""
        gm_door_leave(self.remote, self._door(venue))

    def connected(self, str venue):
        """True while orders may go there."""
        return self._door(venue).state == GM_DOOR_OPEN

    def fault(self, str venue):
        """Why the venue is not connected, in words; None while it is."""
        cdef gm_door_t* d = self._door(venue)
        if d.state == GM_DOOR_OPEN:
            return None
        text = FAULTS[d.fault]
        if d.fault == GM_DOOR_IO and d.error:
            return f"{text}: {os.strerror(d.error)}"
        if d.fault == GM_DOOR_REFUSED:
            return f"{text}: {(<bytes>d.refused).decode(errors='replace')}"
        return text

    def fileno(self, str venue):
        """The connection's descriptor, for a loop's add_reader; -1 without one. Remove it once `connected` is False."""
        cdef gm_door_t* d = self._door(venue)
        return d.fd if d.state == GM_DOOR_OPEN else -1

    def last_execution_id(self, str venue):
        """The highest execution id that arrived from the venue, or was given to `connect`."""
        return self._door(venue).last_execution_id

    def instance(self, str venue):
        """The uuid (16 bytes) of the venue process last connected to; None: never."""
        return self.instances.get(venue)

    def status(self, str venue, *, core, double timeout=5.0):
        """The venue's own view of this client's orders, trades and positions: VenueStatus.

        Reports that the venue made before it answered have been applied when this returns.

        Parameters
        ----------
        core : the engine core before this market; it is advanced meanwhile
        timeout : seconds

        Raises
        ------
        VenueError  not connected, or no answer in time
        """
        cdef gm_door_t* d = self._door(venue)
        cdef unsigned char[::1] orders_raw, trades_raw, positions_raw
        cdef int64_t room = 1024
        if core is None or core.market is not self:
            raise ValueError("core is not the engine before this market")
        deadline = time.monotonic() + timeout
        while True:
            orders, trades, positions = np.zeros(room, ORDER_DTYPE), np.zeros(room, REPORT_DTYPE), np.zeros(room, POSITION_DTYPE)
            orders_raw, trades_raw, positions_raw = orders.view(np.uint8), trades.view(np.uint8), positions.view(np.uint8)
            try:
                while not gm_door_ask(self.remote, d, <gm_order_t*>&orders_raw[0], <gm_report_t*>&trades_raw[0],
                                      <gm_wire_position_t*>&positions_raw[0], room):
                    self._wait(core, venue, deadline, True)
                while not d.status.done:
                    self._wait(core, venue, deadline, False)
            finally:
                gm_door_asked(self.remote, d)
            seen = max(d.status.order_count, d.status.trade_count, d.status.position_count)
            if seen <= room:
                break
            room = seen + 64
        end = d.status.end
        counts = {
            "orders": end.orders, "trades": end.trades, "positions": end.positions, "reports": end.reports,
            "last_execution_id": end.last_execution_id, "executions": end.executions, "duplicates": end.duplicates,
        }
        return VenueStatus(orders[:d.status.order_count], trades[:d.status.trade_count],
                           positions[:d.status.position_count], counts)

    def _wait(self, core, str venue, double deadline, bint for_room):
        """Advances the engine; where that brought nothing, waits for the socket."""
        cdef gm_door_t* d = self._door(venue)
        core.advance()
        if d.status.done:
            return
        if d.state != GM_DOOR_OPEN:
            raise VenueError(f"{venue} is not connected: {self.fault(venue)}")
        rest = deadline - time.monotonic()
        if rest <= 0:
            raise VenueError(f"{venue} did not answer in time")
        poll = select.poll()
        poll.register(d.fd, select.POLLIN | (select.POLLOUT if for_room or d.out_head < d.out_tail else 0))
        poll.poll(min(rest, 1.0) * 1000)

    def statistics(self):
        """{venue: {counter: int}} since the market was made."""
        cdef gm_door_t* d
        out = {}
        for k in range(self.remote.count):
            d = &self.remote.doors[k]
            out[self.venues.names[d.venue]] = {
                "orders": d.orders, "cancels": d.cancels, "reports": d.reports, "duplicate_reports": d.duplicates,
                "quotes": d.quotes, "disconnects": d.disconnects, "unknown": d.unknown, "not_sent": d.not_sent,
                "unanswered": d.waiting_count, "bytes_sent": d.sent, "bytes_waiting": d.out_tail - d.out_head,
                "last_execution_id": d.last_execution_id,
            }
        return out

    def close(self):
        """Logs out everywhere and closes the sockets. Advance the engine before, to hear of what has no answer."""
        for venue in self.remote_names:
            gm_door_leave(self.remote, self._door(venue))
            gm_door_drop(self.remote, self._door(venue))
        for sock in self.sockets.values():
            sock.close()
        self.sockets.clear()


def _sixteen(value, str name):
    raw = getattr(value, "bytes", value)
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != 16:
        raise ValueError(f"{name} is {value!r}, must be a uuid.UUID or 16 bytes")
    return bytes(raw)


def _frame(int kind, int64_t number, bytes row):
    head = np.zeros(1, HEAD_DTYPE)
    head["size"], head["kind"], head["version"], head["number"] = 16 + len(row), kind, GM_WIRE_VERSION, number
    return head.tobytes() + row


def _exactly(sock, Py_ssize_t count, double deadline):
    out = bytearray()
    while len(out) < count:
        rest = deadline - time.monotonic()
        if rest <= 0:
            raise TimeoutError
        sock.settimeout(rest)
        piece = sock.recv(count - len(out))
        if not piece:
            raise VenueError("the venue closed the connection before it answered the login")
        out += piece
    return bytes(out)


def _answer(sock, double deadline):
    """The first frame: (kind, row). Nothing behind it is read: that is the door's."""
    head = np.frombuffer(_exactly(sock, 16, deadline), HEAD_DTYPE)[0]
    kind = int(head["kind"])
    if kind not in (Kind.WELCOME, Kind.REFUSED) or head["size"] != 16 + row_size(kind) or head["number"] != 1:
        raise VenueError(f"the answer to the login is not one: kind {kind}, size {head['size']}, number {head['number']}")
    if kind == Kind.WELCOME and head["version"] != GM_WIRE_VERSION:
        raise VenueError(f"the venue speaks version {head['version']}, this engine {GM_WIRE_VERSION}")
    return kind, _exactly(sock, row_size(kind), deadline)
