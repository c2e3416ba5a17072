# cython: language_level=3
"""The engine's rows as NumPy dtypes, made from the C structs themselves (cext/include/records.h).

Field names end in their unit: `_e9` is 1e-9 of the quote currency, `_ns` nanoseconds since the Unix epoch (UTC);
quantities are in the instrument's quantity steps. `NO_PRICE` marks an absent price.
"""
import numpy as np


NO_PRICE = GM_NO_PRICE


def struct_dtype(size_t size, fields):
    """A structured dtype with C's own offsets; what no field covers is padding."""
    names, formats, offsets = zip(*fields)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


# One instance of each struct: offsets are differences of addresses in it.

cdef gm_order_t _order
cdef gm_terms_t _terms
cdef gm_latch_t _latch
cdef gm_limit_change_t _limit
cdef gm_session_t _session
cdef gm_report_t _report
cdef gm_decision_t _decision
cdef gm_refusal_t _refusal
cdef gm_request_t _request
cdef gm_name_t _name
cdef gm_balance_t _balance
cdef gm_header_t _header
cdef gm_message_t _message
cdef gm_command_t _command
cdef gm_quote_t _quote

#: An order: its terms, state and stamps (gm_order_t).
ORDER_DTYPE = struct_dtype(sizeof(gm_order_t), [
    ("order_id", "<i8", <char*>&_order.order_id - <char*>&_order),
    ("parent_id", "<i8", <char*>&_order.parent_id - <char*>&_order),
    ("quantity", "<i8", <char*>&_order.quantity - <char*>&_order),
    ("filled_quantity", "<i8", <char*>&_order.filled_quantity - <char*>&_order),
    ("leaves_quantity", "<i8", <char*>&_order.leaves_quantity - <char*>&_order),
    ("working_quantity", "<i8", <char*>&_order.working_quantity - <char*>&_order),
    ("limit_price_e9", "<i8", <char*>&_order.limit_price_e9 - <char*>&_order),
    ("stop_price_e9", "<i8", <char*>&_order.stop_price_e9 - <char*>&_order),
    ("display_quantity", "<i8", <char*>&_order.display_quantity - <char*>&_order),
    ("reserve_price_e9", "<i8", <char*>&_order.reserve_price_e9 - <char*>&_order),
    ("notional_lo", "<u8", <char*>&_order.notional_lo - <char*>&_order),
    ("notional_hi", "<i8", <char*>&_order.notional_hi - <char*>&_order),
    ("fees_e9", "<i8", <char*>&_order.fees_e9 - <char*>&_order),
    ("created_ns", "<i8", <char*>&_order.created_ns - <char*>&_order),
    ("sent_ns", "<i8", <char*>&_order.sent_ns - <char*>&_order),
    ("acknowledged_ns", "<i8", <char*>&_order.acknowledged_ns - <char*>&_order),
    ("updated_ns", "<i8", <char*>&_order.updated_ns - <char*>&_order),
    ("arrival_mid_e9", "<i8", <char*>&_order.arrival_mid_e9 - <char*>&_order),
    ("symbol", "<i4", <char*>&_order.symbol - <char*>&_order),
    ("account", "<i4", <char*>&_order.account - <char*>&_order),
    ("strategy", "<i4", <char*>&_order.strategy - <char*>&_order),
    ("algorithm", "<i4", <char*>&_order.algorithm - <char*>&_order),
    ("tag", "<i4", <char*>&_order.tag - <char*>&_order),
    ("venue", "<i4", <char*>&_order.venue - <char*>&_order),
    ("side", "i1", <char*>&_order.side - <char*>&_order),
    ("order_type", "u1", <char*>&_order.order_type - <char*>&_order),
    ("time_in_force", "u1", <char*>&_order.time_in_force - <char*>&_order),
    ("status", "u1", <char*>&_order.status - <char*>&_order),
    ("urgency", "u1", <char*>&_order.urgency - <char*>&_order),
    ("flags", "u1", <char*>&_order.flags - <char*>&_order),
    ("reason", "<u2", <char*>&_order.reason - <char*>&_order),
    ("client_order_id", f"S{sizeof(_order.client_order_id)}", <char*>_order.client_order_id - <char*>&_order),
    ("terms", "<u4", <char*>&_order.terms - <char*>&_order),
    ("pending_price_e9", "<i8", <char*>&_order.pending_price_e9 - <char*>&_order),
])

