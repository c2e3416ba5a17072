"""Containers of bounded size on NumPy memory: rows by order id, a ring of the newest values, a pool of objects.

`SlottedOrderDict` and `CircularBuffer` are not to be changed by several threads at a time without a lock of the
caller's; `ObjectPool` has its own. `.nbytes` is what each has allocated, also where the system has not yet put memory
behind it.
"""

from __future__ import annotations

import operator
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from sys import getsizeof
from typing import Any, Generic, SupportsIndex, TypeVar, overload

import numpy as np

from .._core.records import ORDER_DTYPE
from .._core.values import ExecutionError

__all__ = ["CapacityError", "CircularBuffer", "ObjectPool", "SlottedOrderDict"]

_T = TypeVar("_T")
_LARGEST_ID = 2**63 - 1
_NONE = -1  # no slot
_FIRST_ROWS = 1024  # of a ring that has not grown yet


class CapacityError(ExecutionError, OverflowError):
    """A container of fixed size is full: what it should have taken is not in it."""


def _bound(name: str, value: SupportsIndex, largest: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} is {value!r}, must be an int")
    size = operator.index(value)
    if not 1 <= size <= largest:
        raise ValueError(f"{name} is {size}, must be from 1 to {largest}")
    return size


class SlottedOrderDict(MutableMapping[int, np.void]):
    """order_id -> order row, in slots that are allocated once.

    Reading gives a copy of the row, writing copies into the slot: `row = held[7]; row["tag"] = 3; held[7] = row`.
    Iteration is in order of insertion; as in a dict, writing to a key that is there keeps its place. Reading, writing
    and deleting are O(1): keys are found in an open-addressed table of slot numbers, no Python object is kept for an
    entry.

    Parameters
    ----------
    max_size : rows it can hold, from 1 to 2**28

    Raises
    ------
    CapacityError  (also an OverflowError) when a new key comes and every slot is taken; nothing is let go for it
    TypeError      a key that is no int (a bool, a float, text), a value that is not one row of ORDER_DTYPE
    ValueError     writing under a key that is not from 1 to 2**63-1, or not the order_id of the row
    KeyError       reading or deleting what is not there
    """

    __slots__ = (
        "_changes", "_count", "_first", "_free", "_keys", "_last", "_mask", "_next", "_previous", "_rows", "_shift",
        "_table", "max_size",
    )  # fmt: skip

    def __init__(self, max_size: int = 100_000) -> None:
        self.max_size = _bound("max_size", max_size, 2**28)
        bits = max(3, (2 * self.max_size - 1).bit_length())  # at most half full, so that searches stay short
        self._mask = (1 << bits) - 1
        self._shift = 64 - bits
        self._rows = np.zeros(self.max_size, ORDER_DTYPE)
        self._keys = array("q", bytes(8 * self.max_size))
        self._next = array("i", bytes(4 * self.max_size))
        self._previous = array("i", bytes(4 * self.max_size))
        self._table = array("i", bytes(4 << bits))  # slot + 1; 0: nobody
        self._changes = 0  # of the set of keys: an iteration that notices one stops
        self._reset()

    def _reset(self) -> None:
        self._count = 0
        self._first = self._last = _NONE
        self._free = 0  # free slots are chained through _next
        for slot in range(self.max_size):
            self._next[slot] = slot + 1
        self._next[self.max_size - 1] = _NONE

    # ---- the index

    def _home(self, key: int) -> int:
        return ((key * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF) >> self._shift

    def _find(self, key: int) -> tuple[int, int]:
        """(place in the table, slot or _NONE): where the key is, or where it would go."""
        place, mask, table, keys = self._home(key), self._mask, self._table, self._keys
        while entry := table[place]:
            if keys[entry - 1] == key:
                return place, entry - 1
            place = (place + 1) & mask
        return place, _NONE

    def _close_gap(self, gap: int) -> None:
        """Moves entries behind a freed place back, so that no search ends before the entry it looks for."""
        mask, table = self._mask, self._table
        place = gap
        while True:
            place = (place + 1) & mask
            entry = table[place]
            if not entry:
                break
            home = self._home(self._keys[entry - 1])
            if (place - home) & mask >= (place - gap) & mask:  # its search passes the gap
                table[gap] = entry
                gap = place
        table[gap] = 0

    @staticmethod
    def _key(order_id: object) -> int:
        if isinstance(order_id, (bool, np.bool_)) or not hasattr(type(order_id), "__index__"):
            raise TypeError(f"order_id is {order_id!r}, must be an int")
        return operator.index(order_id)  # type: ignore[arg-type]

    def _held(self, order_id: object) -> tuple[int, int]:
        key = self._key(order_id)
        if 1 <= key <= _LARGEST_ID:
            place, slot = self._find(key)
            if slot >= 0:
                return place, slot
        raise KeyError(key)

    # ---- the mapping

    def __len__(self) -> int:
        return self._count

    def __contains__(self, order_id: object) -> bool:
        key = self._key(order_id)
        return 1 <= key <= _LARGEST_ID and self._find(key)[1] >= 0

    def __getitem__(self, order_id: SupportsIndex) -> np.void:
        row: np.void = self._rows[self._held(order_id)[1]].copy()
        return row

    def __setitem__(self, order_id: SupportsIndex, row: np.void | np.ndarray[Any, Any]) -> None:
        key = self._key(order_id)
        if not 1 <= key <= _LARGEST_ID:
            raise ValueError(f"order_id is {key}, must be from 1 to 2**63-1")
        if not isinstance(row, (np.void, np.ndarray)) or row.dtype != ORDER_DTYPE or row.size != 1:
            raise TypeError(f"row is {type(row).__name__}, must be one element of ORDER_DTYPE")
        value = row if isinstance(row, np.void) else row.reshape(1)[0]
        if int(value["order_id"]) != key:
            raise ValueError(f"order_id is {int(value['order_id'])} in the row, must be the key {key}")
        place, slot = self._find(key)
        if slot < 0:
            slot = self._take(key, place)
        self._rows[slot] = value

    def _take(self, key: int, place: int) -> int:
        slot = self._free
        if slot < 0:
            raise CapacityError(f"order {key} has no slot: all {self.max_size} are taken")
        self._free = self._next[slot]
        self._table[place] = slot + 1
        self._keys[slot] = key
        self._previous[slot], self._next[slot] = self._last, _NONE
        if self._last >= 0:
            self._next[self._last] = slot
        else:
            self._first = slot
        self._last = slot
        self._count += 1
        self._changes += 1
        return slot

    def __delitem__(self, order_id: SupportsIndex) -> None:
        place, slot = self._held(order_id)
        self._close_gap(place)
        before, after = self._previous[slot], self._next[slot]
        if before >= 0:
            self._next[before] = after
        else:
            self._first = after
        if after >= 0:
            self._previous[after] = before
        else:
            self._last = before
        self._next[slot] = self._free
        self._free = slot
        self._count -= 1
        self._changes += 1

    def _walk(self, slot: int, links: array[int]) -> Iterator[int]:
        changes = self._changes
        while slot >= 0:
            yield self._keys[slot]
            if self._changes != changes:
                raise RuntimeError("the keys of a SlottedOrderDict changed while it was iterated over")
            slot = links[slot]

    def __iter__(self) -> Iterator[int]:
        return self._walk(self._first, self._next)

    def __reversed__(self) -> Iterator[int]:
        return self._walk(self._last, self._previous)

    def popitem(self) -> tuple[int, np.void]:
        """Removes the last entry, as a dict does; (order_id, row). KeyError when there is none."""
        if self._last < 0:
            raise KeyError("popitem(): the SlottedOrderDict is empty")
        key = self._keys[self._last]
        return key, self.pop(key)

    def clear(self) -> None:
        """Lets every row go; the slots stay allocated."""
        self._table = array("i", bytes(4 * len(self._table)))
        self._reset()
        self._changes += 1

    def rows(self) -> np.ndarray[Any, Any]:
        """(n,) ORDER_DTYPE: a copy of all rows, in order of insertion."""
        slots = np.empty(self._count, np.int64)
        slot = self._first
        for at in range(self._count):
            slots[at] = slot
            slot = self._next[slot]
        return self._rows[slots]

    @property
    def nbytes(self) -> int:
        """Bytes of slots, links and index; they do not depend on how many rows are held."""
        parts = (self._keys, self._next, self._previous, self._table)
        return self._rows.nbytes + sum(len(part) * part.itemsize for part in parts)

    def __repr__(self) -> str:
        return f"SlottedOrderDict({self._count} of {self.max_size})"


class CircularBuffer:
    """The newest `maxsize` values, oldest first; one more overwrites the oldest and is counted in `dropped`.

    Memory grows with what is held, by doubling, up to `maxsize`; `compact()` gives back what is not used.

    Parameters
    ----------
    maxsize : values it keeps at most, from 1 to 2**31
    dtype : a number's or a structured dtype. Values of a structured one are rows of it, or tuples.

    Raises
    ------
    TypeError  a value of another kind, a bool or text. OverflowError: an integer that the dtype cannot hold.
    """

    __slots__ = ("_count", "_data", "_start", "dropped", "maxsize")

    def __init__(self, maxsize: int = 50_000, dtype: Any = np.float64) -> None:
        self.maxsize = _bound("maxsize", maxsize, 2**31)
        kind = np.dtype(dtype)
        if kind.hasobject or (kind.names is None and kind.kind not in "iuf") or kind.itemsize == 0:
            raise TypeError(f"dtype is {kind}, must be a number's or a structured one without objects")
        self._data = np.zeros(min(self.maxsize, _FIRST_ROWS), kind)
        self._start = 0
        self._count = 0
        self.dropped = 0  # values that were overwritten since the start

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its values."""
        kind: np.dtype[Any] = self._data.dtype
        return kind

    @property
    def nbytes(self) -> int:
        """Bytes allocated for values."""
        return int(self._data.nbytes)

    def __len__(self) -> int:
        return self._count

    # ---- taking

    def append(self, value: Any) -> None:
        """Takes one value."""
        value = self._checked(value)
        if self._count == len(self._data):
            if self._count == self.maxsize:
                self._data[self._start] = value
                self._start = (self._start + 1) % self.maxsize
                self.dropped += 1
                return
            self._relocate(min(self.maxsize, max(_FIRST_ROWS, 2 * self._count)))
        self._data[(self._start + self._count) % len(self._data)] = value
        self._count += 1

    def _checked(self, value: Any) -> Any:
        kind = self._data.dtype
        if kind.names is not None:
            if isinstance(value, tuple):
                if len(value) != len(kind.names):
                    raise TypeError(f"value has {len(value)} fields, must have the {len(kind.names)} of {kind.names}")
                return np.array(value, kind)[()]  # converted apart: one that fails has overwritten nothing
            if isinstance(value, (np.void, np.ndarray)) and value.dtype == kind and value.size == 1:
                return value if isinstance(value, np.void) else value.reshape(1)[0]
            raise TypeError(f"value is {value!r}, must be a row of {kind} or a tuple")
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"value is {value!r}, must be a number")
        if kind.kind in "iu":
            if not isinstance(value, (int, np.integer)):
                raise TypeError(f"value is {value!r}, must be an int")
            limits = np.iinfo(kind)
            if not limits.min <= int(value) <= limits.max:
                raise OverflowError(f"value is {int(value)}, must be from {limits.min} to {limits.max}")
        return value

    def extend(self, values: Iterable[Any]) -> None:
        """Takes many: a one-dimensional array (of the same dtype when it is structured), or anything iterable."""
        new = self._column(values)
        size = len(new)
        if size >= self.maxsize:
            self.dropped += self._count + size - self.maxsize
            self._data = np.array(new[size - self.maxsize :], self.dtype)  # a copy, never the caller's memory
            self._start, self._count = 0, self.maxsize
            return
        wanted = min(self.maxsize, self._count + size)
        if wanted > len(self._data):
            self._relocate(min(self.maxsize, max(_FIRST_ROWS, wanted, 2 * self._count)))
        room = len(self._data)
        at = (self._start + self._count) % room
        first = min(size, room - at)
        self._data[at : at + first] = new[:first]
        self._data[: size - first] = new[first:]
        over = max(0, self._count + size - room)  # only when room is maxsize
        self._start = (self._start + over) % room
        self._count += size - over
        self.dropped += over

    def _column(self, values: Iterable[Any]) -> np.ndarray[Any, Any]:
        """`values` as (n,) of a dtype that goes into the ring without loss of kind."""
        kind = self._data.dtype
        if isinstance(values, CircularBuffer):
            values = values.to_array()
        if not isinstance(values, np.ndarray):
            checked = [self._checked(value) for value in values]
            return np.array(checked, kind) if checked else np.zeros(0, kind)
        if values.ndim != 1:
            raise TypeError(f"values has shape {values.shape}, must be one-dimensional")
        if kind.names is not None:
            if values.dtype != kind:
                raise TypeError(f"values has dtype {values.dtype}, must be {kind}")
            return values
        if values.dtype.kind not in "iuf" or not np.can_cast(values.dtype, kind, "same_kind"):
            raise TypeError(f"values has dtype {values.dtype}, must be numbers that fit {kind}")
        if kind.kind in "iu" and len(values):
            limits = np.iinfo(kind)
            for end in (int(values.min()), int(values.max())):
                if not limits.min <= end <= limits.max:
                    raise OverflowError(f"values has {end}, must be from {limits.min} to {limits.max}")
        return values

    def _relocate(self, room: int) -> None:
        """Moves what is held, in order, to the front of a new allocation of `room` values."""
        data = np.zeros(room, self._data.dtype)
        data[: self._count] = self.to_array()
        self._data, self._start = data, 0

    # ---- giving

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any]) -> np.ndarray[Any, Any]: ...
    def __getitem__(self, index: SupportsIndex | slice[Any, Any, Any]) -> Any:
        """A value, 0 the oldest and -1 the newest; of a slice a copied array. IndexError beyond the ends."""
        if isinstance(index, slice):
            return self._data[(self._start + np.arange(*index.indices(self._count))) % len(self._data)]
        at = operator.index(index)
        if not -self._count <= at < self._count:
            raise IndexError(f"index is {at}, but {self._count} values are held")
        value = self._data[(self._start + at % self._count) % len(self._data)]
        return value.copy() if isinstance(value, np.void) else value

    def __iter__(self) -> Iterator[Any]:
        """Over what is held now: what is taken meanwhile does not come into it."""
        return iter(self.to_array())

    def to_array(self) -> np.ndarray[Any, Any]:
        """(n,) of the dtype: a copy of what is held, oldest first."""
        end = self._start + self._count
        room = len(self._data)
        if end <= room:
            return self._data[self._start : end].copy()
        return np.concatenate((self._data[self._start :], self._data[: end - room]))

    def clear(self) -> None:
        """Forgets the values (they are not counted as dropped); the allocation stays until `compact()`."""
        self._start = self._count = 0

    def compact(self) -> int:
        """Trims the allocation to what is held; the bytes given back. It grows again when more comes."""
        before = self.nbytes
        if self._count < len(self._data):
            self._relocate(max(1, self._count))
        return before - self.nbytes

    def __repr__(self) -> str:
        return f"CircularBuffer({self._count} of {self.maxsize}, {self.dtype}, dropped {self.dropped})"


class ObjectPool(Generic[_T]):
    """A fixed number of objects, made once and lent out. Threads may share it.

    Parameters
    ----------
    factory : makes one object; called `size` times at once
    size : how many, from 1 to 2**24
    reset : called with each object that comes back, before anybody can have it again. When it raises, the object
        stays lent and the error goes to who gave it back.
    """

    def __init__(self, factory: Callable[[], _T], size: int, reset: Callable[[_T], object] | None = None) -> None:
        self.size = _bound("size", size, 2**24)
        if not callable(factory):
            raise TypeError(f"factory is {factory!r}, must be callable")
        if reset is not None and not callable(reset):
            raise TypeError(f"reset is {reset!r}, must be callable or None")
        self._reset = reset
        self._free: list[_T] = [factory() for _ in range(self.size)]
        self._lent: dict[int, _T] = {}  # by id(): an object of the pool lives as long as the pool
        self._own = frozenset(map(id, self._free))
        if len(self._own) != self.size:
            raise ValueError(f"factory gave {len(self._own)} different objects, must be {self.size}")
        self._lock = threading.Lock()
        self._acquired = self._refused = self._most = 0

    def acquire(self) -> _T:
        """An object that nobody else has. CapacityError (also an OverflowError) when all are lent."""
        with self._lock:
            if not self._free:
                self._refused += 1
                raise CapacityError(f"all {self.size} objects of the pool are lent")
            item = self._free.pop()
            self._lent[id(item)] = item
            self._acquired += 1
            self._most = max(self._most, len(self._lent))
            return item

    def release(self, item: _T) -> None:
        """Gives an object back. ValueError when it is not the pool's, or was given back already."""
        key = id(item)
        with self._lock:
            if key not in self._own:
                raise ValueError(f"{item!r} is not an object of this pool")
            if self._lent.pop(key, None) is None:
                raise ValueError(f"{item!r} was given back already")
        if self._reset is not None:  # outside the lock: it may take long, or use the pool
            try:
                self._reset(item)
            except BaseException:
                with self._lock:
                    self._lent[key] = item
                raise
        with self._lock:
            self._free.append(item)

    get, return_object = acquire, release  # as the mission calls them

    @contextmanager
    def lease(self) -> Iterator[_T]:
        """`with pool.lease() as item:` acquires it and gives it back."""
        item = self.acquire()
        try:
            yield item
        finally:
            self.release(item)

    def statistics(self) -> dict[str, int]:
        """size, available, in_use now; acquired, refused since the start; most_in_use at a time."""
        with self._lock:
            in_use = self.size - len(self._free)
            return {
                "size": self.size, "available": len(self._free), "in_use": in_use, "acquired": self._acquired,
                "refused": self._refused, "most_in_use": self._most,
            }  # fmt: skip

    @property
    def nbytes(self) -> int:
        """Bytes of the pool's own tables and of its objects, without what these refer to."""
        with self._lock:
            items = (*self._free, *self._lent.values())
            tables = getsizeof(self._free) + getsizeof(self._lent) + getsizeof(self._own)
        return tables + sum(map(getsizeof, items))

    def __len__(self) -> int:
        return len(self._free)

    def __repr__(self) -> str:
        return f"ObjectPool({len(self._free)} of {self.size} available)"
