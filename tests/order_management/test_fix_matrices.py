"""The sequences of the FIX 4.4 order state matrices (appendix D, A and B), step by step through the engine.

A sequence is what a client sees of one order of 10. `after.status` has the client's pending state; `cum_qty`,
`leaves_qty` and
`is_finished` are the standard's.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support import (
    EXEC_CANCEL_REJECTED,
    EXEC_CANCELED,
    EXEC_NEW,
    EXEC_REJECTED,
    EXEC_TRADE,
    make_core,
    report,
)

from grandmodel.execution._core.values import STATUSES, OrderStateError

DATA = Path(os.environ.get("GRANDMODEL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
FILE = DATA / "fix" / "order_state_matrices_A_B.json"
SCENARIOS = json.loads(FILE.read_text()) if FILE.exists() else []
CODES = {status.value: code for code, status in STATUSES.items()}
EXEC_STATUS = 10
TYPES = {
    "NEW": EXEC_NEW, "TRADE": EXEC_TRADE, "CANCELED": EXEC_CANCELED, "REJECTED": EXEC_REJECTED,
    "PENDING_NEW": EXEC_STATUS, "PENDING_CANCEL": EXEC_STATUS, "SUSPENDED": EXEC_STATUS,
}  # fmt: skip


@pytest.mark.skipif(not SCENARIOS, reason="../shared/data/fix is not here")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_a_sequence_comes_out_right_step_by_step(scenario):
    core, gate = make_core(silent=True, limits={})
    terms = scenario["order"]
    ticket = gate.submit_order(
        {
            "symbol": "AAPL",
            "side": terms["side"].lower(),
            "quantity": int(terms["qty"]),
            "order_type": "limit",
            "limit_price": terms["price"],
        }
    )
    for number, event in enumerate(scenario["steps"], 1):
        if event["event"] == "cancel_request":
            core.cancel(ticket.order_id)
        elif event["event"] == "cancel_reject":
            core.report(report(core, ticket.order_id, EXEC_CANCEL_REJECTED, status=CODES[event["ord_status"]]))
        else:
            row = report(core, ticket.order_id, TYPES[event["exec_type"]], status=CODES[event["ord_status"]])
            if event["exec_type"] == "TRADE":
                row["quantity"], row["price_e9"] = event["last_qty"], 120 * 10**9
            core.report(row)
        order, after = ticket.order, event.get("after", {})
        seen = {
            "status": order.status.value,
            "qty": order.quantity,
            "cum_qty": order.filled_quantity,
            "leaves_qty": order.leaves_quantity,
            "is_finished": int(order.status.is_closed),
        }
        expected = {name: value for name, value in after.items() if name in seen}
        if event.get("cum_qty") is not None:
            expected.setdefault("cum_qty", event["cum_qty"])
        assert {name: seen[name] for name in expected} == expected, f"step {number}: {event}"
        if after.get("can_replace") == 0:
            with pytest.raises(OrderStateError):
                core.replace(ticket.order_id, 5)
        if after.get("can_cancel") == 0 and order.status.is_closed:
            with pytest.raises(OrderStateError):
                core.cancel(ticket.order_id)
        assert core.portfolio.position("AAPL")[0] == order.filled_quantity
        if order.status.is_closed:
            assert core.portfolio.position("AAPL")[1:] == (0, 0)  # nothing stays reserved


def test_the_scenarios_are_all_there():
    if not SCENARIOS:
        pytest.skip("../shared/data/fix is not here")
    assert len(SCENARIOS) == 10
    assert np.unique([scenario["name"] for scenario in SCENARIOS]).size == 10