#: The rarer terms of an order (gm_terms_t).
TERMS_DTYPE = struct_dtype(sizeof(gm_terms_t), [
    ("order_id", "<i8", <char*>&_terms.order_id - <char*>&_terms),
    ("expire_ns", "<i8", <char*>&_terms.expire_ns - <char*>&_terms),
    ("minimum_quantity", "<i8", <char*>&_terms.minimum_quantity - <char*>&_terms),
    ("trail_offset", "<i8", <char*>&_terms.trail_offset - <char*>&_terms),
    ("limit_offset_e9", "<i8", <char*>&_terms.limit_offset_e9 - <char*>&_terms),
    ("list_id", "<i8", <char*>&_terms.list_id - <char*>&_terms),
    ("display_spread_e9", "<u4", <char*>&_terms.display_spread_e9 - <char*>&_terms),
    ("trigger", "u1", <char*>&_terms.trigger - <char*>&_terms),
    ("trail_unit", "u1", <char*>&_terms.trail_unit - <char*>&_terms),
    ("contingency", "u1", <char*>&_terms.contingency - <char*>&_terms),
    ("list_count", "u1", <char*>&_terms.list_count - <char*>&_terms),
    ("worked", "u1", <char*>&_terms.worked - <char*>&_terms),
    ("waiting", "u1", <char*>&_terms.waiting - <char*>&_terms),
])

#: A venue's word on an order; a fill has exec_type TRADE (gm_report_t).
REPORT_DTYPE = struct_dtype(sizeof(gm_report_t), [
    ("order_id", "<i8", <char*>&_report.order_id - <char*>&_report),
    ("execution_id", "<i8", <char*>&_report.execution_id - <char*>&_report),
    ("price_e9", "<i8", <char*>&_report.price_e9 - <char*>&_report),
    ("quantity", "<i8", <char*>&_report.quantity - <char*>&_report),
    ("fee_e9", "<i8", <char*>&_report.fee_e9 - <char*>&_report),
    ("venue_time_ns", "<i8", <char*>&_report.venue_time_ns - <char*>&_report),
    ("bid_e9", "<i8", <char*>&_report.bid_e9 - <char*>&_report),
    ("ask_e9", "<i8", <char*>&_report.ask_e9 - <char*>&_report),
    ("filled_quantity", "<i8", <char*>&_report.filled_quantity - <char*>&_report),
    ("leaves_quantity", "<i8", <char*>&_report.leaves_quantity - <char*>&_report),
    ("venue", "<i4", <char*>&_report.venue - <char*>&_report),
    ("symbol", "<i4", <char*>&_report.symbol - <char*>&_report),
    ("side", "i1", <char*>&_report.side - <char*>&_report),
    ("exec_type", "u1", <char*>&_report.exec_type - <char*>&_report),
    ("liquidity", "u1", <char*>&_report.liquidity - <char*>&_report),
    ("status", "u1", <char*>&_report.status - <char*>&_report),
    ("reason", "<u2", <char*>&_report.reason - <char*>&_report),
    ("account", "<u2", <char*>&_report.account - <char*>&_report),
])

#: What a routing decision saw (gm_decision_t).
DECISION_DTYPE = struct_dtype(sizeof(gm_decision_t), [
    ("order_id", "<i8", <char*>&_decision.order_id - <char*>&_decision),
    ("feed_sequence", "<i8", <char*>&_decision.feed_sequence - <char*>&_decision),
    ("bid_e9", "<i8", <char*>&_decision.bid_e9 - <char*>&_decision),
    ("ask_e9", "<i8", <char*>&_decision.ask_e9 - <char*>&_decision),
    ("expected_price_e9", "<i8", <char*>&_decision.expected_price_e9 - <char*>&_decision),
    ("config_hash", "<u8", <char*>&_decision.config_hash - <char*>&_decision),
    ("checks", "<u8", <char*>&_decision.checks - <char*>&_decision),
    ("score", "<f4", <char*>&_decision.score - <char*>&_decision),
    ("runner_up_score", "<f4", <char*>&_decision.runner_up_score - <char*>&_decision),
    ("bid_venue", "i1", <char*>&_decision.bid_venue - <char*>&_decision),
    ("ask_venue", "i1", <char*>&_decision.ask_venue - <char*>&_decision),
    ("venue", "i1", <char*>&_decision.venue - <char*>&_decision),
    ("runner_up", "i1", <char*>&_decision.runner_up - <char*>&_decision),
    ("candidates", "u1", <char*>&_decision.candidates - <char*>&_decision),
    ("shown", "u1", <char*>&_decision.shown - <char*>&_decision),
    ("scores", f"({GM_DECISION_VENUES},)<u2", <char*>_decision.scores - <char*>&_decision),
])

