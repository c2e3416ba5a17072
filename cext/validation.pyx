# cython: language_level=3
"""Reads an order as a strategy writes it, a mapping, into a row of the core; or says, field by field, what is wrong.

Nothing is coerced in silence: a float price must be the double nearest to a price on the tick; a quantity is a whole
number of steps; text, booleans, NaN and infinities are not numbers.
"""
from collections.abc import Mapping
from decimal import Decimal

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.math cimport fabs, isfinite, llround
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from grandmodel.execution._core.instruments cimport GM_MAX_PRICE_E9, GM_MAX_QUANTITY, Instruments, Names
from grandmodel.execution._core.orders cimport gm_is_triggered
from grandmodel.execution._core.portfolio cimport GM_MAX_ACCOUNTS
from grandmodel.execution._core.records cimport (
    GM_ALL_OR_NONE, GM_CLIENT_ORDER_ID_LENGTH, GM_OPG, GM_DAY, GM_FOK, GM_GTD, GM_HIDDEN, GM_ICEBERG, GM_IOC, GM_LIMIT, GM_MARKET, GM_NAME_LENGTH,
    GM_NAME_STRATEGY, GM_NAME_TAG, GM_NO_PRICE, GM_PARENT, GM_PEGGED_MARKET, GM_PEGGED_PRIMARY,
    GM_POST_ONLY, GM_REDUCE_ONLY, GM_TRAIL_AMOUNT, GM_TRAIL_BPS, GM_TRAILING_STOP,
    GM_TRAILING_STOP_LIMIT, GM_TRIGGER_BID_ASK, GM_TRIGGER_LAST, GM_TRIGGER_MID, GM_WORK_ICEBERG, GM_WORK_WHOLE,
    gm_order_t, gm_terms_t,
)
from grandmodel.execution._core.values import ORDER_TYPE_CODES, SIDE_CODES, TIME_IN_FORCE_CODES, URGENCY_CODES, decimal_of

#: The fields of an order, in the order of the bits of a refusal's failed_fields.
FIELDS = (
    "symbol", "side", "quantity", "order_type", "limit_price", "stop_price", "time_in_force", "display_quantity", "urgency",
    "strategy", "account", "tags", "client_order_id", "post_only", "order", "reduce_only", "all_or_none", "hidden", "min_quantity",
    "expire_time", "trigger", "trailing_amount", "trailing_bps", "limit_offset", "display_spread", "venue", "peg_offset",
)
cdef dict TRIGGER_TABLE = {"last": GM_TRIGGER_LAST, "bid_ask": GM_TRIGGER_BID_ASK, "mid": GM_TRIGGER_MID}

cdef dict SIDE_TABLE = dict(SIDE_CODES)
cdef dict TYPE_TABLE = dict(ORDER_TYPE_CODES)
cdef dict TIF_TABLE = dict(TIME_IN_FORCE_CODES)
cdef dict URGENCY_TABLE = dict(URGENCY_CODES)
cdef double E9 = 1e9
cdef dict _TYPE_NAMES = {code: name for name, code in ORDER_TYPE_CODES.items()}


def _decimal(int64_t e9):
    """1e-9 units as shortest decimal text."""
    return format((Decimal(e9) / 1_000_000_000).normalize(), "f")


