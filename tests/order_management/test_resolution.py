"""An end that comes before the executions that it counts, and what a person says where a venue says nothing more."""

import pytest
from support import (
    E9,
    EXEC_CANCEL_REJECTED,
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_NEW,
    EXEC_TRADE,
    make_core,
    order,
    report,
    resting,
)

from grandmodel.execution import OrderManager, OrderStateError, OrderStatus, Reason, UnknownOrder
from grandmodel.execution._core.recovery import snapshot, state_hash
from grandmodel.execution._core.reexecution import recovered_hash

EXEC_REPLACED, BUST = 4, 8


def told(core, order_id, code, number, **terms):
    """A venue's word, numbered; everything is counted afresh behind it."""
    core.report(report(core, order_id, code, execution_id=1000 + number, **terms))
    core.check_invariants(from_nothing=True)


def the_log_is_the_state(core):
    empty, _ = make_core(recorded=True, start_ns=0, limits={})
    assert recovered_hash(empty, core.journal) == state_hash(core)
    empty.close()


def at_a_distance(**terms):
    """An order that is open at a venue so far away that nothing but what a test tells is heard of it."""
    core, gate = make_core(link={"paths": {"NYSE": {"out_ns": 3600 * E9}}}, limits={})
    ticket = gate.submit_order(resting(venue="NYSE", **terms))
    core.report(report(core, ticket.order_id, EXEC_NEW, execution_id=900))
    return core, ticket


def standing(known):
    return (str(known.status), known.filled_quantity, known.leaves_quantity, known.owes_executions)


@pytest.mark.parametrize(("code", "end"), [(EXEC_CANCELED, "CANCELED"), (EXEC_EXPIRED, "EXPIRED")])
def test_an_end_before_its_fills_waits_for_them(code, end):
    core, gate = make_core(limits={})
    ticket = gate.submit_order(resting())
    told(core, ticket.order_id, code, 1, quantity=30, reason=Reason.UNFILLED_REMAINDER)
    assert standing(ticket.order) == ("UNKNOWN", 0, 70, True)
    assert core.portfolio.position("AAPL") == (0, 70, 0)  # so much is still reserved
    assert ticket.order.acknowledged_ns is not None
    core.cancel(ticket.order_id)  # it has ended: there is nothing to ask for, and nothing wrong in asking
    told(core, ticket.order_id, EXEC_CANCELED, 2, quantity=30)  # the same again is nothing new
    told(core, ticket.order_id, EXEC_TRADE, 3, quantity=20, price=140.0)
    assert standing(ticket.order) == ("UNKNOWN", 20, 50, True)
    told(core, ticket.order_id, EXEC_TRADE, 4, quantity=50, price=139.0)
    assert standing(ticket.order) == (end, 70, 0, False)
    assert ticket.order.reason is Reason.UNFILLED_REMAINDER
    assert core.portfolio.position("AAPL") == (70, 0, 0)
    told(core, ticket.order_id, EXEC_TRADE, 5, quantity=5, price=139.0)
    assert core.statistics()["late_fills"] == 1  # what comes behind that is late, as ever
    the_log_is_the_state(core)


def test_an_end_that_says_nothing_is_taken_at_its_word():
    core, gate = make_core(limits={})
    ticket = gate.submit_order(resting())
    told(core, ticket.order_id, EXEC_CANCELED, 1)
    assert standing(ticket.order) == ("CANCELED", 0, 0, False)


def test_a_parent_has_nothing_to_give_until_they_have_come():
    core, _ = make_core(limits={})
    parent = core.submit_parent(resting(), "twap").order_id
    child = core.submit_child(parent, 100, 140 * E9).order_id
    told(core, child, EXEC_CANCELED, 1, quantity=40)
    assert (core.get_order(parent).working_quantity, core.get_order(parent).leaves_quantity) == (60, 100)
    with pytest.raises(Exception, match="more than its parent has left"):
        core.submit_child(parent, 41, 140 * E9)
    with pytest.raises(OrderStateError):
        core.close_parent(parent)
    other = core.submit_child(parent, 40, 140 * E9).order_id
    told(core, child, EXEC_TRADE, 2, quantity=60, price=140.0)
    told(core, other, EXEC_TRADE, 3, quantity=40, price=140.0)
    assert [core.get_order(each).status for each in (parent, child, other)] == ["FILLED", "CANCELED", "FILLED"]
    assert core.get_order(parent).filled_quantity == 100
    the_log_is_the_state(core)