#: A refused order (gm_refusal_t).
REFUSAL_DTYPE = struct_dtype(sizeof(gm_refusal_t), [
    ("order_id", "<i8", <char*>&_refusal.order_id - <char*>&_refusal),
    ("quantity", "<i8", <char*>&_refusal.quantity - <char*>&_refusal),
    ("price_e9", "<i8", <char*>&_refusal.price_e9 - <char*>&_refusal),
    ("parent_id", "<i8", <char*>&_refusal.parent_id - <char*>&_refusal),
    ("failed_checks", "<u8", <char*>&_refusal.failed_checks - <char*>&_refusal),
    ("failed_fields", "<u8", <char*>&_refusal.failed_fields - <char*>&_refusal),
    ("bid_e9", "<i8", <char*>&_refusal.bid_e9 - <char*>&_refusal),
    ("ask_e9", "<i8", <char*>&_refusal.ask_e9 - <char*>&_refusal),
    ("feed_sequence", "<i8", <char*>&_refusal.feed_sequence - <char*>&_refusal),
    ("limit_price_e9", "<i8", <char*>&_refusal.limit_price_e9 - <char*>&_refusal),
    ("symbol", "<i4", <char*>&_refusal.symbol - <char*>&_refusal),
    ("account", "<i4", <char*>&_refusal.account - <char*>&_refusal),
    ("side", "i1", <char*>&_refusal.side - <char*>&_refusal),
    ("order_type", "u1", <char*>&_refusal.order_type - <char*>&_refusal),
    ("reason", "<u2", <char*>&_refusal.reason - <char*>&_refusal),
    ("time_in_force", "u1", <char*>&_refusal.time_in_force - <char*>&_refusal),
    ("flags", "u1", <char*>&_refusal.flags - <char*>&_refusal),
    ("venue", "<i2", <char*>&_refusal.venue - <char*>&_refusal),
])

#: A cancel, replace or close of a live order (gm_request_t).
REQUEST_DTYPE = struct_dtype(sizeof(gm_request_t), [
    ("order_id", "<i8", <char*>&_request.order_id - <char*>&_request),
    ("quantity", "<i8", <char*>&_request.quantity - <char*>&_request),
    ("price_e9", "<i8", <char*>&_request.price_e9 - <char*>&_request),
    ("kind", "<u2", <char*>&_request.kind - <char*>&_request),
    ("reason", "<u2", <char*>&_request.reason - <char*>&_request),
    ("venue", "<i4", <char*>&_request.venue - <char*>&_request),
    ("status", "u1", <char*>&_request.status - <char*>&_request),
    ("asked", "u1", <char*>_request.reserved_bytes - <char*>&_request),
    ("stop_price_e9", "<i8", <char*>&_request.stop_price_e9 - <char*>&_request),
])

#: A latch set or reset (gm_latch_t).
LATCH_DTYPE = struct_dtype(sizeof(gm_latch_t), [
    ("scope", "<i4", <char*>&_latch.scope - <char*>&_latch),
    ("target", "<i4", <char*>&_latch.target - <char*>&_latch),
    ("action", "<u2", <char*>&_latch.action - <char*>&_latch),
    ("number", "<u2", <char*>&_latch.number - <char*>&_latch),
    ("name", f"S{sizeof(_latch.name)}", <char*>_latch.name - <char*>&_latch),
    ("reason", f"S{sizeof(_latch.reason)}", <char*>_latch.reason - <char*>&_latch),
])