def _shown(value):
    """A value for a message: short, whatever it is."""
    try:
        text = repr(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."


def _whole(exact, int64_t grid):
    """How many `grid` (1e-9) a finite, positive Decimal or int of moderate size is, exactly; None when it is no whole number."""
    if isinstance(exact, int):
        up, down = exact, 1
    elif exact.as_tuple().exponent < -1000:
        return None
    else:
        up, down = exact.as_integer_ratio()
    count, rest = divmod(up * 1_000_000_000, down * grid)
    return count if rest == 0 else None


def _off_grid(value, exact, int64_t grid, str what):
    low = int(exact // grid) * grid
    near = [_decimal(each) for each in (low, low + grid) if each > 0]
    return f"is {_shown(value)}, must be on the {what} of {_decimal(grid)}; nearest: {' and '.join(near)}"


cdef object read_price(object value, int64_t tick_e9, int64_t* price_e9):
    """A price as float, Decimal, str or int into 1e-9 units. None, or what is wrong."""
    cdef double x, scaled
    cdef int64_t ticks, price
    if type(value) is float or isinstance(value, float):
        x = value
        if not isfinite(x):
            return f"is {_shown(value)}, must be a finite number"
        if x <= 0.0:
            return f"is {_shown(value)}, must be positive"
        scaled = x * E9
        if scaled >= <double>GM_MAX_PRICE_E9:
            return f"is {_shown(value)}, must be below {_decimal(GM_MAX_PRICE_E9)}"
        ticks = llround(scaled / <double>tick_e9)
        price = ticks * tick_e9
        if ticks <= 0 or <double>price / E9 != x:
            return _off_grid(value, Decimal(x) * 1_000_000_000, tick_e9, "tick")
        price_e9[0] = price
        return None
    if isinstance(value, bool):
        return f"is {_shown(value)}, must be a number"
    if isinstance(value, str):
        exact = decimal_of(value)
        if exact is None:
            return f"is {_shown(value)}, must be a number"
    elif isinstance(value, Decimal):
        exact = value
    else:
        try:
            exact = Decimal(value.__index__())
        except (AttributeError, TypeError):
            return f"is {_shown(value)}, must be a float, Decimal, str or int"
    if not exact.is_finite():
        return f"is {_shown(value)}, must be a finite number"
    if exact <= 0:
        return f"is {_shown(value)}, must be positive"
    if exact >= Decimal(GM_MAX_PRICE_E9) / 1_000_000_000:
        return f"is {_shown(value)}, must be below {_decimal(GM_MAX_PRICE_E9)}"
    whole = _whole(exact, tick_e9)
    if whole is None:
        return _off_grid(value, exact * 1_000_000_000, tick_e9, "tick")
    price_e9[0] = whole * tick_e9
    return None


cdef object read_quantity(object value, int64_t step_e9, int64_t* steps):
    """A quantity in units, as int, Decimal or float, into steps. None, or what is wrong."""
    cdef double x
    cdef int64_t count
    if type(value) is int:
        exact = value
        if exact > 0 and exact <= GM_MAX_QUANTITY and step_e9 == 1_000_000_000:
            steps[0] = exact
            return None
    elif isinstance(value, bool) or isinstance(value, (str, bytes)):
        return f"is {_shown(value)}, must be a positive number"
    elif isinstance(value, float):
        x = value
        if not isfinite(x):
            return f"is {_shown(value)}, must be a finite number"
        if x <= 0.0:
            return f"is {_shown(value)}, must be positive"
        if x * (E9 / <double>step_e9) > <double>GM_MAX_QUANTITY:
            return f"is {_shown(value)}, must be at most {GM_MAX_QUANTITY} steps"
        count = llround(x * (E9 / <double>step_e9))
        if count <= 0 or fabs(<double>count * (<double>step_e9 / E9) - x) > 1e-15 * x:
            return _off_grid(value, Decimal(x) * 1_000_000_000, step_e9, "quantity step")
        steps[0] = count
        return None
    elif isinstance(value, Decimal):
        if not value.is_finite():
            return f"is {_shown(value)}, must be a finite number"
        exact = value
    else:
        try:
            exact = value.__index__()
        except (AttributeError, TypeError):
            return f"is {_shown(value)}, must be an int, Decimal or float"
    if exact <= 0:
        return f"is {_shown(value)}, must be positive"
    if exact * 1_000_000_000 > (<object>GM_MAX_QUANTITY) * (<object>step_e9):
        return f"is {_shown(value)}, must be at most {GM_MAX_QUANTITY} steps"
    whole = _whole(exact, step_e9)
    if whole is None:
        return _off_grid(value, Decimal(exact) * 1_000_000_000, step_e9, "quantity step")
    steps[0] = whole
    return None


def price_to_e9(value, int64_t tick_e9=1):
    """A price as integer 1e-9 units, on the grid of `tick_e9`. ValueError says what is wrong with it."""
    cdef int64_t out = 0
    if tick_e9 <= 0:
        raise ValueError(f"tick_e9 is {tick_e9}, must be positive")
    wrong = read_price(value, tick_e9, &out)
    if wrong is not None:
        raise ValueError(f"price {wrong}")
    return out


def quantity_to_steps(value, int64_t step_e9=1_000_000_000):
    """A quantity in units as a whole number of steps. ValueError says what is wrong with it."""
    cdef int64_t out = 0
    if step_e9 <= 0:
        raise ValueError(f"step_e9 is {step_e9}, must be positive")
    wrong = read_quantity(value, step_e9, &out)
    if wrong is not None:
        raise ValueError(f"quantity {wrong}")
    return out


def _choices(value, table):
    from difflib import get_close_matches

    if not isinstance(value, str):
        return f"is {_shown(value)}, must be one of {', '.join(table)}"
    near = [name for name in table if name.lower() == value.lower()] or get_close_matches(value, table, 1)
    return f"is {_shown(value)}, must be one of {', '.join(table)}" + (f"; did you mean {near[0]!r}?" if near else "")


cdef inline PyObject* _get(dict order, str key) except? NULL:
    return PyDict_GetItemWithError(order, key)


cdef dict _note(dict errors, str field, str message):
    if errors is None:
        errors = {}
    errors.setdefault(field, []).append(message)
    return errors


cdef tuple _read_name(dict errors, str field, object value):
    """A strategy or tag: printable text of up to 72 bytes, or None."""
    if value is None:
        return errors, None
    if not isinstance(value, str):
        return _note(errors, field, f"is {_shown(value)}, must be a str"), None
    if not value or not value.isprintable() or len(value.encode("utf-8", "surrogatepass")) > GM_NAME_LENGTH:
        return _note(errors, field, f"is {_shown(value)}, must be 1 to {GM_NAME_LENGTH} bytes of printable text"), None
    return errors, str(value)


cdef dict _read_client_order_id(dict errors, object value, gm_order_t* o):
    if not isinstance(value, str) or not 1 <= len(value) <= GM_CLIENT_ORDER_ID_LENGTH or not value.isascii() or not value.isprintable():
        return _note(errors, "client_order_id", f"is {_shown(value)}, must be 1 to {GM_CLIENT_ORDER_ID_LENGTH} printable ASCII characters")
    raw = value.encode("ascii")
    memcpy(o.client_order_id, <const char*>raw, len(raw))
    return errors


cdef object _read_time(object value, int64_t* out):
    """A point in time: an aware datetime, or nanoseconds since the Unix epoch. None, or what is wrong."""
    if isinstance(value, bool):
        return f"is {_shown(value)}, must be an aware datetime or nanoseconds since the epoch"
    if isinstance(value, int):
        if not 0 < value < 1 << 62:
            return f"is {_shown(value)}, must be nanoseconds since the epoch, from 1 to {1 << 62}"
        out[0] = value
        return None
    from datetime import datetime, timedelta, timezone      # the caller has it loaded, if that is what this is

    if not isinstance(value, datetime):
        return f"is {_shown(value)}, must be an aware datetime or nanoseconds since the epoch"
    if value.tzinfo is None:
        return f"is {_shown(value)}, which has no time zone"
    past = value - datetime(1970, 1, 1, tzinfo=timezone.utc)
    out[0] = past // timedelta(microseconds=1) * 1000
    return None if out[0] > 0 else f"is {_shown(value)}, must be after 1970"


cdef dict _read_peg_offset(dict errors, object value, int64_t tick_e9, gm_order_t* o, gm_terms_t* terms):
    """How far from its reference a pegged order stands, towards the other side where positive: in prices, on the tick."""
    cdef int64_t offset = 0
    if value is None:
        return errors
    if o.order_type and o.order_type != GM_PEGGED_PRIMARY and o.order_type != GM_PEGGED_MARKET:
        return _note(errors, "peg_offset", f"is {_shown(value)}, but only pegged_primary and pegged_market orders have one")
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, Decimal)):
        return _note(errors, "peg_offset", f"is {_shown(value)}, must be an int, a float or a Decimal")
    if value != value or value == 0:
        return errors if value == 0 else _note(errors, "peg_offset", f"is {_shown(value)}, must be a finite number")
    wrong = read_price(abs(value), tick_e9, &offset)
    if wrong is not None:
        return _note(errors, "peg_offset", wrong if value > 0 else f"is {_shown(value)}: its size {wrong}")
    terms.limit_offset_e9 = offset if value > 0 else -offset
    o.terms = 1
    return errors


