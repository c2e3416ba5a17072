"""The split of a marketable quantity, from the rule in plain Python (see cext/include/split.h for the words)."""

from __future__ import annotations


def split(venues, side, quantity, limit, rest):
    """[(name, quantity, price)] and the residual. Rows as of `reference.scoring.choose`."""
    key, size = ("ask", "ask_size") if side > 0 else ("bid", "bid_size")
    able = [
        (side * v[key], v["take"], v["priority"], index, v)
        for index, v in enumerate(venues)
        if v["kind"] in ("exchange", "ecn") and v["enabled"] and v[key] is not None and v[size] > 0
        and (limit is None or side * v[key] <= side * limit)
    ]  # fmt: skip
    legs, left, bound, last = [], quantity, None, None
    for rank, _, _, _, v in sorted(able, key=lambda row: row[:4]):
        if left == 0 or (bound is not None and rank > bound):
            break
        take = min(left, v[size])
        if take < v["smallest"]:
            continue
        pieces = -(-take // v["largest"]) if v["largest"] else 1
        if pieces > 1 and take // pieces < v["smallest"]:  # the last piece would be too small
            pieces -= 1
            take, bound = pieces * v["largest"], rank
        if pieces > 64 - len(legs):
            pieces = 64 - len(legs)
            take, bound = min(take, pieces * v["largest"]), rank
        legs += [[v["name"], take // pieces + (p < take % pieces), v[key]] for p in range(pieces)]
        left -= take
        last = v if pieces else last
    if rest and left and legs:
        more = min(left, max(0, last["largest"] - legs[-1][1])) if last["largest"] else left
        legs[-1][1] += more
        left -= more
    return [tuple(leg) for leg in legs], left
