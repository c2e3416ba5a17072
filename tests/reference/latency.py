"""Percentiles and moments of durations, from the sorted list of all of them."""

import math


def clamped(durations):
    return sorted(max(0, int(ns)) for ns in durations)


def percentile(durations, percent):
    """The sorted value number ceil((n - 1) * percent / 100), counted from 0: NumPy's method "higher"."""
    values = clamped(durations)
    return values[math.ceil((len(values) - 1) * (percent / 100.0))]


def bucket(value):
    """(lowest, highest) of the bucket of a value: exact below 32, then 32 equal buckets to each octave."""
    if value < 32:
        return value, value
    octave = 1 << (value.bit_length() - 1)
    width = octave // 32
    low = octave + (value - octave) // width * width
    return low, low + width - 1
