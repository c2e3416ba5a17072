# Reading of Python arguments by the numeric modules: one place that says what a number, a count and a column are.
# Inline only: there is no module of this name at run time.
#
# A message states the parameter, the value and what was expected: "participation is 1.5, must be > 0 and < 1".
# Wrong kind of thing (a str, a bool, a float where a count is meant): TypeError. Wrong value: ValueError.

from cpython.bool cimport PyBool_Check
from cpython.float cimport PyFloat_Check
from cpython.long cimport PyLong_Check
from libc.math cimport isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t


cdef inline str value_text(object value):
    """repr, cut to 80 characters: a refused value may be an array."""
    cdef str text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


cdef inline int64_t int_argument(object value, str name, int64_t low, int64_t high) except? -1:
    """An int (Python or NumPy) in [low, high]; a bool or a float is a TypeError."""
    if PyBool_Check(value):
        raise TypeError(f"{name} is {value!r}, must be an int, not a bool")
    if not PyLong_Check(value):
        index = getattr(type(value), "__index__", None)
        if index is None or hasattr(type(value), "__len__") or type(value).__name__ == "bool":
            raise TypeError(f"{name} is {value_text(value)}, must be an int, not {type(value).__name__}")
        value = index(value)
    if value < low or value > high:
        if high == INT64_MAX:
            raise ValueError(f"{name} is {value_text(value)}, must be >= {low} and below 2**63")
        raise ValueError(f"{name} is {value_text(value)}, must be >= {low} and <= {high}")
    return value


cdef inline double number_argument(object value, str name) except? -1.0:
    """A finite real number: float, int, Decimal, Fraction or a NumPy scalar; never a bool or a str."""
    cdef double number
    if PyBool_Check(value):
        raise TypeError(f"{name} is {value!r}, must be a number, not a bool")
    if not PyFloat_Check(value) and not PyLong_Check(value):
        from decimal import Decimal
        from numbers import Real
        if not isinstance(value, (Real, Decimal)):
            raise TypeError(f"{name} is {value_text(value)}, must be a number, not {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} is {value_text(value)}, must be representable as a float") from None
    if not isfinite(number):
        raise ValueError(f"{name} is {value_text(value)}, must be finite")
    return number


cdef inline double nonnegative_argument(object value, str name) except? -1.0:
    cdef double number = number_argument(value, name)
    if number < 0.0:
        raise ValueError(f"{name} is {value_text(value)}, must be >= 0")
    return number


cdef inline double positive_argument(object value, str name) except? -1.0:
    cdef double number = number_argument(value, name)
    if number <= 0.0:
        raise ValueError(f"{name} is {value_text(value)}, must be > 0")
    return number


cdef inline double share_argument(object value, str name) except? -1.0:
    """A number strictly between 0 and 1."""
    cdef double number = number_argument(value, name)
    if number <= 0.0 or number >= 1.0:
        raise ValueError(f"{name} is {value_text(value)}, must be > 0 and < 1")
    return number


cdef inline object _column(object values, str name, str kinds, str expected, int dimensions):
    import numpy as np

    if isinstance(values, (str, bytes, bytearray)) or values is None:
        raise TypeError(f"{name} is {value_text(values)}, must be {expected}")
    if isinstance(values, (list, tuple)):
        for item in values:     # NumPy would read [1, True] as two integers
            if isinstance(item, (bool, np.bool_)):
                raise TypeError(f"{name} holds a bool, must be {expected}")
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise TypeError(f"{name} is {value_text(values)}, must be {expected} ({error})") from None
    if array.ndim != dimensions:
        raise ValueError(f"{name} has {array.ndim} dimensions, must have {dimensions}")
    if array.size and array.dtype.kind not in kinds:
        raise TypeError(f"{name} has dtype {array.dtype}, must be {expected}")
    return array


cdef inline object int_array(object values, str name, int dimensions=1):
    """A contiguous int64 array of the values (itself where it is one); any integer dtype that fits."""
    import numpy as np

    array = _column(values, name, "iu", "integers (int64)", dimensions)
    if array.size and array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.max() > INT64_MAX:
        raise ValueError(f"{name} holds {array.max()}, must be below 2**63")
    return np.ascontiguousarray(array, dtype=np.int64)


cdef inline object float_array(object values, str name, int dimensions=1):
    """A contiguous float64 array of the values (itself where it is one); floats or integers."""
    import numpy as np

    array = _column(values, name, "fiu", "numbers (float64)", dimensions)
    return np.ascontiguousarray(array, dtype=np.float64)


cdef inline int same_length(object array, str name, Py_ssize_t length, str other) except -1:
    if array.shape[0] != length:
        raise ValueError(f"{name} has length {array.shape[0]}, must have the length of {other}, {length}")
    return 0


cdef inline object record_bytes(object array, object dtype, str name, str dtype_name):
    """The bytes (uint8) of a contiguous one-dimensional array of a row dtype, copied only where it is misaligned."""
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is {value_text(array)}, must be an array of {dtype_name}")
    if array.dtype != dtype and array.dtype.names == dtype.names:
        same = [array.dtype[field] == dtype[field] for field in dtype.names]
        if all(same):
            array = array.astype(dtype)     # the same fields without padding: what numpy.concatenate makes of rows
    if array.dtype != dtype:
        raise TypeError(f"{name} has dtype {value_text(array.dtype)}, must be {dtype_name}")
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, must have 1")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} is strided, must be contiguous (numpy.ascontiguousarray makes it so)")
    if array.size and array.__array_interface__["data"][0] % 8:
        array = array.copy()        # rows in the middle of somebody's buffer
    return array.view(np.uint8)
