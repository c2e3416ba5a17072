# cython: language_level=3
"""Batch estimators of market microstructure: one entry to the kernels of cext/kernels.

What they mean, their units and sources are said by `grandmodel.execution.microstructure`, whose functions call this.
"""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t
from libc.string cimport memset


cdef extern from "estimators.h" nogil:
    enum: GM_COLUMNS, GM_OUTPUTS, GM_NUMBERS, GM_INTEGERS, GM_ESTIMATOR_ROW, GM_ESTIMATOR_MEMORY

    ctypedef struct gm_column_t:
        const char* data
        Py_ssize_t rows, stride, width, step
        char type, rule

    ctypedef struct gm_estimator_call_t:
        gm_column_t in_ "in" [GM_COLUMNS]
        void* out[GM_OUTPUTS]
        Py_ssize_t out_rows[GM_OUTPUTS]
        Py_ssize_t out_width[GM_OUTPUTS]
        double number[GM_NUMBERS]
        int64_t integer[GM_INTEGERS]
        double result[16]
        int bad_column
        Py_ssize_t bad_row, bad_cell

    ctypedef int (*gm_estimator_fn)(gm_estimator_call_t* c) noexcept nogil

    ctypedef struct gm_estimator_t:
        const char* name
        gm_estimator_fn run
        const char* in_ "in"
        const char* out
        int numbers, integers, results

    const gm_estimator_t gm_estimators[]


cdef dict _KERNELS = {}
cdef int _k = 0
while gm_estimators[_k].name != NULL:
    _KERNELS[(<bytes>gm_estimators[_k].name).decode("ascii")] = _k
    _k += 1

cdef dict _RULES = {
    c"a": "finite or NaN", c"f": "finite", c"m": "> 0 and finite, or absent (NaN)", c"n": ">= 0 and finite, or NaN",
    c"p": "> 0 and finite", c"z": ">= 0 and finite", c"u": ">= 0 and <= 1", c"s": "1 (buy) or -1 (sell)",
    c"t": "1 (buy), -1 (sell) or 0 (unknown)",
    c"o": "at or after the one before it", c"v": "at most the volume",
    c"l": "at most the high of the day", c"w": "within the window from start to end",
}


cdef char _type_of(const Py_buffer* view) noexcept:
    """The struct-module letter of a native number; 0: none that is read."""
    cdef const char* format = view.format
    if format == NULL:
        return 0
    if format[0] == c"=" or format[0] == c"@":      # "=" is what is not aligned
        format += 1
    if format[0] == 0 or format[1] != 0:
        return 0
    if format[0] == c"l" or format[0] == c"q":
        return c"q" if view.itemsize == 8 else c"i"
    return format[0] if format[0] in (c"d", c"f", c"i", c"h", c"b", c"I", c"H", c"B") else 0


cdef int _bind(Py_ssize_t* lengths, char letter, Py_ssize_t length, str name, str what) except -1:
    """A letter stands for one length wherever it is used."""
    cdef Py_ssize_t expected = 1 if letter == c"1" else lengths[<unsigned char>letter]
    if letter == c"o":
        expected = lengths[c"n"] - 1 if lengths[c"n"] > 0 else 0
    if expected < 0:
        lengths[<unsigned char>letter] = length
    elif expected != length:
        raise ValueError(f"{name} has {length} {what}, must have {expected}")
    return 0


cdef int _take(object array, str name, Py_buffer* view, int flags, gm_column_t* column) except -1:
    PyObject_GetBuffer(array, view, flags | PyBUF_FORMAT | PyBUF_STRIDES)
    column.type = _type_of(view)
    if column.type == 0 or view.ndim < 1 or view.ndim > 2:
        text = (<bytes>view.format).decode("ascii", "replace") if view.format != NULL else ""
        ndim = view.ndim
        PyBuffer_Release(view)
        raise TypeError(f"{name} has {ndim} dimensions of {text!r}, must be an array of native float64 or int64")
    column.data = <const char*>view.buf
    column.rows, column.stride = view.shape[0], view.strides[0]
    column.width = view.shape[1] if view.ndim == 2 else 1
    column.step = view.strides[1] if view.ndim == 2 else view.itemsize
    return 0


cdef list overlapping(gm_estimator_call_t* call, columns, const gm_column_t* out):
    """The columns that share memory with an output, as far as their bounds tell."""
    cdef const char* begin = out.data
    cdef const char* end = begin + out.rows * out.stride
    cdef const char* low
    cdef const char* high
    cdef Py_ssize_t down, across
    cdef gm_column_t* c
    cdef int i
    found = []
    for i, (name, array, _) in enumerate(columns):
        c = &call.in_[i]
        if array is None or c.rows == 0 or c.width == 0 or out.rows == 0:
            continue
        down, across = (c.rows - 1) * c.stride, (c.width - 1) * c.step
        low = c.data + (down if down < 0 else 0) + (across if across < 0 else 0)
        high = c.data + (down if down > 0 else 0) + (across if across > 0 else 0) + <Py_ssize_t>array.itemsize
        if low < end and begin < high:
            found.append(name)
    return found


