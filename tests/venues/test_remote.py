"""The engine's door to a venue process: orders leave, reports arrive once, and a lost connection is told of."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid

import numpy as np
import pytest
from support import E9, VENUES, order
from support_venue import (
    EXEC_STATUS,
    ME,
    TICK,
    TIMEOUT,
    UNKNOWN,
    YOU,
    Client,
    Venue,
    make_recorded_core,
    make_remote_core,
    quoted,
    reports,
    wait_for,
)

from grandmodel.execution._core.capture import read_capture
from grandmodel.execution._core.clock import NativeClock
from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution._core.remote import Kind, RemoteMarket
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.values import OrderRejected, OrderStateError, OrderStatus, Reason, VenueError
from grandmodel.execution.config import ConfigError, load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.venues.process import (
    attach,
    connect,
    connections,
    last_execution_ids,
    market_with_connections,
)
from grandmodel.execution.venues.wire import CODECS, FrameReader, frame

NEW, TRADE, CANCELED, REJECTED, CANCEL_REJECTED = 1, 2, 3, 5, 7


@pytest.fixture
def remote():
    """make_remote_core; every market is closed at the end."""
    made = []

    def make(**options):
        core, gate, market = make_remote_core(**options)
        made.append((core, market))
        return core, gate, market

    yield make
    for core, market in made:
        core.close()
        market.close()


@pytest.fixture
def engine(venue, path, remote):
    """A core that is connected to the venue."""
    core, gate, market = remote()
    market.connect("NYSE", path, ME)
    quoted(core, market)
    return core, gate, market


class Script:
    """A venue that says what the test wants it to: accepts one connection, answers the login, and then raw frames."""

    def __init__(self, path, *, welcome=True):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(TIMEOUT)
        self.number = 0
        self.sock = None
        self.reader = FrameReader(frozenset(Kind))
        self.received = []
        self._answer = welcome
        self._thread = threading.Thread(target=self._login)
        self._thread.start()

    def _login(self):
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(TIMEOUT)
        login = self.read(Kind.LOGIN)
        for _ in range(login.symbols):
            self.read(Kind.SYMBOL)
        if self._answer is True:
            self.send(Kind.WELCOME, venue=login.venue, instance=bytes([5] * 16))
        elif self._answer:
            self._answer(self)

    def joined(self):
        self._thread.join(TIMEOUT)
        return self

    def read(self, kind):
        while True:
            for found, row in self.received:
                self.received = self.received[1:]
                assert found is kind
                return row
            data = self.sock.recv(1 << 16)
            assert data, "the engine closed the connection"
            self.reader.feed(data)
            self.received += list(self.reader.frames())

    def send(self, kind, /, **fields):
        self.number += 1
        self.sock.sendall(frame(kind, self.number, CODECS[kind].pack(CODECS[kind].make(**fields))))

    def quote(self, **fields):
        self.send(Kind.QUOTE, **{"bid_e9": 1, "ask_e9": 2, "last_e9": NO_PRICE, **fields})

    def report(self, **fields):
        good = {
            "order_id": 1, "execution_id": 1, "exec_type": NEW, "side": 1, "venue_time_ns": 1, "price_e9": NO_PRICE,
        }  # fmt: skip
        self.send(Kind.REPORT, **{**good, **fields})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._thread.join(TIMEOUT)
        for sock in (self.listener, self.sock):
            if sock is not None:
                sock.close()


def scripted(path, remote, **options):
    core, gate, market = remote(**options)
    script = Script(path)
    market.connect("NYSE", path, ME)
    script.joined()
    for symbol, price in enumerate((150, 300, 150)):
        prices = {"bid_e9": price * E9 - TICK, "ask_e9": price * E9 + TICK}
        script.quote(symbol=symbol, **prices, bid_quantity=100, ask_quantity=100)
    core.advance()
    return core, gate, market, script


# ---- connecting


def test_a_remote_venue_is_disabled_until_it_is_connected(venue, path, remote):
    core, gate, market = remote(venues=VENUES[:1], limits={})
    assert market.remote_names == ["NYSE"]
    assert not market.connected("NYSE")
    assert market.fault("NYSE") == "not connected yet"
    assert market.fileno("NYSE") == -1
    assert not core.venues.describe("NYSE")["enabled"]
    with pytest.raises(OrderRejected) as refused:
        gate.submit_order(order())
    assert refused.value.reason is Reason.NO_VENUE
    welcome = market.connect("NYSE", path, ME)
    assert (welcome.venue, welcome.executions, welcome.replayed, welcome.orders) == ("NYSE", 0, 0, 0)
    assert welcome.instance == venue.exchange.instance == market.instance("NYSE")
    assert core.venues.describe("NYSE")["enabled"]
    assert market.fault("NYSE") is None
    wait_for(core, market, lambda: market.statistics()["NYSE"]["quotes"] == 3)
    quote = core.quote("AAPL")
    assert (quote.bid_e9, quote.ask_e9, quote.bid_quantity) == (150 * E9 - TICK, 150 * E9 + TICK, 1000)


def test_a_venue_that_the_configuration_disables_stays_disabled(venue, path):
    instruments = Instruments()
    instruments.add("AAPL", tick_e9=TICK)
    venues = Venues(instruments)
    venues.add("NYSE", enabled=False)
    venues.add("ARCA")
    market = RemoteMarket(venues, ["NYSE"])
    assert not venues.describe("NYSE")["enabled"]
    assert market.source == "venue"
    with pytest.raises(ValueError, match="no engine stands before"):
        market.connect("NYSE", path, ME)


def test_what_a_remote_market_refuses(remote, path):
    core, _, market = remote()
    for arguments, error, words in (
        (("ARCA", path, ME), ValueError, "not reached over a socket; these are: NYSE"),
        (("NEVER", path, ME), KeyError, "no venue 'NEVER'"),
        (("NYSE", path, b"short"), ValueError, "client_uuid"),
        (("NYSE", path, "text"), ValueError, "client_uuid"),
        (("NYSE", path, ME, -1), ValueError, "last_execution_id is -1"),
        (("NYSE", path, ME), VenueError, "NYSE at .*No such file"),
    ):
        with pytest.raises(error, match=words):
            market.connect(*arguments)
    for names in ([], ["NYSE", "NYSE"]):
        with pytest.raises(ValueError, match="different names"):
            RemoteMarket(core.venues, names)
    with pytest.raises(KeyError, match="NEVER"):
        RemoteMarket(core.venues, ["NEVER"])
    with pytest.raises(ValueError, match="another table of venues"):
        RemoteMarket(core.venues, ["NYSE"], inner=market)
    with pytest.raises(OSError, match="not connected"):
        market.status("NYSE", core=core)
    with pytest.raises(ValueError, match="not the engine"):
        market.status("NYSE", core=None)


def test_simulated_time_has_no_venue_in_another_process(venue, path, remote):
    _, _, market = remote(clock=NativeClock(simulated=True, start_ns=1))
    with pytest.raises(ValueError, match="lives in the machine's time, this engine's is simulated"):
        market.connect("NYSE", path, ME)


def test_a_stale_socket_and_one_that_does_not_answer(path, remote):
    _, _, market = remote()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(1)
    with pytest.raises(VenueError, match=r"no answer within 0\.05 s"):
        market.connect("NYSE", path, ME, timeout=0.05)
    listener.close()
    with pytest.raises(VenueError, match="refused"):
        market.connect("NYSE", path, ME)
    assert not market.connected("NYSE")


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        ({"name": "OTHER"}, {}, "refuses: venue is 'NYSE', this one is 'OTHER'"),
        ({}, {"last_execution_id": 5}, "refuses: last_execution_id is 5"),
        ({}, {"instance": bytes([1] * 16)}, "refuses: this venue process is another"),
    ],
)
def test_a_refused_login_says_why(path, remote, options, arguments, words):
    with Venue(path, **options):
        _, _, market = remote()
        with pytest.raises(VenueError, match=words):
            market.connect("NYSE", path, ME, **arguments)
        assert not market.connected("NYSE")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda s: s.sock.close(), "closed the connection before"),
        (lambda s: s.send(Kind.REPORT), "not one: kind 35"),
        (lambda s: s.send(Kind.WELCOME, venue=b"ARCA"), "not a welcome of this venue"),
        (lambda s: s.sock.sendall(b"x" * 200), "not one"),
        (lambda s: s.sock.sendall(frame(Kind.WELCOME, 2, bytes(96))), "number 2"),
        (lambda s: s.sock.sendall(b"\x70\0\0\0\x21\0\7\0\1\0\0\0\0\0\0\0" + bytes(96)), "version 7"),
    ],
)
def test_an_answer_that_is_none(path, remote, answer, words):
    _, _, market = remote()
    with Script(path, welcome=answer), pytest.raises(VenueError, match=words):
        market.connect("NYSE", path, ME)
    assert not market.connected("NYSE")


def test_connecting_twice_is_refused(engine, path):
    core, _, market = engine
    with pytest.raises(ValueError, match="NYSE is connected"):
        market.connect("NYSE", path, ME)
    market.disconnect("NYSE")
    with pytest.raises(ValueError, match="advance the engine first"):
        market.connect("NYSE", path, ME)
    core.advance()
    assert market.fault("NYSE") == "disconnected on request"
    market.connect("NYSE", path, ME)
    market.disconnect("NYSE")
    market.disconnect("NYSE")


# ---- orders and reports


def test_an_order_goes_out_and_its_reports_come_in(engine, venue):
    core, gate, market = engine
    ticket = gate.submit_order(order(quantity=1500))
    assert market.statistics()["NYSE"]["unanswered"] == 1
    wait_for(core, market, lambda: core.is_closed(ticket.order_id))
    done = core.get_order(ticket.order_id)
    assert (done.status, done.filled_quantity, done.venue) == (OrderStatus.FILLED, 1500, "NYSE")
    rows = reports(core)
    assert rows["execution_id"].tolist() == [1, 2, 3]
    assert rows["exec_type"].tolist() == [NEW, TRADE, TRADE]
    assert set(rows["venue"].tolist()) == {0}
    assert rows["fee_e9"].tolist() == [0, 1000 * 1_500_000, 500 * 1_500_000]
    assert core.portfolio.position("AAPL")[0] == 1500
    wait_for(core, market, lambda: market.statistics()["NYSE"]["quotes"] == 4)
    tape = core.venues.tape("AAPL")
    assert (tape["volume"], tape["own_volume"], tape["trades"]) == (1500, 1500, 2)
    assert market.statistics()["NYSE"]["unanswered"] == 0
    assert market.messages == 3 + 4


def test_what_others_trade_is_on_the_tape_as_theirs(engine, path):
    core, gate, market = engine
    with Client(path) as other:
        other.login(YOU)
        other.order(1, quantity=300)
        other.status()
    wait_for(core, market, lambda: core.venues.tape("AAPL")["volume"] == 300)
    ticket = gate.submit_order(order(quantity=10))
    wait_for(core, market, lambda: market.statistics()["NYSE"]["quotes"] == 5)
    assert core.is_closed(ticket.order_id)
    tape = core.venues.tape("AAPL")
    assert (tape["volume"], tape["own_volume"]) == (310, 10)


def test_a_resting_order_is_canceled(engine):
    core, gate, market = engine
    ticket = gate.submit_order(order(order_type="limit", limit_price=140.0))
    wait_for(core, market, lambda: ticket.status is OrderStatus.NEW)
    core.cancel(ticket.order_id)
    assert ticket.status is OrderStatus.PENDING_CANCEL
    wait_for(core, market, lambda: core.is_closed(ticket.order_id))
    assert core.get_order(ticket.order_id).status is OrderStatus.CANCELED
    assert market.statistics()["NYSE"]["unanswered"] == 0


def test_an_order_in_a_symbol_that_came_after_the_login_does_not_leave(venue, path, remote):
    core, gate, market = remote(limits={})
    market.connect("NYSE", path, ME)
    core.instruments.add("LATE", tick_e9=TICK, reference_e9=10 * E9)
    ticket = gate.submit_order(order(symbol="LATE", order_type="limit", limit_price=10.0))
    done = core.get_order(ticket.order_id)
    assert (done.status, done.reason) == (OrderStatus.REJECTED, Reason.UNSUPPORTED)
    assert market.statistics()["NYSE"]["orders"] == 0


def test_more_orders_than_the_buffers_hold_arrive_once_or_are_refused(engine, venue):
    """The venue cannot keep up with a batch: what does not fit is rejected, the rest arrives, each once."""
    core, gate, market = engine
    rows = core.order_rows(3000)
    rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
    rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
    ids = gate.submit_orders(rows)
    assert (ids > 0).all()
    wait_for(core, market, lambda: market.statistics()["NYSE"]["unanswered"] == 0)
    counted = market.statistics()["NYSE"]
    assert counted["orders"] + counted["not_sent"] == 3000
    assert venue.exchange.orders == counted["orders"]
    assert venue.exchange.duplicates == 0
    ended = reports(core)
    assert (ended["exec_type"] == REJECTED).sum() == counted["not_sent"]
    assert (ended["exec_type"] == NEW).sum() == counted["orders"]


def test_a_full_table_of_unanswered_orders_refuses(path, remote):
    core, gate, market, script = scripted(path, remote)
    with script:
        drained = threading.Thread(target=_drain, args=(script.sock,))
        drained.start()
        rows = core.order_rows(1)
        rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
        rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
        sent = 0
        while market.statistics()["NYSE"]["unanswered"] < 4096:
            gate.submit_orders(rows)
            sent += 1
            if market.statistics()["NYSE"]["bytes_waiting"] > 100_000:
                core.advance()
            assert sent < 100_000
        last = int(gate.submit_orders(rows)[0])
        done = core.get_order(last)
        assert (done.status, done.reason) == (OrderStatus.REJECTED, Reason.DISCONNECTED)
        core.cancel(1)  # the order's own entry takes it
        script.sock.shutdown(socket.SHUT_RDWR)
        drained.join(TIMEOUT)
        core.advance()
        found = reports(core)
        unknown = found[found["exec_type"] == EXEC_STATUS]
        assert len(unknown) == market.statistics()["NYSE"]["unknown"] > 0
        assert np.all(np.diff(unknown["order_id"]) > 0)
        assert market.statistics()["NYSE"]["unanswered"] == 0


def _drain(sock):
    sock.settimeout(None)
    while True:
        try:
            if not sock.recv(1 << 16):
                return
        except OSError:
            return


# ---- what a venue may not say


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": -1}, {"symbol": 3}, {"symbol": 2**31 - 1}, {"side": 0}, {"side": 2}, {"exec_type": 0},
        {"exec_type": EXEC_STATUS}, {"exec_type": 255}, {"exec_type": TRADE}, {"order_id": 0}, {"execution_id": 0},
        {"execution_id": -1}, {"quantity": -1}, {"venue_time_ns": 0},
        {"exec_type": TRADE, "price_e9": 1, "quantity": 0}, {"exec_type": TRADE, "price_e9": 0, "quantity": 1},
        {"exec_type": TRADE, "price_e9": 1, "quantity": 1, "liquidity": 9},
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_ends_the_connection(path, remote, fields):
    core, _, market, script = scripted(path, remote)
    with script:
        script.report(**fields)
        core.advance()
        assert not market.connected("NYSE")
        assert market.fault("NYSE") == "the venue sent a row that cannot be"
        assert len(reports(core)) == 0
        assert script.sock.recv(1) == b""


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": 3}, {"symbol": -1}, {"bid_quantity": -1}, {"ask_quantity": -1}, {"volume": -1}, {"bid_e9": 0},
        {"ask_e9": -5}, {"last_e9": -1},
    ],
)  # fmt: skip
def test_a_quote_that_cannot_be_ends_the_connection(path, remote, fields):
    core, _, market, script = scripted(path, remote)
    with script:
        assert core.quote("AAPL").bid_e9 == 150 * E9 - TICK
        script.quote(**fields)
        core.advance()
        assert market.fault("NYSE") == "the venue sent a row that cannot be"
        assert core.quote("AAPL").bid_e9 is None


@pytest.mark.parametrize("kind", [Kind.REPORT, Kind.QUOTE, Kind.ORDER_STATUS, Kind.STATUS_END, Kind.REFUSED])
@pytest.mark.parametrize(
    ("at", "value", "words"),
    [(0, 17, "size"), (0, 2**31, "size"), (4, 0, "kind"), (4, 999, "kind"), (6, 2, "version"), (8, 70, "sequence")],
)
def test_a_wrong_head_ends_the_connection(path, remote, kind, at, value, words):
    core, _, market, script = scripted(path, remote)
    with script:
        size = {0: 4, 4: 2, 6: 2, 8: 8}[at]
        raw = frame(kind, script.number + 1, bytes(CODECS[kind].pack(CODECS[kind].make())))
        script.sock.sendall(raw[:at] + value.to_bytes(size, "little") + raw[at + size :])
        core.advance()
        assert not market.connected("NYSE")
        assert words in market.fault("NYSE")


@pytest.mark.parametrize("kind", [Kind.LOGIN, Kind.ORDER, Kind.WELCOME])
def test_a_kind_that_a_venue_does_not_send_ends_the_connection(path, remote, kind):
    core, _, market, script = scripted(path, remote)
    with script:
        script.send(kind)
        core.advance()
        assert "kind" in market.fault("NYSE")


def test_a_truncated_frame_is_told_apart_from_an_end(path, remote):
    for cut, words in ((50, "within a frame"), (0, "the venue closed the connection")):
        core, _, market, script = scripted(path, remote)
        with script:
            script.sock.sendall(frame(Kind.REPORT, 5, bytes(96))[:cut])
            script.sock.close()
            core.advance()
            assert market.fault("NYSE").endswith(words)
        path.unlink()


def test_frames_in_pieces_are_put_together(path, remote):
    core, _, _, script = scripted(path, remote)
    with script:
        codec = CODECS[Kind.QUOTE]
        raw = frame(Kind.QUOTE, 5, codec.pack(codec.make(bid_e9=3, ask_e9=4, last_e9=NO_PRICE)))
        for index in range(len(raw)):
            assert core.quote("AAPL").bid_e9 == 150 * E9 - TICK
            script.sock.sendall(raw[index : index + 1])
            core.advance()
        assert core.quote("AAPL").bid_e9 == 3


def test_a_refusal_is_passed_on(path, remote):
    core, _, market, script = scripted(path, remote)
    with script:
        script.send(Kind.REFUSED, code=4, text=b"no such thing")
        core.advance()
        assert market.fault("NYSE") == "the venue refused: no such thing"


# ---- losing a connection


def test_orders_without_an_answer_are_unknown_when_the_connection_dies(path, remote):
    core, gate, market, script = scripted(path, remote)
    with script:
        ids = [gate.submit_order(order(quantity=quantity)).order_id for quantity in (1, 2, 3)]
        for _ in ids:
            script.read(Kind.ORDER)
        script.report(order_id=ids[1])
        script.sock.close()
        core.advance()
    assert not market.connected("NYSE")
    assert not core.venues.describe("NYSE")["enabled"]
    lost = reports(core)
    lost = lost[lost["exec_type"] == EXEC_STATUS]
    assert lost["order_id"].tolist() == [ids[0], ids[2]]
    assert lost["quantity"].tolist() == [1, 3]
    assert set(lost["reason"].tolist()) == {Reason.DISCONNECTED}
    assert set(lost["execution_id"].tolist()) == {0}
    assert core.get_order(ids[1]).status is OrderStatus.NEW
    assert market.statistics()["NYSE"]["unknown"] == 2
    core.advance()
    assert len(reports(core)) == 3


def test_the_word_of_a_door_has_the_status_unknown(path, remote):
    """The row as it is given to the engine; what the engine makes of it is the engine's."""
    core, gate, _, script = scripted(path, remote)
    with script:
        first = gate.submit_order(order()).order_id
        script.read(Kind.ORDER)
        script.sock.close()
        core.advance()
    (row,) = reports(core, first)
    assert (row["exec_type"], row["venue"], row["symbol"], row["side"]) == (EXEC_STATUS, 0, 0, 1)
    assert UNKNOWN == 11


