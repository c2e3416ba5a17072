"""The choice of a venue, written from the rule in plain Python (see cext/include/scoring.h for the rule's words)."""

from __future__ import annotations


def choose(venues, side, quantity, limit, post_only, retail=False):
    """(name, cost per unit in 1e-9, takes?) of the venue an order goes to; (None, None, takes) when there is none.
    `retail`: wholesalers compete for what takes, inside the touch by `improvement` (1e-9 of the mid), to the mid."""
    shown = [v for v in venues if v["kind"] in ("exchange", "ecn")]
    bids = [v["bid"] for v in shown if v["bid"] is not None]
    asks = [v["ask"] for v in shown if v["ask"] is not None]
    best_bid, best_ask = max(bids, default=None), min(asks, default=None)
    mid = None if best_bid is None or best_ask is None else best_bid + (best_ask - best_bid) // 2
    far = best_ask if side > 0 else best_bid
    takes = not post_only and far is not None and (limit is None or (limit >= far if side > 0 else limit <= far))
    able = [
        v for v in shown
        if v["enabled"] and quantity >= v["smallest"] and (v["largest"] == 0 or quantity <= v["largest"])
    ]  # fmt: skip
    key = "ask" if side > 0 else "bid"
    if takes:
        able = [v for v in able if v[key] is not None]
        if able:
            best = min((v[key] for v in able), key=lambda price: side * price)
            able = [v for v in able if v[key] == best]
    scored = []
    if takes and retail and mid is not None and best_bid < best_ask and able:
        able += [
            v for v in venues if v["kind"] == "wholesaler" and v["enabled"] and quantity >= v["smallest"]
            and (v["largest"] == 0 or quantity <= v["largest"])
        ]  # fmt: skip
        able.sort(key=venues.index)
    for index, v in enumerate(able):
        if v["kind"] == "wholesaler":
            price = far - side * (mid * v["improvement"] // 10**9)
            price = max(price, mid) if side > 0 else min(price, mid)
            cost = v["take"] + side * (price - mid)
        elif takes:
            cost = v["take"] + (0 if mid is None else side * (v[key] - mid))
            missing = max(0, quantity - v[f"{key}_size"])
            if mid is not None:
                half = (best_ask - best_bid) // 2
                product = half * missing
                cost += abs(product) // quantity * (1 if product >= 0 else -1)
        elif limit is None:
            cost = v["take"]
        else:
            cost = v["make"] + (0 if mid is None else side * (limit - mid))
        scored.append((cost, v["priority"], index, v["name"]))
    if not scored:
        return None, None, takes
    cost, _, _, name = min(scored)
    return name, cost, takes
