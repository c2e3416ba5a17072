"""The quote that stands at a time, by looking through all of them."""

UNKNOWN = -(2**63)
NONE, NO_BID, NO_ASK, CROSSED, OLD, AFTER = 1, 2, 4, 8, 16, 32


def standing(quotes, at, end=None, max_age=None):
    """(mid, reason, index) of the last quote of one symbol at or before a time; quotes are (time, bid, ask)."""
    index = -1
    for k, (time, _, _) in enumerate(quotes):
        if time <= at:
            index = k
    reason = AFTER if end is not None and at > end else 0
    if index < 0:
        return UNKNOWN, reason | NONE, -1
    time, bid, ask = quotes[index]
    if bid <= 0:
        reason |= NO_BID
    if ask <= 0:
        reason |= NO_ASK
    if bid > 0 and ask > 0 and bid > ask:
        reason |= CROSSED
    if max_age is not None and at - time > max_age:
        reason |= OLD
    return (UNKNOWN if reason else (bid + ask) // 2), reason, index