def run(str kernel, columns, outputs=(), numbers=(), integers=()):
    """One kernel over columns.

    Parameters
    ----------
    kernel : its name
    columns : of each column (name, array or None, rule): (n,) or (n, width) native numbers with any strides
    outputs : writable contiguous arrays, or None where the kernel may do without
    numbers, integers : its parameters

    Returns
    -------
    list of float, the kernel's results

    Raises
    ------
    ValueError  naming column, row and value where a rule is broken, or a length that does not fit.
    """
    cdef int which = _KERNELS[kernel]
    cdef const gm_estimator_t* k = &gm_estimators[which]
    cdef gm_estimator_call_t call
    cdef Py_buffer views[GM_COLUMNS + GM_OUTPUTS]
    cdef gm_column_t out
    cdef Py_ssize_t lengths[128]
    cdef const char* letters = k.in_
    cdef int i = 0, held = 0, status
    cdef bint optional
    memset(&call, 0, sizeof(call))
    memset(lengths, 255, sizeof(lengths))
    if len(numbers) != k.numbers or len(integers) != k.integers:
        raise TypeError(f"{kernel} takes {k.numbers} numbers and {k.integers} integers")
    for i, number in enumerate(numbers):
        call.number[i] = number
    for i, integer in enumerate(integers):
        call.integer[i] = integer
    try:
        for i, (name, array, rule) in enumerate(columns):
            if letters[0] == 0:
                raise TypeError(f"{kernel} takes {i} columns")
            optional = letters[2] == c"?"
            if array is not None:
                _take(array, name, &views[held], 0, &call.in_[i])
                held += 1
                call.in_[i].rule = <char>ord(rule)
                if letters[0] < c"a" and letters[0] != c"1" and call.in_[i].type != c"q":
                    raise TypeError(f"{name} must be an array of int64")
                _bind(lengths, letters[0] | 32, call.in_[i].rows, name, "rows")
                _bind(lengths, letters[1], call.in_[i].width, name, "cells a row")
            elif not optional:
                raise TypeError(f"{name} is None, must be an array")
            letters += 3 if optional else 2
        if letters[0] != 0 and letters[2] != c"?":
            raise TypeError(f"{kernel} takes more columns")
        letters = k.out
        for i, array in enumerate(outputs):
            if letters[0] == 0:
                raise TypeError(f"{kernel} has {i} outputs")
            optional = letters[3] == c"?"
            if array is not None:
                _take(array, "out", &views[held], PyBUF_WRITABLE, &out)
                held += 1
                if out.type != (c"q" if letters[0] == c"l" else letters[0]):
                    raise TypeError(f"out has dtype {array.dtype}, must be the struct type {chr(letters[0])!r}")
                if not array.flags.c_contiguous or not array.flags.aligned:
                    raise ValueError("out is strided, must be contiguous")
                _bind(lengths, letters[1], out.rows, "out", "rows")
                _bind(lengths, letters[2], out.width, "out", "cells a row")
                for name in overlapping(&call, columns, &out):
                    raise ValueError(f"out overlaps {name}, must be memory of its own")
                call.out[i] = <void*>out.data
                call.out_rows[i], call.out_width[i] = out.rows, out.width
            elif not optional:
                raise TypeError("out is None, must be an array")
            letters += 4 if optional else 3
        if letters[0] != 0 and letters[3] != c"?":
            raise TypeError(f"{kernel} has more outputs")
        with nogil:
            status = k.run(&call)
        if status == GM_ESTIMATOR_MEMORY:
            raise MemoryError(f"{kernel}: no memory")
        if status == GM_ESTIMATOR_ROW:
            name, array, rule = columns[call.bad_column]
            if call.in_[call.bad_column].rule == c"x":
                raise ValueError(f"{name} has not the shape that {kernel} takes (512 levels, 16 horizons at most, steps of 1 or more)")
            at = f"{call.bad_row}, {call.bad_cell}" if array.ndim == 2 else f"{call.bad_row}"
            value = array[call.bad_row, call.bad_cell] if array.ndim == 2 else array[call.bad_row]
            raise ValueError(f"{name}[{at}] is {value}, must be {_RULES[call.in_[call.bad_column].rule]}")
        return [call.result[i] for i in range(k.results)]
    finally:
        for i in range(held):
            PyBuffer_Release(&views[i])
