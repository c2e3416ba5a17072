"""What the orders of a journal cost, record by record, in plain Python: from the rules, without arrays."""

from __future__ import annotations

from reference.costs import UNKNOWN, shortfall

NAME, ORDER, DECISION, REPORT, REFUSAL, REQUEST = 1, 2, 3, 4, 5, 6
TRADE, REPLACED, TRADE_CANCEL, TRADE_CORRECT = 2, 4, 8, 9
VOID = (412, 415, 418)  # told twice, of nothing known, unsound
CLOSED = (4, 7, 8, 9)


class Order:
    def __init__(self, row):
        self.row = {name: int(row[name]) for name in row.dtype.names if name != "client_order_id"}
        self.quantity = self.row["quantity"]
        self.status, self.end_ns = self.row["status"], 0
        self.fills = {}  # (venue, execution id) -> (quantity, price, fee, bid, ask, time)
        self.children = []


def read(journal):
    """{order id: Order} of a journal."""
    orders = {}
    taken_back = {}
    for _, kind, record in journal.scan():
        row, when = record["row"], int(record["header"]["time_ns"])
        if kind == ORDER:
            one = orders[int(row["order_id"])] = Order(row)
            if one.row["parent_id"]:
                orders[one.row["parent_id"]].children.append(one)
        elif kind == REQUEST and int(row["order_id"]) in orders:
            one = orders[int(row["order_id"])]
            if int(row["kind"]) in (6, 9) and row["quantity"] > 0:
                one.quantity = int(row["quantity"])
            if row["status"] and int(row["kind"]) != 10:
                become(one, int(row["status"]), when)
        elif kind == REPORT and row["status"] and int(row["reason"]) not in VOID and int(row["order_id"]) in orders:
            one = orders[int(row["order_id"])]
            key = (int(row["venue"]), int(row["execution_id"]))
            named = (int(row["venue"]), int(row["bid_e9"]))
            figures = tuple(int(row[name]) for name in ("quantity", "price_e9", "fee_e9"))
            if row["exec_type"] == TRADE:
                one.fills[key] = (*figures, int(row["bid_e9"]), int(row["ask_e9"]), int(row["venue_time_ns"]))
            elif row["exec_type"] == TRADE_CANCEL:
                taken_back[(one.row["order_id"], *named)] = one.fills.pop(named)
            elif row["exec_type"] == TRADE_CORRECT:
                one.fills[key] = (*figures, *taken_back[(one.row["order_id"], *named)][3:])
            elif row["exec_type"] == REPLACED and int(row["status"]) not in CLOSED:
                one.quantity = max(int(row["quantity"]), int(row["filled_quantity"]))
            become(one, int(row["status"]), when)
    return orders


def become(one, status, when):
    one.status = status
    if status in CLOSED and not one.end_ns:
        one.end_ns = when


def cost(one, end_e9, basis="fill"):
    """Parts of one order without a parent; `end_e9` for what was not filled."""
    sent = one.children or ([] if one.row["flags"] & 16 else [one])
    fills = [fill for each in (sent or [one]) for fill in each.fills.values()]
    arrival = sent[0].row["arrival_mid_e9"] if sent else UNKNOWN
    parts = shortfall(
        one.row["side"], one.quantity, one.row["arrival_mid_e9"], arrival, end_e9, sum(fill[2] for fill in fills),
        [fill[:2] for fill in fills], basis,
    )  # fmt: skip
    spread = sum(one.row["side"] * q * (p - (bid + (ask - bid) // 2)) for q, p, _, bid, ask, _ in fills)
    return {**parts, "spread": spread, "filled": sum(fill[0] for fill in fills)}
