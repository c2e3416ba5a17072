"""Bounded containers against plain twins: SlottedOrderDict and a dict, CircularBuffer and a deque, ObjectPool."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from grandmodel.execution import ORDER_DTYPE, ExecutionError, OrderManager
from grandmodel.execution.order_management.storage import CapacityError, CircularBuffer, ObjectPool, SlottedOrderDict

PAIR = np.dtype([("id", "<i8"), ("price", "<f8")])


def row(order_id, quantity=0):
    value = np.zeros(1, ORDER_DTYPE)
    value["order_id"] = order_id
    value["quantity"] = quantity
    return value[0]


# ---- SlottedOrderDict

KEYS = st.one_of(st.integers(1, 40), st.sampled_from([2**62, 2**63 - 1, 2**32, 2**32 + 1]))


class DictTwin(RuleBasedStateMachine):
    """The same operations on a dict; at each step keys, order, values and the error of a missing key agree."""

    ROOM = 12

    def __init__(self):
        super().__init__()
        self.held = SlottedOrderDict(self.ROOM)
        self.twin: dict[int, int] = {}

    @rule(key=KEYS, quantity=st.integers(0, 2**40))
    def write(self, key, quantity):
        if key not in self.twin and len(self.twin) == self.ROOM:
            with pytest.raises(CapacityError, match="all 12"):
                self.held[key] = row(key, quantity)
            return
        self.held[key] = row(key, quantity)
        self.twin[key] = quantity

    @rule(key=KEYS)
    def delete(self, key):
        if key in self.twin:
            del self.held[key], self.twin[key]
        else:
            with pytest.raises(KeyError):
                del self.held[key]

    @rule(key=KEYS)
    def read(self, key):
        assert (key in self.held) is (key in self.twin)
        found = self.held.get(key)
        assert (None if found is None else int(found["quantity"])) == self.twin.get(key)

    @rule()
    def pop_last(self):
        if self.twin:
            key, found = self.held.popitem()
            assert (key, int(found["quantity"])) == self.twin.popitem()
        else:
            with pytest.raises(KeyError):
                self.held.popitem()

    @rule()
    def clear(self):
        self.held.clear()
        self.twin.clear()

    @invariant()
    def the_same(self):
        assert len(self.held) == len(self.twin)
        assert list(self.held) == list(self.twin)
        assert list(reversed(self.held)) == list(reversed(self.twin))
        rows = self.held.rows()
        assert rows["order_id"].tolist() == list(self.twin)
        assert rows["quantity"].tolist() == list(self.twin.values())


TestSlottedOrderDictAgainstADict = DictTwin.TestCase
TestSlottedOrderDictAgainstADict.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_a_value_is_a_copy_and_goes_back_by_assignment():
    held = SlottedOrderDict(4)
    held[7] = row(7, 100)
    mine = held[7]
    mine["quantity"] = 5
    assert held[7]["quantity"] == 100
    held[7] = mine
    assert held[7]["quantity"] == 5


def test_rows_of_an_engine_go_in_as_they_are():
    om = OrderManager()
    order = {"symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "limit", "limit_price": 1.0}
    ticket = om.submit_order(order)
    held = SlottedOrderDict(2)
    held[ticket] = om.orders_array()  # one element, and a ticket is an index
    assert held[ticket.order_id]["quantity"] == 10
    assert ticket in held


@pytest.mark.parametrize("key", [True, np.True_, 1.0, "1", None, b"1"])
def test_what_is_no_id_is_refused_by_every_operation(key):
    held = SlottedOrderDict(2)
    held[1] = row(1)
    for call in (held.__getitem__, held.__delitem__, held.__contains__, lambda k: held.__setitem__(k, row(1))):
        with pytest.raises(TypeError, match="order_id is"):
            call(key)


@pytest.mark.parametrize("key", [0, -1, 2**63, 2**70])
def test_an_id_out_of_range_is_never_there_and_never_written(key):
    held = SlottedOrderDict(2)
    assert key not in held
    with pytest.raises(KeyError):
        held[key]
    with pytest.raises(ValueError, match="must be from 1 to"):
        held[key] = row(1)


def test_values_that_are_no_row_of_that_order_are_refused():
    held = SlottedOrderDict(2)
    for wrong in (None, {"order_id": 1}, 5, np.zeros(1, PAIR), np.zeros(2, ORDER_DTYPE)):
        with pytest.raises(TypeError, match="ORDER_DTYPE"):
            held[1] = wrong
    with pytest.raises(ValueError, match="order_id is 2 in the row, must be the key 1"):
        held[1] = row(2)
    assert len(held) == 0


def test_a_full_one_refuses_a_new_key_and_keeps_what_it_has():
    held = SlottedOrderDict(2)
    held[1], held[2] = row(1), row(2)
    with pytest.raises(CapacityError) as caught:
        held[3] = row(3)
    assert isinstance(caught.value, OverflowError)
    assert isinstance(caught.value, ExecutionError)
    held[2] = row(2, 5)  # a key that is there needs no slot
    assert list(held) == [1, 2]


def test_changing_the_keys_ends_an_iteration():
    held = SlottedOrderDict(4)
    held[1], held[2] = row(1), row(2)
    keys = iter(held)
    del held[next(keys)]
    with pytest.raises(RuntimeError, match="changed"):
        next(keys)


def test_memory_does_not_depend_on_what_is_held():
    held = SlottedOrderDict(1000)
    before = held.nbytes
    assert before >= 1000 * ORDER_DTYPE.itemsize
    for key in range(1, 1001):
        held[key] = row(key)
    assert held.nbytes == before


def test_ids_a_power_of_two_apart_do_not_crowd():
    held = SlottedOrderDict(256)
    for key in range(1, 257):
        held[key << 40] = row(key << 40)
    assert all((key << 40) in held for key in range(1, 257))
    assert max(_search(held, key << 40) for key in range(1, 257)) < 64


def _search(held, key):
    return (held._find(key)[0] - held._home(key)) & held._mask


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "9", 2**29])
def test_sizes_are_checked(size):
    for make in (SlottedOrderDict, CircularBuffer, lambda n: ObjectPool(object, n)):
        if make is CircularBuffer and size == 2**29:
            continue
        with pytest.raises((TypeError, ValueError), match=r"(max_size|maxsize|size) is"):
            make(size)


# ---- CircularBuffer


@settings(max_examples=150)
@given(
    st.integers(1, 9),
    st.lists(
        st.one_of(
            st.floats(allow_nan=False),
            st.lists(st.floats(allow_nan=False), max_size=25),
            st.sampled_from(["compact", "clear"]),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_circular_buffer_against_a_deque(maxsize, steps, arrays):
    ring, twin, lost = CircularBuffer(maxsize), deque(maxlen=maxsize), 0
    for step in steps:
        if step == "compact":
            held = len(ring)
            ring.compact()
            assert ring.nbytes == 8 * max(1, held)
        elif step == "clear":
            ring.clear()
            twin.clear()
        elif isinstance(step, list):
            lost += max(0, len(twin) + len(step) - maxsize)
            ring.extend(np.array(step) if arrays else iter(step))
            twin.extend(step)
        else:
            lost += len(twin) == maxsize
            ring.append(step)
            twin.append(step)
        assert list(ring) == list(twin) == ring.to_array().tolist()
        assert ring.dropped == lost
        assert [ring[at] for at in range(-len(twin), len(twin))] == [*twin, *twin]
        for part in (slice(None), slice(1, -1), slice(None, None, -1), slice(-3, None), slice(20, 2, -2)):
            assert ring[part].tolist() == list(twin)[part]
        for beyond in (len(twin), -len(twin) - 1):
            with pytest.raises(IndexError):
                ring[beyond]


def test_rows_in_a_ring():
    ring = CircularBuffer(3, PAIR)
    ring.append((1, 1.5))
    ring.extend(np.array([(2, 2.5), (3, 3.5), (4, 4.5)], PAIR))
    assert ring.to_array().tolist() == [(2, 2.5), (3, 3.5), (4, 4.5)]
    newest = ring[-1]
    ring.append(ring[0])
    assert newest["id"] == 4  # a copy: what comes later does not change it
    assert [int(each["id"]) for each in ring] == [3, 4, 2]
    ring.extend(ring)
    assert ring[:]["id"].tolist() == [3, 4, 2]


def test_memory_grows_with_what_is_held_and_is_given_back():
    ring = CircularBuffer(50_000)
    small = ring.nbytes
    ring.extend(np.arange(60_000.0))
    assert (len(ring), ring.dropped, ring.nbytes) == (50_000, 10_000, 400_000)
    ring.clear()
    ring.extend(np.arange(10.0))
    assert ring.compact() == 400_000 - 80
    ring.extend(np.arange(10.0, 50_000.0))
    assert np.array_equal(ring.to_array(), np.arange(50_000.0))
    assert ring.nbytes <= 400_000
    assert small <= 8192


def test_the_callers_array_is_not_kept():
    mine = np.arange(5.0)
    ring = CircularBuffer(5)
    ring.extend(mine)
    mine[:] = 0
    assert ring.to_array().tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("wrong", ["1.5", True, np.True_, None, 1j, (1.0,)])
def test_a_ring_of_numbers_takes_numbers(wrong):
    ring = CircularBuffer(2)
    with pytest.raises(TypeError, match="must be a number"):
        ring.append(wrong)
    with pytest.raises(TypeError, match="must be a number"):
        ring.extend([1.0, wrong])
    assert len(ring) == 0


@pytest.mark.parametrize(
    "wrong", [np.array(["1"]), np.array([True]), np.zeros((2, 2)), np.zeros(1, PAIR), np.array([1j])]
)
def test_a_ring_of_numbers_takes_columns_of_numbers(wrong):
    with pytest.raises(TypeError, match="values has"):
        CircularBuffer(2).extend(wrong)


@pytest.mark.parametrize("wrong", [1.0, (1,), np.zeros(1, ORDER_DTYPE)[0], None])
def test_a_ring_of_rows_takes_rows(wrong):
    with pytest.raises(TypeError, match="value"):
        CircularBuffer(2, PAIR).append(wrong)


def test_a_row_that_fails_overwrites_nothing():
    ring = CircularBuffer(1, PAIR)
    ring.append((1, 2.0))
    with pytest.raises(ValueError, match="could not convert"):
        ring.append((9, "nine"))
    assert ring.to_array().tolist() == [(1, 2.0)]


def test_integers_stay_in_their_range():
    ring = CircularBuffer(4, np.int32)
    ring.extend(np.array([1, 2**31 - 1]))
    for wrong in (2**31, -(2**31) - 1):
        with pytest.raises(OverflowError):
            ring.append(wrong)
        with pytest.raises(OverflowError):
            ring.extend(np.array([0, wrong]))
    with pytest.raises(TypeError, match="must be an int"):
        ring.append(1.5)
    assert ring.to_array().tolist() == [1, 2**31 - 1]


@pytest.mark.parametrize("dtype", [object, "U5", bool, "M8[ns]", [("a", object)]])
def test_a_dtype_that_a_ring_does_not_hold(dtype):
    with pytest.raises(TypeError, match="dtype is"):
        CircularBuffer(2, dtype)


# ---- ObjectPool


@given(st.integers(1, 5), st.lists(st.booleans(), max_size=40))
def test_a_pool_lends_each_object_to_one_at_a_time(size, steps):
    pool, lent = ObjectPool(list, size), []
    for take in steps:
        if take and len(lent) == size:
            with pytest.raises(CapacityError, match="lent"):
                pool.acquire()
        elif take:
            item = pool.acquire()
            assert all(item is not other for other in lent)
            lent.append(item)
        elif lent:
            pool.release(lent.pop(0))
        told = pool.statistics()
        assert (told["in_use"], told["available"]) == (len(lent), size - len(lent))
    assert pool.statistics()["acquired"] + pool.statistics()["refused"] == sum(steps)


def test_what_comes_back_is_reset_and_never_taken_twice():
    pool = ObjectPool(list, 2, reset=list.clear)
    with pool.lease() as item:
        item.append(1)
    assert item == []
    with pytest.raises(ValueError, match="given back already"):
        pool.release(item)
    with pytest.raises(ValueError, match="not an object of this pool"):
        pool.release([])
    assert len(pool) == 2
    assert pool.nbytes > 0


def test_a_reset_that_fails_leaves_the_object_lent():
    def broken(item):
        raise RuntimeError("no")

    pool = ObjectPool(list, 1, reset=broken)
    item = pool.acquire()
    with pytest.raises(RuntimeError, match="no"):
        pool.release(item)
    assert pool.statistics()["in_use"] == 1


def test_a_lease_gives_back_what_an_error_left():
    pool = ObjectPool(list, 1)
    with pytest.raises(KeyError), pool.lease():
        raise KeyError
    assert pool.statistics() == {
        "size": 1, "available": 1, "in_use": 0, "acquired": 1, "refused": 0, "most_in_use": 1,
    }  # fmt: skip


def test_a_factory_must_make_different_objects():
    shared = []
    with pytest.raises(ValueError, match="1 different objects, must be 3"):
        ObjectPool(lambda: shared, 3)
    with pytest.raises(TypeError, match="factory is"):
        ObjectPool(None, 3)
    with pytest.raises(TypeError, match="reset is"):
        ObjectPool(list, 3, reset=1)


def test_threads_share_a_pool():
    pool = ObjectPool(list, 4, reset=list.clear)
    wrong = []

    def work():
        for _ in range(500):
            try:
                with pool.lease() as item:
                    item.append(1)
                    if len(item) != 1:
                        wrong.append(item)
            except CapacityError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pool.statistics()["available"] == 4
