"""Fixed-size high-dynamic-range histograms of the stages of the hot path.

A histogram is a C struct of 15 KiB that takes any duration in nanoseconds: exact below 32 ns, then 32 buckets to an
octave, so that a percentile is at most 1/32 (3.125 %) above the exact one and never below it. Recording in native
code costs a few nanoseconds and no allocation; histograms of several runs or processes are added by ``merge``.
"""
cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from grandmodel.execution._core.arguments cimport int_argument, int_array, number_argument, value_text
from grandmodel.execution._core.latency cimport (
    GM_HISTOGRAM_BUCKETS, gm_histogram_high, gm_histogram_index, gm_histogram_low, gm_histogram_mean,
    gm_histogram_merge, gm_histogram_percentile, gm_histogram_record, gm_histogram_reset, gm_histogram_t,
)

BUCKETS = GM_HISTOGRAM_BUCKETS
RELATIVE_ERROR = 1.0 / 32.0
STAGES = ("total", "validate", "risk", "route", "journal", "venue")

cdef uint64_t STATE_VERSION = 1
cdef Py_ssize_t STAGES_MAX = 16


cdef void _record_many(gm_histogram_t* h, const int64_t* ns, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        gm_histogram_record(h, ns[i])


@cython.final
cdef class Histogram:
    """Distribution of durations in nanoseconds.

    ``percentile``, ``min``, ``max`` and ``mean`` are ``None`` while nothing was recorded. Not to be written by
    several threads at a time without a lock. Pickles; equal histograms have recorded the same counts.
    """

    def __cinit__(self):
        gm_histogram_reset(&self.h)

    # ---- commands

    def record(self, ns):
        """Count one duration.

        Parameters
        ----------
        ns : int, nanoseconds. A negative one (a clock that stepped back) is counted as 0 and in ``negatives``.

        Raises
        ------
        TypeError   if it is not an int. ValueError if it is not within 64 bits.
        """
        gm_histogram_record(&self.h, int_argument(ns, "ns", INT64_MIN, INT64_MAX))

    def record_many(self, ns):
        """Count a column of durations: (n,) integers, nanoseconds. The GIL is released."""
        cdef const int64_t[::1] view = int_array(ns, "ns")
        cdef Py_ssize_t n = view.shape[0]
        if n:
            with nogil:
                _record_many(&self.h, &view[0], n)

    def merge(self, Histogram other not None):
        """Add what ``other`` has counted. Adding a histogram to itself doubles it."""
        cdef gm_histogram_t copy = other.h
        gm_histogram_merge(&self.h, &copy)

    def reset(self):
        """Forget everything."""
        gm_histogram_reset(&self.h)

    # ---- queries

    def percentile(self, percent):
        """Duration that ``percent`` of the recorded ones do not exceed, or None while empty.

        Parameters
        ----------
        percent : float in [0, 100].

        Returns
        -------
        int, nanoseconds: not below the exact value ``numpy.percentile(values, percent, method="higher")`` and at most
        ``RELATIVE_ERROR`` above it. Percentile 100 is the exact maximum.

        Raises
        ------
        ValueError  if ``percent`` is outside [0, 100] or not finite. TypeError if it is not a number.
        """
        cdef double p = number_argument(percent, "percent")
        if p < 0.0 or p > 100.0:
            raise ValueError(f"percent is {value_text(percent)}, must be >= 0 and <= 100")
        return None if self.h.count == 0 else gm_histogram_percentile(&self.h, p)

    @property
    def count(self):
        """Durations recorded, negative ones included."""
        return self.h.count

    @property
    def negatives(self):
        """Durations that were negative; they count as 0."""
        return self.h.negatives

    @property
    def sum(self):
        """Sum of all durations, nanoseconds, exact."""
        return ((<object>self.h.sum_high) << 64) | (<object>self.h.sum_low)

    @property
    def min(self):
        """Shortest duration, exact, or None while empty."""
        return None if self.h.count == 0 else self.h.min_ns

    @property
    def max(self):
        """Longest duration, exact, or None while empty."""
        return None if self.h.count == 0 else self.h.max_ns

    @property
    def mean(self):
        """Mean duration in nanoseconds, or None while empty."""
        return None if self.h.count == 0 else gm_histogram_mean(&self.h)

    def buckets(self):
        """The buckets that hold something.

        Returns
        -------
        (low, high, count) : three (m,) int64 arrays; lowest and highest value of each bucket, ascending, and how many
        durations fell into it.
        """
        cdef Py_ssize_t i, m = 0
        for i in range(GM_HISTOGRAM_BUCKETS):
            m += self.h.counts[i] != 0
        low, high, count = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
        cdef int64_t[::1] low_view = low, high_view = high, count_view = count
        m = 0
        for i in range(GM_HISTOGRAM_BUCKETS):
            if self.h.counts[i] != 0:
                low_view[m] = gm_histogram_low(<uint32_t>i)
                high_view[m] = gm_histogram_high(<uint32_t>i)
                count_view[m] = <int64_t>self.h.counts[i]
                m += 1
        return low, high, count

    def copy(self):
        """An independent copy."""
        cdef Histogram other = Histogram.__new__(Histogram)
        other.h = self.h
        return other

    def to_bytes(self):
        """The whole state, for another process (see ``from_bytes``)."""
        return STATE_VERSION.to_bytes(8, "little") + (<char*>&self.h)[:sizeof(gm_histogram_t)]

    @staticmethod
    def from_bytes(state):
        """The histogram whose ``to_bytes`` gave ``state``.

        Raises
        ------
        ValueError  if the bytes are not a whole, consistent state of this version.
        """
        cdef bytes data = bytes(state)
        cdef Histogram other = Histogram.__new__(Histogram)
        cdef uint64_t total = 0
        cdef Py_ssize_t i
        cdef const char* source
        if len(data) != 8 + <Py_ssize_t>sizeof(gm_histogram_t):
            raise ValueError(f"state has {len(data)} bytes, must have {8 + sizeof(gm_histogram_t)}")
        if int.from_bytes(data[:8], "little") != STATE_VERSION:
            raise ValueError(f"state has version {int.from_bytes(data[:8], 'little')}, must have {STATE_VERSION}")
        source = data
        memcpy(&other.h, source + 8, sizeof(gm_histogram_t))
        for i in range(GM_HISTOGRAM_BUCKETS):
            total += other.h.counts[i]
        if total != other.h.count or other.h.negatives > other.h.count:
            raise ValueError(f"state counts {other.h.count} durations, but its buckets hold {total}")
        return other

    def __reduce__(self):
        return Histogram.from_bytes, (self.to_bytes(),)

    def __eq__(self, other):
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    __hash__ = None

    def __len__(self):
        return self.h.count

    def __bool__(self):
        return self.h.count != 0

    def __repr__(self):
        if self.h.count == 0:
            return "Histogram(count=0)"
        return (f"Histogram(count={self.count}, p50={self.percentile(50)}, p99={self.percentile(99)}, "
                f"max={self.max})")


@cython.final
cdef class StageHistograms:
    """One histogram for each named stage of a path.

    Parameters
    ----------
    stages : tuple of 1 to 16 different names; default ``STAGES``, whose indices are the ``GM_STAGE_*`` of
        ``latency.h``. ``histograms["risk"]`` is the stage's :class:`Histogram`, live.
    """

    def __cinit__(self, stages=STAGES):
        cdef Py_ssize_t i
        if not isinstance(stages, (tuple, list)) or not all([isinstance(name, str) and name for name in stages]):
            raise TypeError(f"stages is {value_text(stages)}, must be a tuple of names")
        self.stages = tuple(stages)
        if not 1 <= len(self.stages) <= STAGES_MAX or len(set(self.stages)) != len(self.stages):
            raise ValueError(f"stages is {value_text(stages)}, must be 1 to {STAGES_MAX} different names")
        self._histograms = tuple([Histogram() for _ in self.stages])
        for i in range(STAGES_MAX):
            self.at[i] = NULL
        for i in range(len(self.stages)):
            self.at[i] = &(<Histogram>self._histograms[i]).h

    def __getitem__(self, stage):
        try:
            return self._histograms[self.stages.index(stage)]
        except ValueError:
            raise KeyError(f"{stage!r}, must be one of {', '.join(self.stages)}") from None

    def __iter__(self):
        return iter(self.stages)

    def __len__(self):
        return len(self.stages)

    def __contains__(self, stage):
        return stage in self.stages

    def record(self, stage, ns):
        """Count one duration (int, nanoseconds) of a named stage. KeyError if there is no such stage."""
        self[stage].record(ns)

    def merge(self, StageHistograms other not None):
        """Add what ``other`` has counted, stage by stage. ValueError if its stages are other ones."""
        if other.stages != self.stages:
            raise ValueError(f"stages are {other.stages!r}, must be {self.stages!r}")
        for mine, theirs in zip(self._histograms, other._histograms):
            mine.merge(theirs)

    def reset(self):
        """Forget everything, in every stage."""
        for histogram in self._histograms:
            histogram.reset()

    def summary(self):
        """Per stage ``{"count", "min", "p50", "p90", "p99", "p99.9", "max", "mean"}``, nanoseconds; None if empty."""
        return {
            name: {
                "count": h.count, "min": h.min, "p50": h.percentile(50), "p90": h.percentile(90),
                "p99": h.percentile(99), "p99.9": h.percentile(99.9), "max": h.max, "mean": h.mean,
            }
            for name, h in zip(self.stages, self._histograms)
        }

    def __reduce__(self):
        return _restore_stages, (self.stages, self._histograms)

    def __repr__(self):
        counts = [f"{name}={h.count}" for name, h in zip(self.stages, self._histograms)]
        return f"StageHistograms({', '.join(counts)})"


def _restore_stages(stages, histograms):
    cdef StageHistograms restored = StageHistograms(stages)
    for mine, theirs in zip(restored._histograms, histograms):
        mine.merge(theirs)
    return restored


def _bucket_of(value):
    """(index, lowest, highest value) of the bucket of a value >= 0; for tests of the bucket arithmetic."""
    cdef uint32_t index = gm_histogram_index(int_argument(value, "value", 0, INT64_MAX))
    return index, gm_histogram_low(index), gm_histogram_high(index)
