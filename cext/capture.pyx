# cython: language_level=3, wraparound=True
"""The market data behind an engine's decisions, in a file of its own: written while it runs, read to live the day again.

Layout: include/capture.h. A run's page begins with _HEAD; zeros follow.
"""
import errno
import fcntl
import os
import struct
from collections import namedtuple

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset
from posix.unistd cimport getpid

from grandmodel.execution._core.journal cimport Journal, gm_crc32c_setup
from grandmodel.execution._core.records cimport GM_NAME_SYMBOL, GM_NAME_VENUE
from grandmodel.execution._core.framing import crc32c
from grandmodel.execution._core.records import MESSAGE_DTYPE, NAME_DTYPE
from grandmodel.execution._core.store import hold, layout_hash, release
from grandmodel.execution._core.values import MarketDataError

gm_crc32c_setup()

VERSION = 1
PAGE = 4096
_MAGIC = b"GMCAPRUN"
# magic, version, crc (of the page behind it), layout, journal, run, first feed sequence, start, configuration's hash, symbols, venues,
# bytes of the configuration's JSON, bytes behind the page, their crc
_HEAD = struct.Struct("<8sIIQ16sqqqQiiqqI")
_BLOCK = struct.Struct("<8sIIqqqqqq")
_ROW = 64
_TEMPORARY = bytes(16)


def _names(kind, texts, ticks):
    rows = np.zeros(len(texts), NAME_DTYPE)
    for number, text in enumerate(texts):
        raw = text.encode()
        rows[number] = (number, kind, len(raw), raw, ticks[number], 0)
    return rows.tobytes()