@pytest.mark.parametrize(
    ("asked", "answer", "left"),
    [
        (150, EXEC_REPLACED, 70),
        (150, EXEC_CANCEL_REJECTED, 20),
        (90, EXEC_REPLACED, 10),
        (90, EXEC_CANCEL_REJECTED, 20),
    ],
)
def test_a_replace_that_is_answered_behind_the_end(asked, answer, left):
    """The end counts from the quantity that the venue has; which that is, its answer to the replace says."""
    core, ticket = at_a_distance()
    core.replace(ticket.order_id, asked)
    assert str(ticket.status) == "PENDING_REPLACE"
    told(core, ticket.order_id, EXEC_CANCELED, 1, quantity=80)
    assert standing(ticket.order) == ("UNKNOWN", 0, max(asked, 100) - 80, True)
    told(core, ticket.order_id, answer, 2, quantity=asked if answer == EXEC_REPLACED else 0)
    assert standing(ticket.order) == ("UNKNOWN", 0, left, True)
    told(core, ticket.order_id, EXEC_TRADE, 3, quantity=left, price=139.0)
    assert standing(ticket.order) == ("CANCELED", left, 0, False)
    the_log_is_the_state(core)


def test_a_correction_and_a_bust_of_what_was_told_leave_the_rest_to_come():
    core, ticket = at_a_distance()
    told(core, ticket.order_id, EXEC_TRADE, 1, quantity=10, price=140.0)
    told(core, ticket.order_id, EXEC_CANCELED, 2, quantity=60)
    assert standing(ticket.order) == ("UNKNOWN", 10, 30, True)
    bust = report(core, ticket.order_id, BUST, quantity=10, price=140.0, execution_id=1003)
    bust["bid_e9"] = 1001
    core.report(bust)
    core.check_invariants(from_nothing=True)
    assert standing(ticket.order) == ("UNKNOWN", 0, 30, True)
    told(core, ticket.order_id, EXEC_TRADE, 4, quantity=30, price=139.0)
    assert standing(ticket.order) == ("CANCELED", 30, 0, False)
    the_log_is_the_state(core)


def test_it_stands_in_a_snapshot_and_a_venue_that_is_gone_owes_nothing(tmp_path):
    core, gate = make_core(path=tmp_path / "j", limits={})
    order_id = gate.submit_order(resting()).order_id
    told(core, order_id, EXEC_CANCELED, 1, quantity=30)
    snapshot(core)
    core.close()
    again, _ = make_core(path=tmp_path / "j", limits={})  # its simulated venue died with it
    assert standing(again.get_order(order_id)) == ("CANCELED", 0, 0, False)
    assert again.get_order(order_id).reason is Reason.VENUE_RESTARTED
    again.check_invariants(from_nothing=True)
    again.close()


# ---- resolve_order ----


def silent(**terms):
    """An order manager over an engine whose venue has ended 30 of 100 and told nothing of 70."""
    core, ticket = at_a_distance(**terms)
    told(core, ticket.order_id, EXEC_CANCELED, 1, quantity=30)
    return OrderManager(engine=core), ticket.order_id


def test_a_person_says_what_was_executed():
    om, order_id = silent()
    ended = om.resolve_order(
        order_id,
        [
            {"quantity": 40, "price": "139.98", "fee": 0.12, "execution_id": 77},
            {"quantity": 20, "price": 139, "fee": -0.04},
        ],
    )
    assert (ended.status, ended.filled_quantity, ended.leaves_quantity) == ("CANCELED", 60, 0)
    assert ended.reason is Reason.RESOLVED
    assert ended.notional_e9 == (40 * 139_980_000_000) + 20 * 139 * E9
    assert ended.fees_e9 == 80_000_000
    assert om.core.portfolio.position("AAPL") == (60, 0, 0)
    om.core.check_invariants(from_nothing=True)
    the_log_is_the_state(om.core)
    # The venue tells one of them after all: known again by its id. The other it does not name: booked, as late.
    told(om.core, order_id, EXEC_TRADE, -923, quantity=40, price=139.98)
    assert om.core.portfolio.position("AAPL") == (60, 0, 0)
    told(om.core, order_id, EXEC_TRADE, 5, quantity=20, price=139.0)
    assert om.core.portfolio.position("AAPL") == (80, 0, 0)
    the_log_is_the_state(om.core)


def test_it_is_explained():
    om, order_id = silent()
    assert om.explain(order_id).notes[-1] == "its venue has ended it and not yet told executions of 70 (resolve_order)"


def test_what_was_told_before_is_not_told_again():
    core, ticket = at_a_distance()
    told(core, ticket.order_id, EXEC_TRADE, 1, quantity=10, price=140.0)
    told(core, ticket.order_id, EXEC_CANCELED, 2, quantity=60)
    with pytest.raises(ValueError, match="booked already"):
        OrderManager(engine=core).resolve_order(ticket, [{**PRICED, "quantity": 30, "execution_id": 1001}])
    assert standing(ticket.order) == ("UNKNOWN", 10, 30, True)


def test_a_late_word_on_what_a_person_had_said_is_flagged_as_beyond_the_order():
    om, order_id = silent()
    om.resolve_order(order_id, [{"quantity": 70, "price": 140.0, "fee": 0}])
    told(om.core, order_id, EXEC_TRADE, 9, quantity=40, price=140.0)  # nobody had named it
    assert om.core.journal.rows(4)["reason"].tolist()[-1] == Reason.OVERFILL
    assert (om.statistics()["late_fills"], om.statistics()["overfills"]) == (1, 1)
    the_log_is_the_state(om.core)


