# cython: language_level=3
"""The clock that the core reads: the machine's, or a simulation's own now."""
from libc.stdint cimport int64_t


cdef class NativeClock:
    """Time as the core sees it. `simulated=True`: `now_ns` stands still until `advance_to`.

    speed : the machine's time so many times as fast, from `start_ns` on (0: from now); 1: the machine's time itself
    """

    def __cinit__(self, *, bint simulated=False, int64_t start_ns=0, int speed=1):
        if not 1 <= speed <= 1_000_000 or (speed > 1 and simulated):
            raise ValueError(f"speed is {speed}, must be from 1 to 1000000, and 1 of a simulated clock")
        self.clock.simulated = simulated
        self.clock.now_ns = start_ns if simulated else 0
        if speed > 1:
            self.clock.speed = speed
            self.clock.began_ns = gm_machine_ns(CLOCK_REALTIME)
            self.clock.origin_ns = start_ns if start_ns else self.clock.began_ns

    @property
    def speed(self):
        """How many times as fast as the machine's it goes; a simulated clock has none (0)."""
        return 0 if self.clock.simulated else self.clock.speed or 1

    @property
    def simulated(self):
        """True when time is a simulation's."""
        return bool(self.clock.simulated)

    def now_ns(self):
        """Nanoseconds since the Unix epoch, UTC; never less than what was returned before."""
        return gm_now(&self.clock)

    def advance_to(self, int64_t now_ns):
        """Sets a simulated clock forward. ValueError when it would run backwards or the clock is live."""
        if not self.clock.simulated:
            raise ValueError("a live clock cannot be set")
        if now_ns < self.clock.now_ns:
            raise ValueError(f"now_ns is {now_ns}, must be at least the clock's {self.clock.now_ns}")
        self.clock.now_ns = now_ns
