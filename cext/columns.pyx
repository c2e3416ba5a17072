# cython: language_level=3
"""Delimited text files as columns of integers, by a plan that says what each column is."""
import numpy as np

cimport cython
from libc.stdint cimport INT64_MAX, int8_t, int32_t, int64_t, uint8_t
from libc.string cimport memset

from grandmodel.execution._core.arguments cimport int_argument, value_text
from grandmodel.execution._core.values import MarketDataError


cdef extern from "text.h" nogil:
    int64_t gm_text_lines(const char* text, size_t size) noexcept

cdef extern from "names.h" nogil:
    ctypedef struct gm_names_t:
        char (*texts)[32]
        int32_t count

    void gm_names_free(gm_names_t* n) noexcept

cdef extern from "columns.h" nogil:
    enum: GM_COLUMNS_MAX

    cdef enum gm_column_kind:
        GM_COLUMN_SKIP, GM_COLUMN_INTEGER, GM_COLUMN_DECIMAL, GM_COLUMN_NAME, GM_COLUMN_ISO, GM_COLUMN_HEX

    cdef enum gm_columns_error:
        GM_COLUMNS_OK, GM_COLUMNS_COUNT, GM_COLUMNS_FIELD, GM_COLUMNS_EMPTY_LINE, GM_COLUMNS_NAMES, GM_COLUMNS_QUOTED,
        GM_COLUMNS_ZONES

    ctypedef struct gm_columns_t:
        uint8_t kinds[GM_COLUMNS_MAX]
        int64_t units[GM_COLUMNS_MAX]
        int32_t count
        int32_t kept
        char delimiter
        int8_t zoned
        gm_names_t names

    ctypedef struct gm_columns_place_t:
        int64_t line
        int64_t column
        int64_t found
        const char* begin
        const char* end
        int error

    int gm_columns_parse(gm_columns_t* c, const char* text, size_t size, int64_t* cells, int64_t lines,
                         gm_columns_place_t* place) noexcept


cdef dict _KINDS = {
    "skip": GM_COLUMN_SKIP, "integer": GM_COLUMN_INTEGER, "decimal": GM_COLUMN_DECIMAL, "name": GM_COLUMN_NAME,
    "iso": GM_COLUMN_ISO, "hex": GM_COLUMN_HEX,
}
cdef dict _EXPECTED = {
    GM_COLUMN_INTEGER: "an integer that, times {}, has 64 bits", GM_COLUMN_DECIMAL: "a decimal number that is a multiple of 1/{}",
    GM_COLUMN_NAME: "a name of up to 31 characters", GM_COLUMN_ISO: "a date and time, YYYY-MM-DDThh:mm:ss with up to nine decimals",
    GM_COLUMN_HEX: "a hexadecimal number of up to 15 digits",
}


@cython.final
cdef class ColumnParser:
    """Reads delimited text, without quotes, piece by piece.

    Parameters
    ----------
    plan : for each column of a line (name, kind, unit). kind: "skip"; "integer" and "decimal", the number times unit,
        exactly (an empty decimal is NO_PRICE); "name", a number for each distinct text, in the order they come; "iso", a
        date and time in ns (without a zone as if it were UTC, see `zoned`); "hex"
    delimiter : one ASCII character
    name : what messages call the file
    """

    cdef gm_columns_t state
    cdef object name
    cdef tuple titles
    cdef int64_t lines

    def __cinit__(self, plan, *, delimiter=",", name="columns", before=0):
        cdef int32_t k
        memset(&self.state, 0, sizeof(self.state))
        plan = list(plan)
        if not 0 < len(plan) <= GM_COLUMNS_MAX:
            raise ValueError(f"plan has {len(plan)} columns, must have from 1 to {GM_COLUMNS_MAX}")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or not " " <= delimiter <= "~" and delimiter != "\t":
            raise ValueError(f"delimiter is {value_text(delimiter)}, must be one ASCII character")
        titles = []
        for k, (title, kind, unit) in enumerate(plan):
            if kind not in _KINDS:
                raise ValueError(f"kind of column {title!r} is {value_text(kind)}, must be one of {', '.join(_KINDS)}")
            titles.append(str(title))
            self.state.kinds[k] = _KINDS[kind]
            self.state.units[k] = int_argument(unit, f"unit of column {title!r}", 1, INT64_MAX)
            self.state.kept += kind != "skip"
        self.state.count = <int32_t>len(plan)
        self.state.delimiter = ord(delimiter)
        self.state.zoned = -1
        self.titles = tuple(titles)
        self.name = name
        self.lines = int_argument(before, "before", 0, 1 << 62)

    def __dealloc__(self):
        gm_names_free(&self.state.names)

    def parse(self, const unsigned char[::1] data not None):
        """The cells of whole lines.

        Returns
        -------
        (n, columns that are not skipped) int64

        Raises
        ------
        MarketDataError  "NAME: line N: what is wrong".
        """
        cdef size_t size = data.shape[0]
        cdef const char* text = <const char*>&data[0] if size else NULL
        cdef int64_t lines
        cdef int64_t nothing = 0
        cdef int64_t* at = &nothing
        cdef int64_t[:, ::1] cells
        cdef gm_columns_place_t place
        cdef int code
        if size == 0:
            return np.empty((0, self.state.kept), dtype=np.int64)
        with nogil:         # a line has a character for each column at least: if one has not, it comes before these end
            lines = min(gm_text_lines(text, size), <int64_t>size // self.state.count + 1)
        out = np.empty((lines, self.state.kept), dtype=np.int64)
        if self.state.kept:
            cells = out
            at = &cells[0, 0]
        with nogil:
            code = gm_columns_parse(&self.state, text, size, at, lines, &place)
        if code != 0:
            raise MarketDataError(f"{self.name}: line {self.lines + place.line}: {self._fault(&place)}")
        self.lines += lines
        return out

    @property
    def records(self):
        """Lines read so far, those `before` too."""
        return self.lines

    @property
    def zoned(self):
        """Whether the ISO times have a zone; None: none was read."""
        return None if self.state.zoned < 0 else bool(self.state.zoned)

    @property
    def names(self):
        """The texts of the "name" columns by their numbers."""
        return [(<bytes>self.state.names.texts[k]).decode("latin-1") for k in range(self.state.names.count)]

    cdef str _fault(self, const gm_columns_place_t* place):
        text = value_text((<bytes>place.begin[:min(place.end - place.begin, 60)]).decode("latin-1"))
        if place.error == GM_COLUMNS_EMPTY_LINE:
            return "is empty"
        if place.error == GM_COLUMNS_COUNT:
            return f"has {place.found} columns, must have {self.state.count}: {text}"
        title = self.titles[place.column - 1]
        if place.error == GM_COLUMNS_QUOTED:
            return f"{title} is {text}: quoted fields are not read"
        if place.error == GM_COLUMNS_NAMES:
            return f"{title} is {text}, one distinct name too many"
        if place.error == GM_COLUMNS_ZONES:
            return f"{title} is {text}: some times have a zone, others have none"
        expected = _EXPECTED[self.state.kinds[place.column - 1]].format(self.state.units[place.column - 1])
        return f"{title} is {text}, must be {expected}"
