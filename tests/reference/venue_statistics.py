"""What is learned of venues, from a log's records in plain Python (cext/include/venue_statistics.h has the words)."""

from __future__ import annotations

NO_PRICE = -(2**63)
ORDER, DECISION, REPORT = 2, 3, 4
NEW, TRADE, CANCELED, REJECTED, EXPIRED, STATUS = 1, 2, 3, 5, 6, 10
CLOSED = {"FILLED", "CANCELED", "REJECTED", "EXPIRED"}
SECOND = 1_000_000_000


class Mean:
    def __init__(self, half_life):
        self.least, self.count, self.value = 1.0 - 2.0 ** (-1.0 / half_life), 0, 0.0

    def add(self, x):
        self.count += 1
        self.value += max(1.0 / self.count, self.least) * (x - self.value)


#: The sizes that a DECISION record can tell, by code: eight to each power of two, rounded up.
SHOWN = [0, *(-(-(8 + part) * 2**octave // 8) for octave in range(32) for part in range(8))]


def learn(records, is_closed, half_life=100.0):
    """{(symbol, venue): {figure: Mean}} from (kind, row) records in order; `is_closed(status number)`."""
    venues, orders, last, waiting, decided, beyond = {}, {}, {}, {}, {}, {}
    variances = {}

    def of(symbol, venue):
        if (symbol, venue) not in venues:
            names = ("latency", "reject_rate", "rest", "take", "time", "cost", "added", "removed", "hidden")
            venues[symbol, venue] = {name: Mean(half_life) for name in names}
        return venues[symbol, venue]

    def quote(symbol, mid, now):
        for key in [key for key in waiting if key[0] == symbol]:
            fills = waiting[key]
            if now - max(time for time, *_ in fills) < SECOND:
                continue
            for name, removed in (("added", False), ("removed", True)):
                mine = [(q, s, m) for _, q, s, m, r in fills if r == removed]
                if mine:
                    base = fills[0][3]
                    moved = sum(q * s * (mid - m) for q, s, m in mine)
                    of(*key)[name].add(moved / (sum(q for q, *_ in mine) * base))
            del waiting[key]
        then = last.get(symbol)
        if then is None or now - then[1] >= SECOND:
            if then is not None and now - then[1] <= 600 * SECOND:
                change = (mid - then[0]) / then[0]
                variances.setdefault(symbol, Mean(half_life)).add(change * change / ((now - then[1]) / SECOND))
            last[symbol] = (mid, now)

    for kind, row in records:
        if kind == DECISION:
            decided[int(row["order_id"])] = SHOWN[int(row["shown"])]
        if kind == ORDER:
            if decided.get(int(row["order_id"])):
                beyond[int(row["symbol"]), int(row["venue"])] = int(row["order_id"])
            order = {name: int(row[name]) for name in ("symbol", "venue", "side", "quantity", "limit_price_e9", "flags",
                     "time_in_force", "sent_ns", "created_ns", "arrival_mid_e9", "status")}  # fmt: skip
            order |= {"filled": 0, "answered": False}
            orders[int(row["order_id"])] = order
            if order["arrival_mid_e9"] != NO_PRICE:
                quote(order["symbol"], order["arrival_mid_e9"], order["created_ns"])
        if kind != REPORT or int(row["order_id"]) not in orders or int(row["status"]) == 0:
            continue
        order, now, what = orders[int(row["order_id"])], int(row["venue_time_ns"]), int(row["exec_type"])
        if order["flags"] & 16 or order["flags"] & 128:
            continue
        bid, ask = int(row["bid_e9"]), int(row["ask_e9"])
        mid = None if NO_PRICE in (bid, ask) else bid + (ask - bid) // 2
        if mid is not None:
            quote(order["symbol"], mid, now)
        found = of(order["symbol"], order["venue"])
        took = order["time_in_force"] in (IOC, FOK) or order["limit_price_e9"] == NO_PRICE
        if not order["answered"] and what != STATUS:
            found["latency"].add((now - order["sent_ns"]) / SECOND)
            found["reject_rate"].add(what == REJECTED)
            order["answered"] = True
        ends = is_closed(int(row["status"])) and not is_closed(order["status"])
        if what == TRADE:
            quantity, price = int(row["quantity"]), int(row["price_e9"])
            if not took:
                found["time"].add((now - order["sent_ns"]) / SECOND)
            if order["arrival_mid_e9"] != NO_PRICE:
                cost = order["side"] * (price - order["arrival_mid_e9"]) + int(row["fee_e9"]) / quantity
                found["cost"].add(cost / order["arrival_mid_e9"])
            key = order["symbol"], order["venue"]
            if mid is not None and (key not in waiting or now - waiting[key][0][0] < SECOND):
                fill = (now, quantity, order["side"], mid, int(row["liquidity"]) == 2)
                waiting.setdefault(key, []).append(fill)
            order["filled"] += quantity
        if ends and what != REJECTED:
            found["take" if took else "rest"].add(order["filled"] / order["quantity"])
            if beyond.get((order["symbol"], order["venue"])) == int(row["order_id"]):
                found["hidden"].add(max(0, order["filled"] - decided[int(row["order_id"])]))
        order["status"] = int(row["status"])
    return venues, variances


IOC, FOK = 3, 4
