"""When messages arrive that go one way, written from the rule: each takes its base and a drawn addition, and none
arrives before the one sent before it.

Draws are SplitMix64 (Steele, Lea and Flood 2014); a normal variate is one of the polar method's two (Marsaglia and Bray
1964); logarithm and exponential are the series that keep their bits everywhere.
"""

from __future__ import annotations

import math
import struct

from reference.logarithm import log

MASK = (1 << 64) - 1
WAYS = {"out": 1, "in": 2, "feed": 3}


class SplitMix:
    def __init__(self, state: int) -> None:
        self.state = state & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def unit(self) -> float:
        return (self.next() >> 11) * 2.0**-53

    def normal(self) -> float:
        while True:
            u, v = 2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0
            s = u * u + v * v
            if 0.0 < s < 1.0:
                return u * math.sqrt(-2.0 * log(s) / s)


def exp(x: float) -> float:
    k = math.floor(x * 1.4426950408889634 + 0.5)
    r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
    total = 1.0
    for n in range(14, 0, -1):
        total = 1.0 + total * r / n
    return total * struct.unpack("<d", struct.pack("<Q", (k + 1023) << 52))[0]


def stream(seed: int, way: str, venue: int, symbol: int) -> SplitMix:
    mixed = SplitMix(seed).next() ^ ((symbol + 1) << 16 | WAYS[way] << 8 | venue)
    return SplitMix(SplitMix(mixed).next())


def arrivals(sent_ns, *, way: str, venue: int, symbol: int, seed: int, path: dict) -> list[int]:
    draws, last, found = stream(seed, way, venue, symbol), None, []
    for sent in sent_ns:
        x = {
            "fixed": lambda: 0.0,
            "uniform": lambda: 2.0 * draws.unit(),
            "exponential": lambda: -log(1.0 - draws.unit()),
            "lognormal": lambda: exp(draws.normal() - 0.5),
        }[path["distribution"]]()
        due = sent + path[f"{way}_ns"] + int(x * path["jitter_ns"])
        last = due if last is None else max(last, due)
        found.append(last)
    return found