#: A limit that changed (gm_limit_change_t).
LIMIT_DTYPE = struct_dtype(sizeof(gm_limit_change_t), [
    ("old_lo", "<u8", <char*>&_limit.old_lo - <char*>&_limit),
    ("old_hi", "<i8", <char*>&_limit.old_hi - <char*>&_limit),
    ("new_lo", "<u8", <char*>&_limit.new_lo - <char*>&_limit),
    ("new_hi", "<i8", <char*>&_limit.new_hi - <char*>&_limit),
    ("had", "u1", <char*>&_limit.had - <char*>&_limit),
    ("has", "u1", <char*>&_limit.has - <char*>&_limit),
    ("loosens", "u1", <char*>&_limit.loosens - <char*>&_limit),
    ("refused", "u1", <char*>&_limit.refused - <char*>&_limit),
    ("name", f"S{sizeof(_limit.name)}", <char*>_limit.name - <char*>&_limit),
    ("who", f"S{sizeof(_limit.who)}", <char*>_limit.who - <char*>&_limit),
    ("why", f"S{sizeof(_limit.why)}", <char*>_limit.why - <char*>&_limit),
])

#: The end of a trading day (gm_session_t).
SESSION_DTYPE = struct_dtype(sizeof(gm_session_t), [
    ("calendar", "<i4", <char*>&_session.calendar - <char*>&_session),
    ("close_ns", "<i8", <char*>&_session.close_ns - <char*>&_session),
    ("next_close_ns", "<i8", <char*>&_session.next_close_ns - <char*>&_session),
])

#: A name and its number (gm_name_t).
NAME_DTYPE = struct_dtype(sizeof(gm_name_t), [
    ("id", "<i4", <char*>&_name.id - <char*>&_name),
    ("kind", "<u2", <char*>&_name.kind - <char*>&_name),
    ("length", "<u2", <char*>&_name.length - <char*>&_name),
    ("text", f"S{sizeof(_name.text)}", <char*>_name.text - <char*>&_name),
    ("value", "<i8", <char*>&_name.value - <char*>&_name),
    ("value2", "<i8", <char*>&_name.value2 - <char*>&_name),
])

#: What an account begins with (gm_balance_t).
BALANCE_DTYPE = struct_dtype(sizeof(gm_balance_t), [
    ("account", "<i4", <char*>&_balance.account - <char*>&_balance),
    ("symbol", "<i4", <char*>&_balance.symbol - <char*>&_balance),
    ("quantity", "<i8", <char*>&_balance.quantity - <char*>&_balance),
    ("mark_e9", "<i8", <char*>&_balance.mark_e9 - <char*>&_balance),
    ("cash_lo", "<u8", <char*>&_balance.cash_lo - <char*>&_balance),
    ("cash_hi", "<i8", <char*>&_balance.cash_hi - <char*>&_balance),
    ("traded_lo", "<u8", <char*>&_balance.traded_lo - <char*>&_balance),
    ("traded_hi", "<i8", <char*>&_balance.traded_hi - <char*>&_balance),
    ("orders_today", "<i8", <char*>&_balance.orders_today - <char*>&_balance),
])

#: The head of every journal record (gm_header_t).
HEADER_DTYPE = struct_dtype(sizeof(gm_header_t), [
    ("commit", "<u8", <char*>&_header.commit - <char*>&_header),
    ("crc32c", "<u4", <char*>&_header.crc32c - <char*>&_header),
    ("kind", "<u2", <char*>&_header.kind - <char*>&_header),
    ("size", "<u2", <char*>&_header.size - <char*>&_header),
    ("time_ns", "<i8", <char*>&_header.time_ns - <char*>&_header),
    ("order_id", "<i8", <char*>&_header.order_id - <char*>&_header),
])

#: A market data message (gm_message_t).
MESSAGE_DTYPE = struct_dtype(sizeof(gm_message_t), [
    ("time_ns", "<i8", <char*>&_message.time_ns - <char*>&_message),
    ("order_id", "<i8", <char*>&_message.order_id - <char*>&_message),
    ("price_e9", "<i8", <char*>&_message.price_e9 - <char*>&_message),
    ("quantity", "<i8", <char*>&_message.quantity - <char*>&_message),
    ("sequence", "<i8", <char*>&_message.sequence - <char*>&_message),
    ("counterparty", "<i8", <char*>&_message.counterparty - <char*>&_message),
    ("symbol", "<i4", <char*>&_message.symbol - <char*>&_message),
    ("venue", "<i4", <char*>&_message.venue - <char*>&_message),
    ("action", "u1", <char*>&_message.action - <char*>&_message),
    ("side", "i1", <char*>&_message.side - <char*>&_message),
    ("flags", "u1", <char*>&_message.flags - <char*>&_message),
    ("level", "u1", <char*>&_message.level - <char*>&_message),
])