cdef class Capture:
    """Writes down what an engine's market says, beside its journal. A start of the engine begins a new run in the same file.

    The file may be read while it is written; what the last block holds reaches it when the block is full, or by `flush`.

    Parameters
    ----------
    path : of the file, made when it is not there
    journal : Journal that the engine writes
    config : JSON that makes the engine's configuration again; whoever has the file can then live the day without looking for it

    Raises
    ------
    MarketDataError  the file belongs to another journal, is damaged, or another engine writes it
    """

    def __cinit__(self, path, Journal journal not None, str config=None):
        memset(&self.log, 0, sizeof(self.log))
        self.log.fd = -1
        self.log.flush = gm_capture_flush
        self.owner = getpid()
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.uuid = bytes(journal.uuid) if journal.path is not None else _TEMPORARY
        self.config = config
        self.notes = []
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MarketDataError(f"{self.path}: cannot be opened: {error.strerror}") from None
        self.log.fd = fd
        hold(fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise MarketDataError(f"{self.path}: another engine writes it") from None
        self.log.run = 1
        if os.fstat(fd).st_size == 0:
            return
        known = CaptureFile(self.path)
        if known.runs:
            if self.uuid == _TEMPORARY or known.runs[-1].uuid != self.uuid:
                raise MarketDataError(f"{self.path}: holds the market of another journal; name another file")
            self.log.run = known.runs[-1].number + 1
        if known.torn is not None:
            self.notes.append(f"{known.torn}; it is cut off")
            os.ftruncate(fd, known.end)
        self.log.offset = known.end

    cdef int _end(self) except -1:
        if self.log.fd >= 0 and getpid() == self.owner:
            gm_capture_flush(&self.log)
            release(self.log.fd)
        self.log.on = 0
        self.log.fd = -1
        return 0

    def __dealloc__(self):
        self._end()

    cdef int begin(self, Venues venues, int64_t now_ns, uint64_t config_hash) except -1:
        """A run begins: from here on the table's news come here. Called by the core, once its journal has been applied."""
        cdef int32_t s, v
        symbols = list(venues.instruments.symbols.texts)
        ticks = [venues.instruments.table.rows[s].tick_e9 for s in range(venues.instruments.table.count)]
        text = b"" if self.config is None else self.config.encode()
        body = (_names(GM_NAME_SYMBOL, symbols, ticks)
                + _names(GM_NAME_VENUE, venues.names, [venues.table.take_fee_e9[v] for v in range(venues.table.count)]) + text)
        body += bytes(-len(body) % _ROW)
        front = struct.pack("<Q16sqqqQiiqqI", layout_hash(), self.uuid, self.log.run, venues.table.updates + 1, now_ns, config_hash,
                            len(symbols), len(venues.names), len(text), len(body), crc32c(body))
        front = front.ljust(PAGE - 16, b"\0")
        data = struct.pack("<8sII", _MAGIC, VERSION, crc32c(front)) + front + body
        try:
            written = os.pwrite(self.log.fd, data, self.log.offset)
            if written != len(data):
                os.ftruncate(self.log.fd, self.log.offset)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:            # as later, when a block cannot be written: orders go on without
            self.log.error = error.errno
            return 0
        self.log.offset += len(data)
        self.log.on = 1
        venues.capture = self
        venues.table.capture = &self.log
        return 0

    def flush(self):
        """Writes out what the last block holds so far. Not while another thread uses the engine: `Core.flush_capture` is for that."""
        with nogil:
            gm_capture_flush(&self.log)

    def close(self):
        """Writes out the rest; nothing is captured any more. Closing twice is allowed."""
        self._end()

    @property
    def rows(self):
        """Rows of this run so far, those not yet in the file included."""
        return self.log.written + self.log.count

    @property
    def run(self):
        """Which run of the file this is, from 1."""
        return self.log.run

    @property
    def state(self):
        """"on", "off" (not begun, or closed), or what ended it."""
        if self.log.error:
            return f"{self.path}: {os.strerror(self.log.error)}; the market is captured no more"
        return "on" if self.log.on else "off"


# ---- reading ----

#: One run of a capture: its number and journal, the feed sequences it counts for (first to below `until`), where it begins in the file,
#: when it began, {number: (symbol, tick_e9)}, [venue], the configuration's hash and JSON, and the places of its blocks.
Run = namedtuple("Run", "number uuid first until offset start_ns symbols ticks_e9 venues config_hash config blocks")


class CaptureFile:
    """A capture, read by whoever wants to know what the market said. Heads are checked when it is opened, rows as they are read.

    Attributes
    ----------
    runs : list of Run
    torn : what is wrong with the file's end (a block that was being written when the machine or the disk stopped), or None
    end : bytes of the file before that

    Raises
    ------
    MarketDataError  it is no capture, or something in it is not what was written: file, byte and rows are named
    """

    def __init__(self, path):
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.runs = []
        self.torn = None
        self.end = 0
        try:
            with open(self.path, "rb") as file:
                self._scan(file, os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise MarketDataError(f"{self.path}: cannot be read: {error.strerror}") from None
        until = 1 << 62
        for place in range(len(self.runs) - 1, -1, -1):     # where a later run begins, an earlier one does not count
            self.runs[place] = self.runs[place]._replace(until=until)
            until = min(until, self.runs[place].first)

    def _scan(self, file, size):
        while self.end < size:
            file.seek(self.end)
            head = file.read(_ROW)
            if head[:8] == _MAGIC and len(head) == _ROW:
                step = self._run(file, size)
            elif self.runs and head[:8] == b"GMCAPBLK" and len(head) == _ROW:
                step = self._block(head, size)
            else:
                step = self._nothing(file, head, size)
            if step == 0:
                return
            self.end += step

    def _nothing(self, file, head, size):
        """Neither run nor block: the end was torn (too short for a head, or zeros to the end), or it is damaged."""
        rest = size - self.end
        if not self.runs and not _MAGIC.startswith(head[:8]):
            raise MarketDataError(f"{self.path}: is no capture")
        if rest < _ROW or (rest < 1 << 26 and not any(head) and not any(file.read(rest))):
            self.torn = f"{self.path}: its last {rest} bytes, from byte {self.end} on, are no whole block"
            return 0
        raise MarketDataError(f"{self.path}: damaged at byte {self.end}: no block begins where {self._next_row()} should stand")

    def _next_row(self):
        return f"row {sum(count for _, count, *_ in self.runs[-1].blocks) + 1} of run {self.runs[-1].number}" if self.runs else "its head"

    def _run(self, file, size):
        if size - self.end < PAGE:
            self.torn = f"{self.path}: its last {size - self.end} bytes, from byte {self.end} on, are no whole head"
            return 0
        file.seek(self.end)
        page = file.read(PAGE)
        (_, version, check, layout, uuid, number, first, start_ns, config_hash, symbols, venues, config,
         body_bytes, body_check) = _HEAD.unpack_from(page)
        fault = f"{self.path}: the head of run {len(self.runs) + 1}, at byte {self.end}, "
        if version != VERSION:
            raise MarketDataError(f"{fault}is of format {version}, this engine reads {VERSION}")
        if crc32c(page[16:]) != check:
            raise MarketDataError(f"{fault}does not match its checksum")
        body = file.read(body_bytes)
        if len(body) < body_bytes:
            self.torn = f"{self.path}: its last {size - self.end} bytes, from byte {self.end} on, are no whole head"
            return 0
        if crc32c(body) != body_check:
            raise MarketDataError(f"{fault}does not match the checksum of its names")
        if layout != layout_hash():
            raise MarketDataError(f"{fault}is of an engine with other rows than this one's")
        rows = np.frombuffer(body, NAME_DTYPE, symbols + venues)
        texts = [bytes(row["text"])[:row["length"]].decode() for row in rows]
        at = NAME_DTYPE.itemsize * len(rows)
        self.runs.append(Run(number, uuid, first, 1 << 62, self.end, start_ns, texts[:symbols], rows["value"][:symbols].tolist(),
                             texts[symbols:], config_hash, body[at:at + config].decode() or None, []))
        return PAGE + body_bytes

    def _block(self, head, size):
        _, check, rows_check, number, run, first, last, count, _ = _BLOCK.unpack(head)
        blocks = self.runs[-1].blocks
        if (crc32c(head[12:], number & 0xFFFFFFFF) != check or number != len(blocks) + 1 or run != self.runs[-1].number
                or not 0 < count <= GM_CAPTURE_ROWS):
            raise MarketDataError(f"{self.path}: damaged at byte {self.end}: the head of the block with {self._next_row()} is not what was "
                                  "written")
        if size - self.end < _ROW * (1 + count):
            self.torn = f"{self.path}: its last {size - self.end} bytes, from byte {self.end} on, are no whole block"
            return 0
        blocks.append((self.end + _ROW, count, first, last, rows_check))
        return _ROW * (1 + count)

    @property
    def rows(self):
        """Rows in the file."""
        return sum(count for run in self.runs for _, count, *_ in run.blocks)

    def chunks(self, size=64):
        """Iterates over (run, rows): arrays of MESSAGE_DTYPE of up to `size` blocks, without what a later run replaces."""
        with open(self.path, "rb") as file:
            for run in self.runs:
                before = 0
                for begin in range(0, len(run.blocks), size):
                    pieces = []
                    for number, (offset, count, first, _, check) in enumerate(run.blocks[begin:begin + size], begin + 1):
                        if first >= run.until:
                            break
                        file.seek(offset)
                        raw = file.read(_ROW * count)
                        if len(raw) != _ROW * count or crc32c(raw, number & 0xFFFFFFFF) != check:
                            raise MarketDataError(f"{self.path}: damaged at byte {offset}: rows {before + 1} to {before + count} of run "
                                                  f"{run.number} are not what was written")
                        before += count
                        pieces.append(raw)
                    if not pieces:
                        break
                    rows = np.frombuffer(b"".join(pieces), MESSAGE_DTYPE)
                    yield run, rows[:int(np.searchsorted(rows["sequence"], run.until))]


def read_capture(path):
    """The capture in a file, for reading."""
    return CaptureFile(path)
