"""The venue process: what it answers, what it refuses, and that a client that comes back gets every report once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from support_venue import ME, NO_PRICE, TIMEOUT, YOU, Client, Venue, rows_of

from grandmodel.execution._core.remote import LAYOUT_HASH, ROW_DTYPES, Kind, Refusal, row_size
from grandmodel.execution._core.values import Reason
from grandmodel.execution.venues.exchange import Exchange
from grandmodel.execution.venues.server import VenueServer
from grandmodel.execution.venues.wire import CODECS, frame

NEW, TRADE, CANCELED, REJECTED, CANCEL_REJECTED = 1, 2, 3, 5, 7


def alive(path):
    """The venue still answers."""
    with Client(path) as client:
        return client.counters()


# ---- rows


def test_the_sizes_that_c_and_the_dtypes_give_are_the_same():
    for kind in Kind:
        dtype = ROW_DTYPES[kind]
        assert row_size(kind) == (0 if dtype is None else dtype.itemsize)
    assert [row_size(kind) for kind in (0, 9, 32, 42, 99, -1, 1 << 20)] == [None] * 7


@pytest.mark.parametrize("kind", list(CODECS))
def test_a_row_packed_by_its_codec_is_the_row_of_its_dtype(kind):
    import numpy as np

    codec, dtype = CODECS[kind], ROW_DTYPES[kind]
    values = {
        name: (bytes([index + 1] * dtype[name].itemsize) if dtype[name].kind in "SV" else index + 1)
        for index, name in enumerate(codec.row._fields)
    }
    raw = codec.pack(codec.make(**values))
    row = np.frombuffer(raw, dtype)[0]
    for name, value in values.items():
        assert (row[name].tobytes() if dtype[name].kind in "SV" else row[name]) == value
    assert codec.unpack(raw)._asdict() == values


# ---- orders


def test_login_gives_a_welcome_and_the_quotes_of_the_house(venue, path):
    with Client(path) as client:
        welcome, replayed = client.login()
        assert (welcome.venue.rstrip(b"\0"), welcome.executions, replayed) == (b"NYSE", 0, [])
        assert welcome.instance == venue.exchange.instance
        quotes = [client.until(Kind.QUOTE)[1] for _ in range(3)]
    assert [(q.symbol, q.bid_e9, q.ask_e9, q.bid_quantity, q.ask_quantity) for q in quotes] == [
        (0, 149_990_000_000, 150_010_000_000, 1000, 1000),
        (1, 299_990_000_000, 300_010_000_000, 1000, 1000),
        (2, 149_990_000_000, 150_010_000_000, 1000, 1000),
    ]
    assert {q.last_e9 for q in quotes} == {NO_PRICE}


def test_a_market_order_is_acknowledged_then_filled_level_by_level_and_the_house_comes_back(venue, path):
    with Client(path) as client:
        client.login()
        client.order(5, quantity=1500)
        before, end = client.status()
        rows = rows_of(before, Kind.REPORT)
        assert [(r.order_id, r.execution_id, r.exec_type, r.quantity, r.price_e9) for r in rows] == [
            (5, 1, NEW, 0, NO_PRICE), (5, 2, TRADE, 1000, 150_010_000_000), (5, 3, TRADE, 500, 150_020_000_000),
        ]  # fmt: skip
        assert [(r.filled_quantity, r.leaves_quantity) for r in rows] == [(0, 1500), (1000, 500), (1500, 0)]
        assert {r.symbol for r in rows} == {0}
        quote = rows_of(before, Kind.QUOTE)[-1]
        assert (quote.ask_e9, quote.ask_quantity, quote.volume) == (150_010_000_000, 1000, 1500)
        (order,) = rows_of(before, Kind.ORDER_STATUS)
        assert (order.order_id, order.filled_quantity, order.leaves_quantity, order.status) == (5, 1500, 0, 4)
        assert order.notional_lo == 1000 * 150_010_000_000 + 500 * 150_020_000_000
        (position,) = rows_of(before, Kind.POSITION)
        assert (position.symbol, position.bought, position.sold, position.executions) == (0, 1500, 0, 2)
        assert [r.execution_id for r in rows_of(before, Kind.EXECUTION)] == [2, 3]
        assert (end.orders, end.trades, end.positions, end.reports, end.last_execution_id) == (1, 2, 1, 3, 3)
        for book in venue.exchange.books.values():
            book.engine.check_invariants()


def test_a_resting_order_can_be_canceled_once(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1, price=149.0)
        client.cancel(1)
        client.cancel(1)
        client.cancel(9)
        before, _ = client.status()
    rows = rows_of(before, Kind.REPORT)
    assert [(r.order_id, r.exec_type, r.quantity, r.reason) for r in rows] == [
        (1, NEW, 0, 0), (1, CANCELED, 100, Reason.USER), (1, CANCEL_REJECTED, 0, Reason.ORDER_CLOSED),
        (9, CANCEL_REJECTED, 0, Reason.UNKNOWN_ORDER),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": 0}, Reason.INVALID),
        ({"quantity": 0}, Reason.INVALID),
        ({"quantity": -5}, Reason.INVALID),
        ({"price": 149.005}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": -1.0}, Reason.PRICE_OUT_OF_RANGE),
        ({"price": 150.0, "order_type": 1}, Reason.INVALID),
        ({"order_type": 2}, Reason.INVALID),
        ({"order_type": 3}, Reason.UNSUPPORTED),
        ({"order_type": 200}, Reason.UNSUPPORTED),
        ({"time_in_force": 0}, Reason.INVALID),
        ({"time_in_force": 5}, Reason.UNSUPPORTED),
        ({"flags": 8}, Reason.UNSUPPORTED),
        ({"display_quantity": -1}, Reason.INVALID),
        ({"price": 151.0, "flags": 1}, Reason.WOULD_CROSS),
    ],
)
def test_an_order_that_is_not_for_this_venue_is_rejected_and_the_connection_stays(venue, path, changes, reason):
    with Client(path) as client:
        client.login()
        client.order(1, **changes)
        client.order(2)
        rows = rows_of(client.status()[0], Kind.REPORT)
    assert [(r.order_id, r.exec_type, r.reason) for r in rows][:2] == [(1, REJECTED, reason), (2, NEW, 0)]


def test_an_order_larger_than_what_is_there_ends_with_its_rest(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1, quantity=6000)
        client.order(2, quantity=100, side=-1)
        rows = rows_of(client.status()[0], Kind.REPORT)
    assert [(r.exec_type, r.quantity) for r in rows[:7]] == [(NEW, 0), *[(TRADE, 1000)] * 5, (CANCELED, 1000)]
    assert rows[6].reason == Reason.UNFILLED_REMAINDER
    assert rows[7].exec_type == NEW


def test_the_house_moves_behind_a_client_that_has_taken_it(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1, quantity=10_000, price=150.05)
        client.order(2, quantity=1)
        before, _ = client.status()
        quote = rows_of(before, Kind.QUOTE)[-1]
        assert (quote.bid_e9, quote.ask_e9) == (150_050_000_000, 150_060_000_000)
        last = rows_of(before, Kind.REPORT)[-1]
        assert (last.order_id, last.exec_type, last.price_e9) == (2, TRADE, 150_060_000_000)
        client.cancel(1)
        quote = rows_of(client.status(2)[0], Kind.QUOTE)[-1]
        assert (quote.bid_e9, quote.ask_e9) == (149_990_000_000, 150_010_000_000)
    venue.exchange.books["AAPL"].engine.check_invariants()


def test_without_a_house_or_a_reference_a_market_order_finds_nobody(path):
    with Venue(path, depth=0) as venue, Client(path) as client:
        client.login()
        client.order(1)
        rows = rows_of(client.status()[0], Kind.REPORT)
        assert [(r.exec_type, r.reason) for r in rows] == [(NEW, 0), (CANCELED, Reason.NO_LIQUIDITY)]
        assert venue.exchange.trades == 0
    with Venue(path, references={}), Client(path) as client:
        client.login()
        assert client.until(Kind.QUOTE)[1].bid_e9 == NO_PRICE


def test_two_clients_trade_with_one_another_and_each_hears_of_its_own_side(venue, path):
    with Client(path) as mine, Client(path) as yours:
        mine.login(ME)
        yours.login(YOU, symbols=("JPM", "AAPL"))
        mine.order(1, quantity=100, price=150.0)
        mine.status()
        yours.order(1, quantity=60, side=-1, price=150.0, symbol=1)
        theirs = rows_of(yours.status()[0], Kind.REPORT)
        own, end = mine.status(2)
    assert [(r.execution_id, r.exec_type, r.quantity, r.side, r.symbol) for r in theirs] == [
        (2, NEW, 0, -1, 1), (4, TRADE, 60, -1, 1),
    ]  # fmt: skip
    (fill,) = rows_of(own, Kind.REPORT)
    assert (fill.execution_id, fill.exec_type, fill.quantity, fill.side, fill.liquidity) == (3, TRADE, 60, 1, 1)
    assert theirs[1].liquidity == 2
    assert (end.reports, end.executions) == (2, 4)


def test_the_same_order_twice_is_matched_once_and_counted(venue, path):
    with Client(path) as mine, Client(path) as yours:
        mine.login()
        mine.order(1)
        mine.order(1)
        mine.order(1, quantity=7, price=140.0)
        before, end = mine.status()
        assert [r.exec_type for r in rows_of(before, Kind.REPORT)] == [NEW, TRADE]
        assert (end.orders, end.duplicates, end.reports) == (1, 2, 2)
        yours.login(YOU)
        yours.order(1)
        assert yours.status()[1].duplicates == 0  # another client's order 1 is another order
    assert alive(path).duplicates == 2


# ---- resuming


def test_a_client_that_comes_back_gets_what_it_missed_in_order_and_once(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1)
        client.order(2, price=149.0)
        assert [client.until(Kind.REPORT)[1].execution_id for _ in range(3)] == [1, 2, 3]
    with Client(path) as other:
        other.login(YOU)
        other.order(1, quantity=6000, side=-1, price=148.0)
        other.status()
    with Client(path) as client:
        welcome, replayed = client.login(last=1)
        assert [r.execution_id for r in replayed] == sorted(r.execution_id for r in replayed)
        assert [(r.order_id, r.exec_type) for r in replayed] == [(1, TRADE), (2, NEW), (2, TRADE)]
        assert (welcome.replayed, welcome.orders) == (3, 2)
        assert rows_of(client.status()[0], Kind.REPORT) == []
    with Client(path) as client:
        assert client.login(last=replayed[-1].execution_id)[1] == []
    with Client(path) as client:
        assert len(client.login(last=0)[1]) == 4


def test_an_order_of_a_client_that_died_is_processed_before_its_next_login_is_answered(path):
    """The server has not looked at the old connection at all when the new one is made: it steps by hand."""
    with VenueServer(path, Exchange("NYSE", references={"AAPL": 150 * 10**9})) as server:
        old = Client(path)
        old.begin(symbols=("AAPL",))
        old.order(1)
        old.sock.close()
        new = Client(path)
        new.begin(symbols=("AAPL",))
        server.step(0)  # both are accepted
        connection = server._connections[1]
        server._read(connection, 1)  # the new one's bytes first
        assert connection.client is not None
        server.step(0)
        welcome, replayed = new.until(Kind.WELCOME)[1], [new.until(Kind.REPORT)[1] for _ in range(2)]
        assert (welcome.orders, welcome.replayed) == (1, 2)
        assert [r.exec_type for r in replayed] == [NEW, TRADE]
        assert len(server._connections) == 1
        new.sock.close()


def test_a_second_login_of_a_living_client_takes_its_place_after_reading_it_to_the_end(venue, path):
    with Client(path) as old, Client(path) as new:
        old.login()
        for order_id in range(1, 201):
            old.order(order_id, quantity=1)
        welcome, replayed = new.login()
        assert (welcome.orders, len(replayed)) == (200, 400)
        assert [r.execution_id for r in replayed] == list(range(1, 401))
        old.rest()
        assert old.ended
        new.order(201, quantity=1)
        assert rows_of(new.status()[0], Kind.REPORT)[-1].order_id == 201


def test_half_an_order_of_a_client_that_died_is_none(venue, path):
    with Client(path) as client:
        client.login()
        client.raw(frame(Kind.ORDER, client.number + 1, bytes(224))[:100])
    with Client(path) as client:
        assert client.login()[0].orders == 0
    assert alive(path).truncated == 1


@pytest.mark.parametrize(
    ("last", "changes", "words"),
    [
        (1, {}, "last_execution_id is 1, this venue process gave out 0"),
        (-1, {}, "last_execution_id is -1"),
        (0, {"instance": bytes([1] * 16)}, "another than the one"),
    ],
)
def test_what_cannot_be_resumed_is_refused(venue, path, last, changes, words):
    with Client(path) as client:
        client.begin(last=last, **changes)
        refused = client.until(Kind.REFUSED)[1]
        assert refused.code == Refusal.BAD_RESUME
        assert words in refused.text.decode()
        assert client.rest() == []


def test_a_login_without_a_symbol_of_an_open_order_is_refused(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1, price=149.0, symbol=2)
        client.status()
    with Client(path) as client:
        client.begin(last=1, symbols=("AAPL",))
        refused = client.until(Kind.REFUSED)[1]
        assert "JPM is not among the symbols" in refused.text.decode()
    with Client(path) as client:
        client.login(last=1, symbols=("JPM", "AAPL"))
        client.cancel(1, symbol=0)
        assert [r.exec_type for r in rows_of(client.status()[0], Kind.REPORT)] == [CANCELED]


# ---- what is wrong ends the connection, and nothing else


def refused(path, data, login=True):
    """What the venue answers to the bytes: the REFUSED row, after which the connection has ended."""
    with Client(path) as client:
        if login:
            client.login()
        client.raw(data(client.number + 1) if callable(data) else data)
        found = rows_of(client.rest(), Kind.REFUSED)
        assert len(found) == 1
        return found[0]


def changed(raw, at, value, size):
    return raw[:at] + value.to_bytes(size, "little") + raw[at + size :]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind < Kind.WELCOME])
@pytest.mark.parametrize(
    ("at", "size", "value", "words"),
    [
        (0, 4, 15, "size of"),
        (0, 4, 0, "size of"),
        (0, 4, 2**32 - 1, "size of"),
        (4, 2, 0, "kind is 0"),
        (4, 2, Kind.REPORT, "kind is 35"),
        (4, 2, 999, "kind is 999"),
        (6, 2, 0, "version is 0, must be 1"),
        (6, 2, 2, "version is 2, must be 1"),
        (8, 8, 0, "number of"),
        (8, 8, 2**64 - 1, "number of"),
    ],
)
def test_a_wrong_head_of_any_kind_is_refused_and_the_venue_lives_on(venue, path, kind, at, size, value, words):
    body = bytes(row_size(kind))
    answer = refused(path, lambda number: changed(frame(kind, number, body), at, value, size))
    assert answer.code == Refusal.BAD_FRAME
    assert words in answer.text.decode()
    assert alive(path).refused == 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"layout": 1}, Refusal.BAD_LAYOUT, "different builds"),
        ({"name": "NASDAQ"}, Refusal.BAD_VENUE, "'NASDAQ', this one is 'NYSE'"),
        ({"client_bytes": bytes(16)}, Refusal.BAD_FRAME, "must be a uuid"),
        ({"symbols_count": -1}, Refusal.BAD_FRAME, "symbols of LOGIN is -1"),
        ({"symbols_count": 4097}, Refusal.BAD_FRAME, "symbols of LOGIN is 4097"),
    ],
)
def test_a_wrong_login_is_refused(venue, path, changes, code, words):
    renamed = {"client_bytes": "client", "symbols_count": "symbols"}
    fields = {renamed.get(key, key): value for key, value in changes.items() if key != "name"}
    with Client(path) as client:
        name = changes.get("name", "NYSE").encode()
        good = {"client": ME.bytes, "layout": LAYOUT_HASH, "venue": name, "symbols": 0}
        client.send(Kind.LOGIN, **{**good, **fields})
        answer = client.until(Kind.REFUSED)[1]
        assert (answer.code, answer.length) == (code, len(answer.text.rstrip(b"\0")))
        assert words in answer.text.decode()
        assert client.rest() == []
    alive(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 0}, {"length": 73}, {"kind": 2}, {"text": b"\xff\xfe", "length": 2}, {"text": b"a\nb", "length": 3},
        {"id": -1}, {"id": 0}, {"id": 4096}, {"value": 0}, {"value": -1}, {"value2": 0}, {"value": 3},
        {"text": b"AAPL", "length": 4},
    ],
)  # fmt: skip
def test_a_wrong_symbol_is_refused(venue, path, changes):
    with Client(path) as first:
        first.login()
    with Client(path) as client:
        client.begin(symbols=("AAPL",), announced=2)
        client.symbol(1, "MSFT", **changes)
        answer = client.until(Kind.REFUSED)[1]
        assert answer.code == Refusal.BAD_SYMBOL
    alive(path)


@pytest.mark.parametrize("kind", [Kind.ORDER, Kind.CANCEL, Kind.STATUS_REQUEST, Kind.SYMBOL])
def test_a_command_before_the_login_is_refused(venue, path, kind):
    answer = refused(path, frame(kind, 1, bytes(row_size(kind))), login=False)
    assert answer.code == Refusal.BAD_ORDER_OF_FRAMES


@pytest.mark.parametrize("kind", [Kind.LOGIN, Kind.SYMBOL])
def test_a_second_login_on_one_connection_is_refused(venue, path, kind):
    answer = refused(path, lambda number: frame(kind, number, bytes(row_size(kind))))
    assert answer.code == Refusal.BAD_ORDER_OF_FRAMES


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (Kind.ORDER, {"symbol": 3, "order_id": 1}, Refusal.BAD_SYMBOL),
        (Kind.ORDER, {"symbol": -1, "order_id": 1}, Refusal.BAD_SYMBOL),
        (Kind.ORDER, {"order_id": 0}, Refusal.BAD_FRAME),
        (Kind.ORDER, {"order_id": -(2**63)}, Refusal.BAD_FRAME),
        (Kind.CANCEL, {"order_id": 1, "kind": 1, "symbol": 7}, Refusal.BAD_SYMBOL),
        (Kind.CANCEL, {"order_id": 1, "kind": 2}, Refusal.BAD_FRAME),
        (Kind.CANCEL, {"order_id": 0, "kind": 1}, Refusal.BAD_FRAME),
        (Kind.CONTROL, {"action": 0}, Refusal.BAD_FRAME),
        (Kind.CONTROL, {"action": 4}, Refusal.BAD_FRAME),
        (Kind.CONTROL, {"action": 2, "value": -1}, Refusal.BAD_FRAME),
        (Kind.CONTROL, {"action": 2, "value": 2**62}, Refusal.BAD_FRAME),
    ],
)
def test_a_row_that_cannot_be_is_refused(venue, path, kind, fields, code):
    codec = CODECS[kind]
    answer = refused(path, lambda number: frame(kind, number, codec.pack(codec.make(**fields))))
    assert answer.code == code
    alive(path)


def test_a_cancel_under_another_symbol_is_refused(venue, path):
    with Client(path) as client:
        client.login()
        client.order(1, price=149.0)
        client.cancel(1, symbol=1)
        assert client.until(Kind.REFUSED)[1].code == Refusal.BAD_SYMBOL


def test_bytes_in_pieces_are_put_together_and_noise_is_refused(venue, path):
    with Client(path) as client:
        client.login()
        raw = frame(Kind.STATUS_REQUEST, client.number + 1, bytes(16))
        for index in range(len(raw)):
            client.raw(raw[index : index + 1])
        assert client.until(Kind.STATUS_END)
    assert refused(path, bytes(range(1, 65)), login=False).code == Refusal.BAD_FRAME


def test_what_follows_a_wrong_frame_is_not_read(venue, path):
    with Client(path) as client:
        client.login()
        wrong = frame(Kind.ORDER, 99, bytes(224))
        client.raw(wrong)
        client.order(1)
        assert rows_of(client.rest(), Kind.REFUSED)
    assert alive(path).orders == 0


# ---- disturbances on demand


def test_disconnect_every_closes_after_matching_without_an_answer(path):
    with Venue(path, disconnect_every=2):
        seen = []
        last = 0
        for round_ in range(3):
            with Client(path) as client:
                replayed = client.login(last=last)[1]
                seen += [r.execution_id for r in replayed]
                client.order(2 * round_ + 1)
                live = [client.until(Kind.REPORT)[1].execution_id for _ in range(2)]
                seen += live
                client.order(2 * round_ + 2)
                assert rows_of(client.rest(), Kind.REPORT) == []
                last = max(seen)
        with Client(path) as client:
            seen += [r.execution_id for r in client.login(last=last)[1]]
            assert client.status()[1].orders == 6
        assert seen == list(range(1, 13))
        assert alive(path).disconnects == 3


def test_dropped_answers_are_missing_until_a_login_from_before_them(path):
    with Venue(path, drop_answers=3), Client(path) as client:
        client.login()
        for order_id in (1, 2, 3):
            client.order(order_id)
        before, end = client.status()
        assert [r.execution_id for r in rows_of(before, Kind.REPORT)] == [1, 2, 4, 5]
        assert (end.reports, end.trades) == (6, 3)
        assert client.counters().dropped == 2
        with Client(path) as again:
            assert [r.execution_id for r in again.login(last=2)[1]] == [3, 4, 5, 6]


def test_delay_is_set_on_demand_and_keeps_the_order_of_frames(path):
    with Venue(path, delay_ns=1000), Client(path) as client:
        client.login()
        client.send(Kind.CONTROL, action=2, value=2_000_000)
        assert client.until(Kind.COUNTERS)[1].delay_ns == 2_000_000
        client.order(1)
        client.order(2)
        assert [r.execution_id for r in rows_of(client.status()[0], Kind.REPORT)] == [1, 2, 3, 4]


def test_an_answer_does_not_leave_before_its_delay(path):
    """The server's step gives nothing away while the answer's time has not come, and waits for just that."""
    with VenueServer(path, Exchange("NYSE"), delay_ns=60 * 10**9) as server, Client(path) as client:
        client.begin(symbols=())
        while not server._connections or not server._connections[0].out:
            server.step(0)
        server.step(0)
        client.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.sock.recv(1)
        connection = server._connections[0]
        connection.out[0] = (0, connection.out[0][1])
        server.step(None)
        assert client.next()[0] is Kind.WELCOME


def test_disconnect_now_from_within_and_from_outside(venue, path):
    with Client(path) as client:
        client.login()
        client.send(Kind.CONTROL, action=1)
        client.rest()
    with Client(path) as client, Client(path) as outside:
        client.login()
        outside.send(Kind.CONTROL, action=1)
        client.rest()
        assert outside.counters().disconnects == 2


def test_logout_sends_what_is_queued_and_closes(path):
    with Venue(path, delay_ns=1_000_000), Client(path) as client:
        client.login()
        client.order(1)
        client.send(Kind.LOGOUT)
        client.order(2)
        assert [r.order_id for r in rows_of(client.rest(), Kind.REPORT)] == [1, 1]


def test_a_client_that_does_not_read_is_disconnected_and_may_resume(path, monkeypatch):
    monkeypatch.setattr("grandmodel.execution.venues.server._QUEUED_MAX", 100_000)
    with Venue(path), Client(path) as slow:
        slow.login()
        count = 0
        with contextlib.suppress(OSError):
            while count < 20_000:
                count += 1
                slow.order(count, quantity=1)
        with Client(path) as outside:
            assert outside.counters().disconnects == 1
            orders = outside.counters().orders
        with Client(path) as again:
            assert len(again.login()[1]) == 2 * orders


# ---- the process


def test_a_stale_socket_file_is_replaced_and_a_live_one_is_not(path):
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(path))
    stale.close()
    with Venue(path):
        with pytest.raises(OSError, match="serves at this socket already"):
            VenueServer(path, Exchange("NYSE"))
        alive(path)
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(OSError, match="not a socket"):
        VenueServer(path, Exchange("NYSE"))
    assert path.read_text() == "mine"


def test_a_socket_that_somebody_else_has_put_there_is_not_removed(path):
    with Venue(path) as venue:
        os.unlink(path)
        other = VenueServer(path, Exchange("NYSE"))
        venue.stop()
        assert path.exists()
        other.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "bad", [{"delay_ns": -1}, {"delay_ns": 10**12}, {"disconnect_every": -1}, {"drop_answers": -1}]
)
def test_settings_out_of_range(path, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        VenueServer(path, Exchange("NYSE"), **bad)
    with pytest.raises(ValueError, match="name"):
        VenueServer(path, Exchange("N" * 33))
    with pytest.raises(OSError, match="107"):
        VenueServer("/tmp/" + "x" * 120, Exchange("NYSE"))


class Process:
    """`gmexec venue` as a user runs it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "venue", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()

    def ready(self):
        return self.process.stdout.readline()

    def end(self, number):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_and_prints_its_counters(path, number):
    with Process("--socket", path, "--name", "NYSE", "--statistics", "--reference", "AAPL=10.5") as process:
        assert process.ready() == f"NYSE is ready at {path}\n"
        with Client(path) as client:
            client.login()
            assert client.until(Kind.QUOTE)[1].ask_e9 == 10_510_000_000
            client.order(1)
            client.status()
            code, out, err = process.end(number)
    assert (code, err) == (0, "")
    counters = json.loads(out)
    assert (counters["orders"], counters["executions"], counters["refused"]) == (1, 2, 0)
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--delay", "5parsec"), "--delay is '5parsec'"),
        (("--delay", "2h"), "--delay is '2h'"),
        (("--reference", "AAPL"), "--reference is 'AAPL'"),
        (("--reference", "AAPL=nan"), "--reference is 'AAPL=nan'"),
        (("--reference", "AAPL=-1"), "--reference is 'AAPL=-1'"),
        (("--name", "N" * 40), "name"),
        (("--disconnect-every", "-1"), "disconnect-every"),
    ],
)
def test_a_wrong_option_is_told_and_ends_with_2(path, arguments, words):
    with Process("--socket", path, *arguments) as process:
        out, err = process.process.communicate(timeout=TIMEOUT)
        assert (process.process.returncode, out) == (2, "")
        assert words in err
        assert "Traceback" not in err
    assert not path.exists()


def test_a_socket_in_use_and_one_in_no_folder_end_with_2(path, venue, tmp_path):
    for where, words in ((path, "already"), (tmp_path / "none" / "x.sock", "No such file")):
        with Process("--socket", where) as process:
            err = process.process.communicate(timeout=TIMEOUT)[1]
            assert process.process.returncode == 2
            assert words in err
            assert str(where) in err
    alive(path)


def test_many_clients_at_once(venue, path):
    import uuid

    def trade(index, out):
        with Client(path) as client:
            client.login(uuid.UUID(int=100 + index))
            for order_id in range(1, 21):
                client.order(order_id, quantity=1 + index, side=1 if order_id % 2 else -1)
            before, end = client.status()
            out.append((rows_of(before, Kind.REPORT), end))

    results = []
    threads = [threading.Thread(target=trade, args=(index, results)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(results) == 8
    ids = sorted(r.execution_id for rows, _ in results for r in rows)
    assert ids == list(range(1, venue.exchange.executions + 1))
    for rows, end in results:
        assert end.reports == len(rows)
        assert [r.execution_id for r in rows] == sorted(r.execution_id for r in rows)
    for book in venue.exchange.books.values():
        book.engine.check_invariants()