#: A command to a matching engine (gm_command_t).
COMMAND_DTYPE = struct_dtype(sizeof(gm_command_t), [
    ("order_id", "<i8", <char*>&_command.order_id - <char*>&_command),
    ("price_e9", "<i8", <char*>&_command.price_e9 - <char*>&_command),
    ("quantity", "<i8", <char*>&_command.quantity - <char*>&_command),
    ("display_quantity", "<i8", <char*>&_command.display_quantity - <char*>&_command),
    ("time_ns", "<i8", <char*>&_command.time_ns - <char*>&_command),
    ("kind", "u1", <char*>&_command.kind - <char*>&_command),
    ("side", "i1", <char*>&_command.side - <char*>&_command),
    ("time_in_force", "u1", <char*>&_command.time_in_force - <char*>&_command),
    ("flags", "u1", <char*>&_command.flags - <char*>&_command),
])

#: Best bid and offer of a symbol at a venue (gm_quote_t).
QUOTE_DTYPE = struct_dtype(sizeof(gm_quote_t), [
    ("bid_e9", "<i8", <char*>&_quote.bid_e9 - <char*>&_quote),
    ("ask_e9", "<i8", <char*>&_quote.ask_e9 - <char*>&_quote),
    ("bid_quantity", "<i8", <char*>&_quote.bid_quantity - <char*>&_quote),
    ("ask_quantity", "<i8", <char*>&_quote.ask_quantity - <char*>&_quote),
    ("time_ns", "<i8", <char*>&_quote.time_ns - <char*>&_quote),
    ("sequence", "<i8", <char*>&_quote.sequence - <char*>&_quote),
    ("last_e9", "<i8", <char*>&_quote.last_e9 - <char*>&_quote),
    ("volume", "<i8", <char*>&_quote.volume - <char*>&_quote),
])


def _record_dtype(payload, size_t size):
    """A whole journal record: the header's fields, then the payload's under "row"."""
    return np.dtype({
        "names": ("header", "row"), "formats": (HEADER_DTYPE, payload),
        "offsets": (0, HEADER_DTYPE.itemsize), "itemsize": size,
    })


#: The dtype of a whole journal record by its kind.
RECORD_DTYPES = {
    int(GM_RECORD_NAME): _record_dtype(NAME_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_ORDER): _record_dtype(ORDER_DTYPE, GM_RECORD_LARGE),
    int(GM_RECORD_DECISION): _record_dtype(DECISION_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_REPORT): _record_dtype(REPORT_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_REFUSAL): _record_dtype(REFUSAL_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_REQUEST): _record_dtype(REQUEST_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_BALANCE): _record_dtype(BALANCE_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_TERMS): _record_dtype(TERMS_DTYPE, GM_RECORD_SMALL),
    int(GM_RECORD_LATCH): _record_dtype(LATCH_DTYPE, GM_RECORD_LARGE),
    int(GM_RECORD_LIMIT): _record_dtype(LIMIT_DTYPE, GM_RECORD_LARGE),
    int(GM_RECORD_SESSION): _record_dtype(SESSION_DTYPE, GM_RECORD_SMALL),
}

#: Reasons (values.Reason) of reports that are in the log for what they say alone.
VOID_REASONS = frozenset({int(GM_REASON_DUPLICATE_EXECUTION), int(GM_REASON_UNKNOWN_EXECUTION), int(GM_REASON_UNSOUND_REPORT)})
cdef object _VOID = np.array(sorted(VOID_REASONS), np.uint16)


def is_booked(reports):
    """Which rows of REPORT_DTYPE have changed their order: an array of bool.

    Not those of what was told before, of what nobody knows, and of what cannot be: these are in the log for what they say alone.
    """
    return (reports["status"] != 0) & ~np.isin(reports["reason"], _VOID)