def test_what_arrived_before_the_end_is_taken_in_first(path, remote):
    core, gate, market, script = scripted(path, remote)
    with script:
        first = gate.submit_order(order()).order_id
        script.read(Kind.ORDER)
        script.report(order_id=first)
        script.report(order_id=first, execution_id=2, exec_type=TRADE, quantity=100, price_e9=150 * E9, liquidity=2)
        script.sock.close()
        second = gate.submit_order(order()).order_id
        core.advance()
    assert core.get_order(first).status is OrderStatus.FILLED
    assert reports(core, second)["exec_type"].tolist() == [REJECTED]
    assert market.statistics()["NYSE"]["unknown"] == 0


def test_an_order_that_did_not_leave_is_rejected_at_once(path, remote):
    core, gate, market, script = scripted(path, remote, venues=VENUES[:1])
    with script:
        script.sock.shutdown(socket.SHUT_RD)  # the engine may not write any more, and does not know it yet
        ticket = gate.submit_order(order())
        done = core.get_order(ticket.order_id)
        assert (done.status, done.reason) == (OrderStatus.REJECTED, Reason.DISCONNECTED)
        (row,) = reports(core)
        assert (row["execution_id"], row["exec_type"], row["quantity"]) == (0, REJECTED, 100)
        assert not market.connected("NYSE")
        with pytest.raises(OrderRejected) as refused:
            gate.submit_order(order())
        assert refused.value.reason is Reason.NO_VENUE
        core.advance()
        assert len(reports(core)) == 1
        assert market.statistics()["NYSE"]["not_sent"] == 1