def _unknown_keys(errors, order):
    from difflib import get_close_matches

    known = [name for name in FIELDS if name != "order"]
    for key in order:
        if key not in known:
            near = get_close_matches(key, known, 1) if isinstance(key, str) else []
            errors = _note(errors, key if isinstance(key, str) else _shown(key),
                           "is not a key of an order" + (f"; did you mean {near[0]!r}?" if near else ""))
    return errors


cdef class OrderReader:
    """Reads mappings into order rows. Strategies, algorithms and tags get their numbers on first sight."""

    def __cinit__(self, Instruments instruments not None, new_name=None):
        self.instruments = instruments
        self.strategies = Names("strategy", 1)
        self.algorithms = Names("algorithm", 1)
        self.tags = Names("tag", 1)
        self.venues = []
        self.new_name = new_name

    cdef int32_t _named(self, Names names, int kind, str text) except -1:
        cdef int32_t number
        if text in names:
            return names.number(text)
        number = names.number(text)
        if self.new_name is not None:
            self.new_name(kind, number, text)
        return number

    cdef dict read(self, object given, gm_order_t* o, gm_terms_t* terms, bint only_check=False):
        """Fills `o`, and `terms` when it has rarer ones (o.terms is 1 then); None, or {field: [messages]}. The names of a wrong order get
        no number."""
        cdef dict order, errors = None
        cdef PyObject* item
        cdef Py_ssize_t seen = 0
        cdef int64_t tick_e9 = 1, step_e9 = 1_000_000_000
        cdef object wrong, value
        cdef str strategy = None, tags = None

        memset(o, 0, sizeof(gm_order_t))
        o.pending_price_e9 = GM_NO_PRICE
        o.limit_price_e9 = GM_NO_PRICE
        o.stop_price_e9 = GM_NO_PRICE
        o.arrival_mid_e9 = GM_NO_PRICE
        o.symbol = -1
        o.venue = -1
        o.time_in_force = GM_DAY
        if type(given) is dict:
            order = <dict>given
        elif isinstance(given, Mapping):
            order = dict(given)
        else:
            return {"order": [f"is {type(given).__name__}, must be a mapping such as {{'symbol': 'AAPL', ...}}"]}

        item = _get(order, "symbol")
        if item == NULL:
            errors = _note(errors, "symbol", "is missing")
        else:
            seen += 1
            value = <object>item
            number = self.instruments.symbols.numbers.get(value) if isinstance(value, str) else None
            if number is None:
                errors = _note(errors, "symbol", self._unknown_symbol(value))
            else:
                o.symbol = number
                tick_e9 = self.instruments.table.rows[o.symbol].tick_e9
                step_e9 = self.instruments.table.rows[o.symbol].step_e9

        item = _get(order, "side")
        if item == NULL:
            errors = _note(errors, "side", "is missing")
        else:
            seen += 1
            value = <object>item
            code = SIDE_TABLE.get(value) if isinstance(value, str) else None
            if code is None:
                errors = _note(errors, "side", _choices(value, SIDE_TABLE))
            else:
                o.side = code

        item = _get(order, "quantity")
        if item == NULL:
            errors = _note(errors, "quantity", "is missing")
        else:
            seen += 1
            wrong = read_quantity(<object>item, step_e9, &o.quantity)
            if wrong is not None:
                errors = _note(errors, "quantity", wrong)

        item = _get(order, "order_type")
        if item == NULL:
            errors = _note(errors, "order_type", "is missing")
        else:
            seen += 1
            value = <object>item
            code = TYPE_TABLE.get(value) if isinstance(value, str) else None
            if code is None:
                errors = _note(errors, "order_type", _choices(value, TYPE_TABLE))
            else:
                o.order_type = code
                if not gm_supports_type(o.order_type):
                    errors = _note(errors, "order_type", f"is {_shown(value)}, which no venue here takes yet")

        item = _get(order, "limit_price")
        if item != NULL:
            seen += 1
            value = <object>item
            if value is None:
                item = NULL
            elif o.order_type and not gm_has_limit(o.order_type) and not gm_is_pegged(o.order_type):
                errors = _note(errors, "limit_price", f"is {_shown(value)}, but a {_TYPE_NAMES[o.order_type]} order has none")
            else:
                wrong = read_price(value, tick_e9, &o.limit_price_e9)
                if wrong is not None:
                    errors = _note(errors, "limit_price", wrong)
        if item == NULL and gm_has_limit(o.order_type):
            errors = _note(errors, "limit_price", f"is missing: a {_TYPE_NAMES[o.order_type]} order needs one")

        item = _get(order, "stop_price")
        if item != NULL:
            seen += 1
            value = <object>item
            if value is None:
                item = NULL
            else:
                wrong = read_price(value, tick_e9, &o.stop_price_e9)
                if wrong is not None:
                    errors = _note(errors, "stop_price", wrong)
                elif o.order_type and gm_supports_type(o.order_type) and not gm_has_stop(o.order_type) \
                        and o.order_type != GM_TRAILING_STOP and o.order_type != GM_TRAILING_STOP_LIMIT:
                    errors = _note(errors, "stop_price", f"is {_shown(value)}, but a {_TYPE_NAMES[o.order_type]} order has none")
        if item == NULL and gm_has_stop(o.order_type):
            errors = _note(errors, "stop_price", f"is missing: a {_TYPE_NAMES[o.order_type]} order needs one")

        item = _get(order, "time_in_force")
        if item != NULL:
            seen += 1
            value = <object>item
            code = TIF_TABLE.get(value) if isinstance(value, str) else None
            if code is None:
                errors = _note(errors, "time_in_force", _choices(value, TIF_TABLE))
            else:
                o.time_in_force = code
                if gm_is_for_auction(o.time_in_force) and o.order_type and o.order_type != GM_MARKET and o.order_type != GM_LIMIT:
                    errors = _note(errors, "time_in_force", f"is {_shown(value)}, for an auction: market and limit orders can have it")

        item = _get(order, "display_quantity")
        if item != NULL:
            seen += 1
            value = <object>item
            if value is None:
                item = NULL
            elif o.order_type and o.order_type != GM_ICEBERG:
                errors = _note(errors, "display_quantity", f"is {_shown(value)}, but only an iceberg order has one")
            else:
                wrong = read_quantity(value, step_e9, &o.display_quantity)
                if wrong is not None:
                    errors = _note(errors, "display_quantity", wrong)
                elif o.display_quantity > o.quantity > 0:
                    errors = _note(errors, "display_quantity", f"is {_shown(value)}, must be at most the quantity")
        if item == NULL and o.order_type == GM_ICEBERG:
            errors = _note(errors, "display_quantity", "is missing: an iceberg order needs one")

        if seen != len(order):              # the rarer keys, and keys that nobody knows
            item = _get(order, "strategy")
            if item != NULL:
                seen += 1
                errors, strategy = _read_name(errors, "strategy", <object>item)
            item = _get(order, "tags")
            if item != NULL:
                seen += 1
                value = <object>item
                if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
                    value = ",".join(value) or None
                errors, tags = _read_name(errors, "tags", value)
            item = _get(order, "urgency")
            if item != NULL:
                seen += 1
                value = <object>item
                if value is not None:
                    code = URGENCY_TABLE.get(value) if isinstance(value, str) else None
                    if code is None:
                        errors = _note(errors, "urgency", _choices(value, URGENCY_TABLE))
                    else:
                        o.urgency = code
            item = _get(order, "account")
            if item != NULL:
                seen += 1
                value = <object>item
                if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < GM_MAX_ACCOUNTS:
                    errors = _note(errors, "account", f"is {_shown(value)}, must be an int from 0 to {GM_MAX_ACCOUNTS - 1}")
                else:
                    o.account = value
            item = _get(order, "client_order_id")
            if item != NULL:
                seen += 1
                value = <object>item
                if value is not None:
                    errors = _read_client_order_id(errors, value, o)
            item = _get(order, "post_only")
            if item != NULL:
                seen += 1
                value = <object>item
                if value is not True and value is not False:
                    errors = _note(errors, "post_only", f"is {_shown(value)}, must be True or False")
                elif value is True and o.order_type and not gm_has_limit(o.order_type):
                    errors = _note(errors, "post_only", f"is True, but a {_TYPE_NAMES[o.order_type]} order cannot be")
                elif value is True:
                    o.flags |= GM_POST_ONLY
            if seen != len(order):
                errors = self._read_rare(order, o, terms, errors, &seen)
            if seen != len(order):
                errors = _unknown_keys(errors, order)
        if gm_is_for_auction(o.time_in_force) and (o.terms or o.flags & (GM_POST_ONLY | GM_ALL_OR_NONE | GM_HIDDEN)) \
                and (errors is None or "time_in_force" not in errors):
            name = "OPG" if o.time_in_force == GM_OPG else "CLS"
            errors = _note(errors, "time_in_force", f"is {name!r}, for an auction: no instruction goes with it")
        if o.time_in_force == GM_GTD and not (o.terms and terms.expire_ns) and (errors is None or "expire_time" not in errors):
            errors = _note(errors, "expire_time", "is missing: a GTD order needs one")
        if (o.order_type == GM_TRAILING_STOP or o.order_type == GM_TRAILING_STOP_LIMIT) and not (o.terms and terms.trail_offset) \
                and (errors is None or ("trailing_amount" not in errors and "trailing_bps" not in errors)):
            errors = _note(errors, "trailing_amount", f"is missing: a {_TYPE_NAMES[o.order_type]} order needs trailing_amount or trailing_bps")
        if errors is not None:
            return errors
        if only_check:
            return None
        if strategy is not None:
            o.strategy = self._named(self.strategies, GM_NAME_STRATEGY, strategy)
        if tags is not None:
            o.tag = self._named(self.tags, GM_NAME_TAG, tags)
        return None

    cdef dict _read_rare(self, dict order, gm_order_t* o, gm_terms_t* terms, dict errors, Py_ssize_t* seen):
        """The keys that most orders do not have; `seen` counts those that were there."""
        cdef PyObject* item
        cdef int64_t tick_e9 = 1, step_e9 = 1_000_000_000, amount = 0
        cdef bint trailing = o.order_type == GM_TRAILING_STOP or o.order_type == GM_TRAILING_STOP_LIMIT
        cdef object wrong, value
        memset(terms, 0, sizeof(gm_terms_t))
        if o.symbol >= 0:
            tick_e9 = self.instruments.table.rows[o.symbol].tick_e9
            step_e9 = self.instruments.table.rows[o.symbol].step_e9
        for name, flag in (("reduce_only", GM_REDUCE_ONLY), ("all_or_none", GM_ALL_OR_NONE), ("hidden", GM_HIDDEN)):
            item = _get(order, name)
            if item == NULL:
                continue
            seen[0] += 1
            value = <object>item
            if value is not True and value is not False:
                errors = _note(errors, name, f"is {_shown(value)}, must be True or False")
            elif value:
                o.flags |= <unsigned char><int>flag
        item = _get(order, "venue")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                if isinstance(value, str) and value in self.venues:
                    o.venue = self.venues.index(value)
                else:
                    errors = _note(errors, "venue", _choices(value, self.venues))
        item = _get(order, "peg_offset")
        if item != NULL:
            seen[0] += 1
            errors = _read_peg_offset(errors, <object>item, tick_e9, o, terms)
        item = _get(order, "min_quantity")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                wrong = read_quantity(value, step_e9, &terms.minimum_quantity)
                if wrong is not None:
                    errors = _note(errors, "min_quantity", wrong)
                elif terms.minimum_quantity > o.quantity > 0:
                    errors = _note(errors, "min_quantity", f"is {_shown(value)}, must be at most the quantity")
                else:
                    o.terms = 1
        if o.flags & GM_ALL_OR_NONE or terms.minimum_quantity > 0:
            field = "all_or_none" if o.flags & GM_ALL_OR_NONE else "min_quantity"
            if gm_is_pegged(o.order_type) and o.venue >= 0:
                o.terms = 1                             # its venue's to do; one that cannot is refused
            elif gm_is_pegged(o.order_type):
                errors = _note(errors, field, "of a pegged order is its venue's to see to: name one that takes it as venue")
            elif o.order_type and o.order_type != GM_LIMIT and o.order_type != GM_MARKET:
                errors = _note(errors, field, f"does not go with a {_TYPE_NAMES[o.order_type]} order; market and limit orders can have it")
            elif o.flags & GM_POST_ONLY:
                errors = _note(errors, field, "does not go with post_only: such an order takes, or waits in the engine")
            elif o.time_in_force == GM_IOC and o.flags & GM_ALL_OR_NONE:
                o.time_in_force = GM_FOK                # at once and all of it: that is what FOK says
            elif o.time_in_force == GM_FOK:
                terms.minimum_quantity = 0              # all of it anyway
            elif o.time_in_force == GM_IOC:
                errors = _note(errors, field, "does not go with IOC; FOK takes all of it at once")
            else:
                o.terms = 1
                o.flags |= GM_PARENT
                terms.worked = GM_WORK_WHOLE
        if o.venue >= 0 and gm_is_triggered(o.order_type):
            errors = _note(errors, "venue", f"does not go with a {_TYPE_NAMES[o.order_type]} order, which the engine holds, and routes in time")
        item = _get(order, "expire_time")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                wrong = _read_time(value, &terms.expire_ns)
                if wrong is not None:
                    errors = _note(errors, "expire_time", wrong)
                elif o.time_in_force != GM_GTD:
                    errors = _note(errors, "expire_time", f"is {_shown(value)}, but only a GTD order has one")
                else:
                    o.terms = 1
        item = _get(order, "trigger")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                code = TRIGGER_TABLE.get(value) if isinstance(value, str) else None
                if code is None:
                    errors = _note(errors, "trigger", _choices(value, TRIGGER_TABLE))
                elif o.order_type and not gm_is_triggered(o.order_type):
                    errors = _note(errors, "trigger", f"is {_shown(value)}, but a {_TYPE_NAMES[o.order_type]} order waits for none")
                else:
                    terms.trigger = code
                    o.terms = 1
        for name, unit in (("trailing_amount", GM_TRAIL_AMOUNT), ("trailing_bps", GM_TRAIL_BPS)):
            item = _get(order, name)
            if item == NULL:
                continue
            seen[0] += 1
            value = <object>item
            if value is None:
                continue
            wrong = read_price(value, tick_e9 if unit == GM_TRAIL_AMOUNT else 10_000, &amount)
            if wrong is not None:
                errors = _note(errors, name, wrong)
            elif o.order_type and not trailing:
                errors = _note(errors, name, f"is {_shown(value)}, but only trailing stops have one")
            elif terms.trail_unit:
                errors = _note(errors, name, "is there together with trailing_amount; one of them is right")
            elif unit == GM_TRAIL_BPS and amount >= 10_000 * 1_000_000_000:
                errors = _note(errors, name, f"is {_shown(value)}, must be below 10000")
            else:
                terms.trail_unit = unit
                terms.trail_offset = amount if unit == GM_TRAIL_AMOUNT else amount // 10_000      # bps to a fraction in 1e-9
                o.terms = 1
        item = _get(order, "limit_offset")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                if isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0:
                    wrong = None
                else:
                    wrong = read_price(value, tick_e9, &terms.limit_offset_e9)
                if wrong is not None:
                    errors = _note(errors, "limit_offset", wrong)
                elif o.order_type and o.order_type != GM_TRAILING_STOP_LIMIT:
                    errors = _note(errors, "limit_offset", f"is {_shown(value)}, but only a trailing_stop_limit order has one")
                else:
                    o.terms = 1
        item = _get(order, "display_spread")
        if item != NULL:
            seen[0] += 1
            value = <object>item
            if value is not None:
                if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or (isinstance(value, Decimal) and value.is_nan()) \
                        or not 0 <= value < 1:
                    errors = _note(errors, "display_spread", f"is {_shown(value)}, must be a number from 0 to below 1")
                elif o.order_type and o.order_type != GM_ICEBERG:
                    errors = _note(errors, "display_spread", f"is {_shown(value)}, but only an iceberg order has one")
                elif value > 0 and o.venue >= 0:
                    errors = _note(errors, "display_spread", "does not go with venue: the engine works such an iceberg, and routes each part")
                elif value > 0:
                    terms.display_spread_e9 = <unsigned int>int(value * 1_000_000_000)
                    terms.worked = GM_WORK_ICEBERG
                    o.flags |= GM_PARENT
                    o.terms = 1
        return errors

    def check(self, order):
        """{field: [messages]} of what is wrong with `order`, empty when nothing is; nothing is recorded."""
        cdef gm_order_t o
        cdef gm_terms_t terms
        return self.read(order, &o, &terms, True) or {}

    def terms(self, order):
        """An order's terms in the core's units, for what-ifs; the order must be right (`check`)."""
        cdef gm_order_t o
        cdef gm_terms_t terms
        if self.read(order, &o, &terms, True):
            raise ValueError("the order is wrong; check() says how")
        return {
            "symbol": o.symbol, "side": o.side, "quantity": o.quantity, "flags": o.flags,
            "limit_price_e9": None if o.limit_price_e9 == GM_NO_PRICE else o.limit_price_e9,
            "order_type": o.order_type, "time_in_force": o.time_in_force, "venue": o.venue,
        }

    def _unknown_symbol(self, value):
        from difflib import get_close_matches

        if not isinstance(value, str):
            return f"is {_shown(value)}, must be a str"
        near = get_close_matches(value.upper(), list(self.instruments.symbols), 3, 0.4)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        return f"is {_shown(value)}, which is not known{hint}. Add it under `instruments:` in the configuration"
