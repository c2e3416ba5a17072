# cython: language_level=3
"""Symbols and other names as dense numbers, and each symbol's constants in one contiguous table."""
from libc.stdint cimport int64_t

from grandmodel.execution._core.records cimport GM_NAME_LENGTH, GM_NO_PRICE


cdef class Names:
    """Text to dense number and back; numbers are given in the order of first use.

    Parameters
    ----------
    kind : str, what is named; used in messages
    first : int, the first number (1 leaves 0 for "none")
    limit : int, how many names there may be
    """

    def __cinit__(self, str kind, int first=1, int limit=1 << 30):
        self.kind = kind
        self.first = first
        self.limit = limit
        self.numbers = {}
        self.texts = []

    cpdef int number(self, str text) except -1:
        """The number of `text`, a new one on first sight. ValueError: too long, empty, not printable, or too many."""
        found = self.numbers.get(text)
        if found is not None:
            return <int>found
        if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > GM_NAME_LENGTH:
            raise ValueError(f"{self.kind} is {text!r}, must be 1 to {GM_NAME_LENGTH} bytes of printable text")
        if len(self.texts) >= self.limit:
            raise ValueError(f"more than {self.limit} names of kind {self.kind}")
        number = self.first + len(self.texts)
        self.numbers[text] = number
        self.texts.append(text)
        return number

    cpdef str text(self, int number):
        """The text of `number`. KeyError when no name has it."""
        if not self.first <= number < self.first + len(self.texts):
            raise KeyError(f"no {self.kind} has the number {number}")
        return self.texts[number - self.first]

    def __contains__(self, text):
        return text in self.numbers

    def __len__(self):
        return len(self.texts)

    def __iter__(self):
        return iter(self.texts)


cdef class Instruments:
    """The table of symbols: tick, quantity step, reference price, sector. Rows are added, never moved."""

    def __cinit__(self):
        self.symbols = Names("symbol", 0, GM_MAX_SYMBOLS)
        self.sectors = Names("sector", 0, GM_MAX_SECTORS)
        self.sectors.number("unknown")
        self.calendars = Names("calendar", 0, 16)
        if gm_instruments_init(&self.table) != 0:
            raise MemoryError("the instrument table could not be reserved")

    def __dealloc__(self):
        gm_instruments_free(&self.table)

    def add(self, str symbol, *, int64_t tick_e9, int64_t step_e9=1_000_000_000, reference_e9=None, int64_t round_lot=100,
            int64_t multiplier=1, str sector="unknown", str calendar="XNYS", adv=None):
        """Adds a symbol; its number. `adv`: its average daily volume in steps, None where it is not known. ValueError when a figure is
        not positive or the symbol is there already."""
        for name, value in (("tick_e9", tick_e9), ("step_e9", step_e9), ("round_lot", round_lot), ("multiplier", multiplier)):
            if value <= 0:
                raise ValueError(f"{name} of {symbol!r} is {value}, must be positive")
        if multiplier > 1_000_000:
            raise ValueError(f"multiplier of {symbol!r} is {multiplier}, must be at most 1000000")
        if reference_e9 is not None and not 0 < reference_e9 < GM_MAX_PRICE_E9:
            raise ValueError(f"reference_e9 of {symbol!r} is {reference_e9}, must be between 0 and {GM_MAX_PRICE_E9}")
        if adv is not None and (isinstance(adv, bool) or not isinstance(adv, int) or not 0 < adv < 1 << 62):
            raise ValueError(f"adv of {symbol!r} is {adv!r}, must be an int from 1 to 2**62")
        if symbol in self.symbols:
            raise ValueError(f"symbol {symbol!r} is in the table already")
        cdef int sector_number = self.sectors.number(sector), number = self.symbols.number(symbol)
        cdef gm_instrument_t* row = &self.table.rows[number]
        row.tick_e9 = tick_e9
        row.step_e9 = step_e9
        row.reference_e9 = GM_NO_PRICE if reference_e9 is None else reference_e9
        row.round_lot = round_lot
        row.multiplier = multiplier
        row.adv = adv or 0
        row.sector = sector_number
        row.calendar = self.calendars.number(calendar)
        row.known = 1
        self.table.count = number + 1
        return number

    def __len__(self):
        return self.table.count

    def tick_e9(self, str symbol):
        """The symbol's tick in 1e-9. KeyError when it is not in the table."""
        return self.table.rows[<int>self.symbols.numbers[symbol]].tick_e9

    def round_lot(self, str symbol):
        """The symbol's round lot in steps. KeyError when it is not in the table."""
        return self.table.rows[<int>self.symbols.numbers[symbol]].round_lot

    def step_e9(self, str symbol):
        """The symbol's quantity step in 1e-9 units. KeyError when it is not in the table."""
        return self.table.rows[<int>self.symbols.numbers[symbol]].step_e9

    def calendar(self, str symbol):
        """Whose trading hours apply to a symbol, by name."""
        return self.calendars.text(self.table.rows[<int>self.symbols.numbers[symbol]].calendar)

    def sector(self, str symbol):
        """The symbol's sector. KeyError when it is not in the table."""
        return self.sectors.text(self.table.rows[<int>self.symbols.numbers[symbol]].sector)