def test_of_a_buffer_that_never_left_the_unsent_are_rejected_and_the_rest_unknown(path, remote):
    core, gate, market, script = scripted(path, remote)
    with script:
        rows = core.order_rows(2500)
        rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
        rows["order_type"], rows["limit_price_e9"] = 2, 140 * E9
        ids = gate.submit_orders(rows)
        counted = market.statistics()["NYSE"]
        assert counted["bytes_waiting"] > 0
        began = -(-counted["bytes_sent"] // 240)  # frames of which at least one byte left
        accepted = counted["orders"]
        script.sock.close()
        core.advance()
    found = reports(core)
    unknown = found[found["exec_type"] == EXEC_STATUS]["order_id"].tolist()
    assert unknown == ids[:began].tolist()
    refused = found[found["exec_type"] == REJECTED]["order_id"]
    assert sorted(refused.tolist()) == ids[began:].tolist()
    assert accepted < 2500  # some did not even fit


def test_a_cancel_without_an_answer_makes_its_order_unknown(path, remote):
    core, gate, _, script = scripted(path, remote)
    with script:
        first = gate.submit_order(order(order_type="limit", limit_price=140.0)).order_id
        second = gate.submit_order(order(order_type="limit", limit_price=140.0)).order_id
        for number, each in enumerate((first, second), 1):
            script.read(Kind.ORDER)
            script.report(order_id=each, execution_id=number)
        core.advance()
        core.cancel(first)
        cancel = script.read(Kind.CANCEL)
        assert (cancel.order_id, cancel.symbol, cancel.side, cancel.kind, cancel.quantity) == (first, 0, 1, 1, 100)
        script.sock.shutdown(socket.SHUT_RD)
        with pytest.raises(OrderStateError, match="did not take the cancel"):
            core.cancel(second)
        assert reports(core, second)["exec_type"].tolist() == [NEW, CANCEL_REJECTED]
        assert reports(core, second)["reason"].tolist() == [0, Reason.DISCONNECTED]
        core.advance()
    assert reports(core, first)["exec_type"].tolist() == [NEW, EXEC_STATUS]
    assert core.get_order(second).status is OrderStatus.NEW


def test_the_quotes_of_a_lost_venue_are_gone(engine, venue):
    core, _, _ = engine
    assert core.quote("AAPL").bid_e9 == 150 * E9 - TICK
    before = core.venues.quote("AAPL").volume
    venue.stop()
    core.advance()
    assert core.quote("AAPL").bid_e9 is None
    assert core.quote("AAPL").volume == before


# ---- coming back


def test_after_a_disconnect_reports_come_again_exactly_once(path, remote):
    with Venue(path, disconnect_every=2) as venue:
        core, gate, market = remote()
        last = 0
        ids = []
        for _ in range(5):
            market.connect("NYSE", path, ME, last)
            quoted(core, market)
            for _ in range(2):
                ids.append(gate.submit_order(order(quantity=10)).order_id)
            _until_lost(core, market)
            last = market.last_execution_id("NYSE")
        market.connect("NYSE", path, ME, last)
        wait_for(core, market, lambda: market.last_execution_id("NYSE") == venue.exchange.executions)
        found = reports(core)
        given = found[found["execution_id"] > 0]["execution_id"].tolist()
        assert given == list(range(1, 21))
        assert market.statistics()["NYSE"]["duplicate_reports"] == 0
        assert venue.exchange.duplicates == 0
        filled = core.fills()
        assert sorted(filled["order_id"].tolist()) == ids
        assert core.portfolio.position("AAPL")[0] == 100


def _until_lost(core, market):
    while market.connected("NYSE"):
        assert select.select([market.fileno("NYSE")], [], [], TIMEOUT)[0]
        core.advance()


def test_a_report_that_comes_twice_is_dropped_and_counted(path, remote):
    core, gate, market, script = scripted(path, remote)
    with script:
        first = gate.submit_order(order()).order_id
        script.read(Kind.ORDER)
        for execution_id in (1, 1, 2, 1):
            script.report(order_id=first, execution_id=execution_id)
        core.advance()
    assert reports(core, first)["execution_id"].tolist()[:2] == [1, 2]
    assert market.statistics()["NYSE"]["duplicate_reports"] == 2


def test_the_instance_of_the_last_connection_is_asked_for(path, remote):
    core, _, market = remote()
    with Venue(path):
        market.connect("NYSE", path, ME)
    core.advance()
    with Venue(path):
        with pytest.raises(VenueError, match="another than the one logged in to before"):
            market.connect("NYSE", path, ME)
        market.connect("NYSE", path, ME, instance=bytes(16))
        assert market.connected("NYSE")


def test_an_engine_that_was_killed_resumes_from_its_journal(tmp_path, path, remote):
    """A process submits orders and is killed; another core with the same identity gets every report there was."""
    code = f"""
import sys, os, signal, uuid
sys.path.insert(0, {os.path.dirname(os.path.dirname(os.path.abspath(__file__)))!r})
from support import order
from support_venue import ME, make_remote_core, quoted, wait_for
core, gate, market = make_remote_core()
market.connect("NYSE", {str(path)!r}, ME)
quoted(core, market)
ticket = gate.submit_order(order(quantity=5))
wait_for(core, market, lambda: core.is_closed(ticket.order_id))
for _ in range(50):
    gate.submit_order(order(quantity=5))
os.kill(os.getpid(), signal.SIGKILL)
"""
    with Venue(path) as venue:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        core, _, market = remote()
        welcome = market.connect("NYSE", path, ME, 2)
        assert (welcome.orders, welcome.executions, welcome.replayed) == (51, 102, 100)
        wait_for(core, market, lambda: market.last_execution_id("NYSE") == 102)
        assert reports(core)["execution_id"].tolist() == list(range(3, 103))
        status = market.status("NYSE", core=core)
        assert (len(status.orders), len(status.trades), venue.exchange.duplicates) == (51, 51, 0)


# ---- the venue's own view


def test_status_gives_orders_trades_and_positions(engine):
    core, gate, market = engine
    first = gate.submit_order(order(quantity=1500)).order_id
    second = gate.submit_order(order(symbol="MSFT", side="sell", quantity=10)).order_id
    third = gate.submit_order(order(order_type="limit", limit_price=140.0)).order_id
    status = market.status("NYSE", core=core)
    assert status.orders["order_id"].tolist() == [first, second, third]
    assert status.orders["status"].tolist() == [4, 4, 2]
    assert status.trades["quantity"].tolist() == [1000, 500, 10]
    assert [tuple(row) for row in status.positions.tolist()] == [(0, 1500, 0, 2), (1, 0, 10, 1)]
    assert status.counts["orders"] == 3
    assert status.counts["last_execution_id"] == status.counts["executions"] == market.last_execution_id("NYSE")
    assert core.is_closed(first)  # what the venue reported before its answer has been applied
    assert market.status("NYSE", core=core).counts == status.counts


def test_status_of_more_orders_than_it_made_room_for(engine):
    core, gate, market = engine
    sent = 0
    while sent < 1500:
        rows = core.order_rows(100)
        rows["symbol"], rows["side"], rows["quantity"] = 0, 1, 1
        gate.submit_orders(rows)
        sent += 100
        wait_for(core, market, lambda: market.statistics()["NYSE"]["unanswered"] == 0)
    status = market.status("NYSE", core=core)
    assert len(status.orders) == len(status.trades) == 1500
    assert status.orders["order_id"].tolist() == list(range(1, 1501))
    assert status.trades["order_id"].tolist() == list(range(1, 1501))


def test_status_that_does_not_come_in_time_and_one_that_comes_too_late(path, remote):
    core, _, market, script = scripted(path, remote)
    with script:
        with pytest.raises(VenueError, match="did not answer in time"):
            market.status("NYSE", core=core, timeout=0.01)
        assert script.read(Kind.STATUS_REQUEST).request == 1
        script.send(Kind.ORDER_STATUS, order_id=9)
        script.send(Kind.STATUS_END, request=1, orders=1)
        script.send(Kind.ORDER_STATUS, order_id=8)
        script.send(Kind.POSITION, symbol=1, bought=4)
        script.send(Kind.STATUS_END, request=2, orders=1)
        status = market.status("NYSE", core=core)
        assert (status.orders["order_id"].tolist(), status.positions["bought"].tolist()) == ([8], [4])
        assert len(status.trades) == 0
        script.send(Kind.EXECUTION, order_id=8)  # nobody asked
        script.sock.close()
        with pytest.raises(VenueError, match="NYSE is not connected"):
            market.status("NYSE", core=core)


# ---- with an inner market


def test_the_other_venues_are_the_inner_market(venue, path, remote):
    core, gate, market = remote(paper=True)
    market.connect("NYSE", path, ME)
    quoted(core, market)
    assert market.inner is not None
    far = gate.submit_order(order(order_type="limit", limit_price=151.0, quantity=5))
    status = market.status("NYSE", core=core)
    done = core.get_order(far.order_id)
    assert done.filled_quantity == 5
    assert len(status.orders) == (1 if done.venue == "NYSE" else 0)
    rows = core.order_rows(2)
    rows["symbol"], rows["side"], rows["quantity"], rows["venue"] = 0, 1, 100, [0, 3]
    ids = gate.submit_orders(rows)
    assert core.is_closed(int(ids[1]))  # the paper venue answers at once
    wait_for(core, market, lambda: core.is_closed(int(ids[0])))
    assert [core.get_order(int(i)).venue for i in ids] == ["NYSE", "BATS"]
    market.inner.check_invariants()
    assert market.inner.depth("AAPL", "NYSE") == ([], [])
    venue.stop()
    core.advance()
    again = gate.submit_order(order())
    assert core.get_order(again.order_id).venue != "NYSE"


def test_the_inner_flow_does_not_touch_the_quotes_of_the_remote_venue(venue, path, remote):
    core, _, market = remote(paper=True)
    market.connect("NYSE", path, ME)
    wait_for(core, market, lambda: market.statistics()["NYSE"]["quotes"] == 3)
    before = market.messages
    core.advance(core.clock.now_ns() + 60 * 10**9)
    for symbol in ("AAPL", "MSFT"):
        core.touch(symbol)
    assert market.statistics()["NYSE"]["quotes"] == 3
    assert market.messages >= before
    scored = core.venues.score("AAPL", 1, 100)
    assert scored["venues"]["NYSE"][0] is not None


def test_a_waiter_hears_of_a_fill_through_the_loop(venue, path, remote):
    core, gate, market = remote()
    market.connect("NYSE", path, ME)
    quoted(core, market)

    async def main():
        attachment = attach(core, asyncio.get_running_loop())
        try:
            ticket = gate.submit_order(order(quantity=1500))
            return await asyncio.wait_for(ticket.filled(), TIMEOUT)
        finally:
            attachment.close()

    assert asyncio.run(main()).filled_quantity == 1500


def test_a_reader_is_let_go_when_its_venue_goes_and_taken_when_it_comes_back(path, remote):
    core, gate, market = remote()

    async def main():
        loop = asyncio.get_running_loop()
        with Venue(path):
            market.connect("NYSE", path, ME)
            attachment = attach(core, loop)
        while market.connected("NYSE"):
            await asyncio.sleep(0)
        assert attachment._readers == {}
        with Venue(path):
            market.connect("NYSE", path, ME, instance=bytes(16))
            attachment.refresh()
            ticket = gate.submit_order(order())
            await asyncio.wait_for(ticket.filled(), TIMEOUT)
            attachment.close()

    asyncio.run(main())


# ---- configuration


def config_of(path, **more):
    venues = {"NYSE": {"taker_fee": 0, "connection": f"unix:{path}"}, "ARCA": {"taker_fee": 0.001}}
    return load_config({"routing": {"venues": venues}, **more})


def test_a_connection_in_the_configuration(path, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert connections(config_of(path)) == {"NYSE": str(path)}
    assert connections(config_of("~/nyse.sock")) == {"NYSE": str(tmp_path / "nyse.sock")}
    assert connections(load_config({})) == {}
    plain = load_config({"routing": {"venues": {"NYSE": {"taker_fee": 0}, "ARCA": {"taker_fee": 0.001}}}})
    assert config_of(path).config_hash() == plain.config_hash()
    for wrong in ("tcp:1", "unix:", "unix: ", 5, "unix:~nobodyhere/x", "unix:/" + "x" * 120, "unix:/a\0b"):
        with pytest.raises(ConfigError, match="connection"):
            load_config({"routing": {"venues": {"NYSE": {"taker_fee": 0, "connection": wrong}}}})


def test_the_market_of_a_configuration(venue, path):
    core = make_core(config_of(path), market=market_with_connections)
    assert isinstance(core.market, RemoteMarket)
    assert last_execution_ids(core) == {"NYSE": 0}
    assert connect(core, config_of(path), ME).keys() == {"NYSE"}
    assert connect(core, config_of(path), ME) == {}
    core.submit_rows(_market_rows(core))
    wait_for(core, core.market, lambda: last_execution_ids(core) == {"NYSE": 2})
    core.market.disconnect("NYSE")
    assert connect(core, config_of(path), ME)["NYSE"].replayed == 0
    core.close()
    core.market.close()
    paper = make_core(load_config({}), market=market_with_connections)
    assert paper.market.source == "paper"
    only = load_config({"routing": {"venues": {"NYSE": {"taker_fee": 0, "connection": f"unix:{path}"}}}})
    alone = make_core(only, market=market_with_connections)
    assert alone.market.inner is None
    with pytest.raises(TypeError, match="no connection"):
        connect(paper, load_config({}), ME)
    with pytest.raises(ValueError, match="mode is 'simulation'"):
        make_core(config_of(path, mode="simulation"), market=market_with_connections)


def _market_rows(core):
    rows = core.order_rows(1)
    rows["symbol"], rows["side"], rows["quantity"], rows["venue"] = core.instruments.symbols.number("AAPL"), 1, 10, 1
    rows["venue"] = core.venues.number("NYSE")
    return rows


def test_threads_submit_while_another_connects_and_asks(venue, path, remote):
    """Nothing is lost or doubled with the door opened, asked and closed beside the order path."""
    core, gate, market = remote(limits={})

    def submit():
        for _ in range(300):
            with contextlib.suppress(OrderRejected):
                gate.submit_order(order(quantity=1))

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    rounds = 0
    while any(thread.is_alive() for thread in threads) or rounds < 3:
        market.connect("NYSE", path, ME, market.last_execution_id("NYSE"), timeout=30.0)
        market.status("NYSE", core=core, timeout=30.0)
        market.disconnect("NYSE")
        core.advance()
        rounds += 1
    for thread in threads:
        thread.join(TIMEOUT)
    market.connect("NYSE", path, ME, market.last_execution_id("NYSE"))
    status = market.status("NYSE", core=core, timeout=30.0)
    assert status.counts["duplicates"] == 0
    assert venue.exchange.orders == len(status.orders)
    fills = core.fills()
    assert len(np.unique(fills["execution_id"])) == len(fills) == len(status.trades)
    assert core.portfolio.position("AAPL")[0] == int(status.positions["bought"].sum())


def test_a_market_that_is_let_go_of_frees_its_doors(venue, path):
    for _ in range(20):
        core, _, market = make_remote_core()
        market.connect("NYSE", path, uuid.uuid4())
        market.close()
        assert market.fileno("NYSE") == -1
        core.close()
        del core, market
        gc.collect()


def test_a_day_with_a_door_that_opens_and_closes_is_lived_again(path, remote, tmp_path):
    """What the router knew of a venue is its quote and whether its door was open: both are in the capture."""
    from grandmodel.execution.simulation.reexecution import reexecute

    capture = tmp_path / "c"
    core, gate, market = remote(capture=capture, venues=VENUES[:1], limits={})
    with pytest.raises(OrderRejected):
        gate.submit_order(order())
    script = Script(path)
    market.connect("NYSE", path, ME)
    with script:
        script.joined()
        script.quote(symbol=0, bid_e9=150 * E9 - TICK, ask_e9=150 * E9 + TICK, bid_quantity=100, ask_quantity=100)
        core.advance()
        assert gate.submit_order(order()).order.venue == "NYSE"
        market.disconnect("NYSE")
        with pytest.raises(OrderRejected):
            gate.submit_order(order())
    core.flush_capture()
    rows = np.concatenate([rows for _, rows in read_capture(capture).chunks()])
    assert rows[rows["action"] == 7]["flags"].tolist() == [1, 3, 1]  # halted, trading resumed, halted
    result = reexecute(core.journal, capture, build=lambda known: make_recorded_core(VENUES[:1]))
    assert result.same
    assert (result.orders, result.refusals) == (1, 2)