def test_all_of_it_was_executed_or_nothing():
    om, order_id = silent()
    whole = om.resolve_order(order_id, [{"quantity": 70, "price": 140.0, "fee": 0}])
    assert (whole.status, whole.filled_quantity) == ("CANCELED", 70)  # as its venue had said
    om, order_id = silent()
    nothing = om.resolve_order(order_id)
    assert (nothing.status, nothing.filled_quantity, nothing.reason) == ("CANCELED", 0, Reason.RESOLVED)
    assert om.core.portfolio.position("AAPL") == (0, 0, 0)
    the_log_is_the_state(om.core)


def test_an_order_whose_answer_is_pending_is_resolved_too():
    core, gate = make_core(link={"paths": {"NYSE": {"out_ns": 3600 * E9}}}, limits={})
    om, ticket = OrderManager(engine=core), gate.submit_order(resting(venue="NYSE"))
    assert str(ticket.status) == "PENDING_NEW"
    assert om.resolve_order(ticket, [{"quantity": 100, "price": 140, "fee": 0}]).status is OrderStatus.FILLED
    the_log_is_the_state(core)


PRICED = {"quantity": 1, "price": 140.0, "fee": 0}


@pytest.mark.parametrize(
    ("executions", "message"),
    [
        ("all", "executions is 'all', must be a list of mappings"),
        ({"quantity": 1}, "must be a list of mappings"),
        ([70], r"executions\[0\] is 70, must be a mapping"),
        ([PRICED, {"quantity": 1, "price": 140}], r"executions\[1\] has no 'fee'"),
        ([{**PRICED, "venue": "NYSE"}], r"executions\[0\] has 'venue', which nobody knows"),
        ([{**PRICED, "quantity": True}], r"\['quantity'\] is True, must be an int from 1"),
        ([{**PRICED, "quantity": 0}], r"\['quantity'\] is 0"),
        ([{**PRICED, "quantity": 2**63}], r"\['quantity'\] is 9223372036854775808"),
        ([{**PRICED, "quantity": 1.0}], r"\['quantity'\] is 1.0"),
        ([{**PRICED, "price": float("nan")}], r"\['price'\] is nan"),
        ([{**PRICED, "price": float("inf")}], r"\['price'\] is inf"),
        ([{**PRICED, "price": -1}], r"\['price'\] is -1, must be positive"),
        ([{**PRICED, "price": "140,5"}], r"\['price'\] is '140,5'"),
        ([{**PRICED, "price": None}], r"\['price'\] is None"),
        ([{**PRICED, "fee": True}], r"\['fee'\] is True"),
        ([{**PRICED, "execution_id": -1}], r"\['execution_id'\] is -1"),
        ([{**PRICED, "quantity": 71}], "more than is open of it"),
        ([{**PRICED, "quantity": 40}, {**PRICED, "quantity": 31}], "more than is open of it"),
        ([{**PRICED, "price": 9e9}], "cannot be"),
        ([PRICED] * 65, "must be at most 64"),
        ([{**PRICED, "execution_id": 7}, {**PRICED, "execution_id": 7}], "given twice, or booked already"),
        ([{**PRICED, "price": 140.01}], "a worse price than its limit"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_booked(executions, message):
    om, order_id = silent()
    before = state_hash(om.core)
    with pytest.raises(ValueError, match=message):
        om.resolve_order(order_id, executions)
    assert state_hash(om.core) == before
    assert standing(om.get_order(order_id)) == ("UNKNOWN", 0, 70, True)


def test_only_where_a_venue_owes_a_word():
    core, gate = make_core(limits={})
    om = OrderManager(engine=core)
    live, parent = gate.submit_order(resting()), core.submit_parent(resting(), "twap")
    held = gate.submit_order(order(order_type="stop", stop_price=170.0))
    for each in (live, parent, held):
        with pytest.raises(OrderStateError, match="only an order at a venue that owes a word"):
            om.resolve_order(each)
    om.cancel_order(live)
    with pytest.raises(OrderStateError, match="ended"):
        om.resolve_order(live)
    with pytest.raises(UnknownOrder):
        om.resolve_order(10**9)


def test_no_more_is_said_than_the_end_left_to_be_told():
    """The venue has ended 80 of what a replace would have made 150: 70 are left, whatever was asked for."""
    core, ticket = at_a_distance()
    core.replace(ticket.order_id, 150)
    told(core, ticket.order_id, EXEC_CANCELED, 1, quantity=80)
    om = OrderManager(engine=core)
    with pytest.raises(ValueError, match="more than is open"):
        om.resolve_order(ticket.order_id, [{"quantity": 71, "price": 140.0, "fee": 0}])
    assert standing(ticket.order) == ("UNKNOWN", 0, 70, True)
    assert om.resolve_order(ticket.order_id, [{"quantity": 70, "price": 140.0, "fee": 0}]).filled_quantity == 70
    core.check_invariants(from_nothing=True)
    the_log_is_the_state(core)
