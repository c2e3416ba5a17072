"""What an engine learns of its venues, what that does to routing, and the circuit breaker."""

import math
import random

import pytest
from reference.venue_statistics import learn
from support import E9, EXEC_NEW, EXEC_REJECTED, EXEC_TRADE, make_core, order, report, resting

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.recovery import snapshot, state_hash
from grandmodel.execution._core.scoring import Venues
from grandmodel.execution._core.values import STATUSES, OrderRejected, Reason, Unknown
from grandmodel.execution.events import JournalReader

FIGURES = {
    "latency": ("latency", 1.0), "reject_rate": ("reject_rate", 1.0), "rest": ("fill_rate_resting", 1.0),
    "take": ("fill_rate_taking", 1.0), "time": ("time_to_fill", 1.0), "cost": ("effective_cost_bps", 1e4),
    "added": ("markout_added_bps", 1e4), "removed": ("markout_removed_bps", 1e4), "hidden": ("hidden_size", 1.0),
}  # fmt: skip


def is_closed(status):
    return STATUSES[status].is_closed


def live(core, gate, seed, steps):
    choose = random.Random(seed)
    for _ in range(steps):
        core.advance(core.clock.now_ns() + choose.randrange(1, 3 * E9))
        side = choose.choice(["buy", "sell"])
        symbol = choose.choice(["AAPL", "MSFT"])
        quote = core.quote(symbol)
        if choose.random() < 0.4:
            gate.submit_order(order(symbol=symbol, side=side, quantity=choose.randrange(1, 900)))
        elif choose.random() < 0.3:  # for more than is displayed
            far = quote.ask if side == "buy" else quote.bid
            gate.submit_order(order(symbol=symbol, side=side, quantity=5_000, order_type="limit",
                                    limit_price=round(far, 2), time_in_force="IOC"))  # fmt: skip
        else:
            touch = quote.bid if side == "buy" else quote.ask
            tif = choose.choice(["DAY", "IOC"])
            gate.submit_order(order(symbol=symbol, side=side, quantity=choose.randrange(1, 600), order_type="limit",
                                    limit_price=round(touch, 2), time_in_force=tif))  # fmt: skip
        if choose.random() < 0.3:
            alive = core.open_orders()
            if alive:
                core.cancel(choose.choice(alive).order_id)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_figures_are_those_of_the_plain_twin(seed):
    core, gate = make_core(seed=seed)
    live(core, gate, seed, 150)
    core.journal.flush()
    twin, variances = learn([(kind, record["row"]) for _, kind, record in core.journal.scan(0)], is_closed)
    names, symbols = core.venues.names, core.instruments.symbols
    compared = 0
    for symbol in ("AAPL", "MSFT"):
        for venue, name in enumerate(names):
            got = core.venue_statistics(symbol, name)
            number = symbols.number(symbol)
            expected = twin.get((number, venue))
            for key, (figure, scale) in FIGURES.items():
                if expected is None or expected[key].count == 0:
                    assert isinstance(got[figure], Unknown), (symbol, name, figure)
                else:
                    assert got[figure] == pytest.approx(expected[key].value * scale, rel=1e-9, abs=1e-12), figure
                    compared += 1
            assert got["volatility"] == pytest.approx(math.sqrt(variances[number].value), rel=1e-9)
    assert compared > 40
    assert any(found["hidden"].count for found in twin.values())
    core.close()


def test_a_venue_of_which_nothing_is_known_says_so():
    core, _ = make_core()
    got = core.venue_statistics("AAPL", core.venues.names[0])
    assert (got["orders"], got["fills"], got["rejects"]) == (0, 0, 0)
    assert all(isinstance(got[figure], Unknown) for figure, _ in FIGURES.values())
    with pytest.raises(KeyError):
        core.venue_statistics("AAPL", "NOWHERE")
    core.close()


@pytest.mark.parametrize("snapshots", [False, True])
def test_a_recovered_engine_has_the_same_figures(tmp_path, snapshots):
    core, gate = make_core(path=tmp_path / "log", ring_bytes=1 << 22, seed=4)
    live(core, gate, 4, 80)
    if snapshots:
        snapshot(core)
        live(core, gate, 5, 10)
    for each in core.open_orders():
        core.cancel(each.order_id)
    before = {name: core.venue_statistics("AAPL", name) for name in core.venues.names}
    state = state_hash(core)
    core.close()
    again, _ = make_core(path=tmp_path / "log", ring_bytes=1 << 22, seed=4)
    after = {name: again.venue_statistics("AAPL", name) for name in again.venues.names}
    assert repr(after) == repr(before)
    assert state_hash(again) == state
    again.close()


# ---- in the score


def learned(**weights):
    """A core with venues that say nothing by themselves, and weights."""
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 1.1)), learning=weights)
    for name in ("A", "B"):
        core.venues.set_quote("AAPL", name, 149 * E9, 151 * E9, 500, 500)
    return core, gate


def one_round(core, gate, venue, filled, later):
    """A resting buy of 100 at `venue` of which `filled` trade; then the mid moves by `later` dollars."""
    order_id = int(gate.submit_order(order(order_type="limit", limit_price=149.0, venue=venue)))
    core.report(report(core, order_id, EXEC_NEW))
    if filled:
        row = report(core, order_id, EXEC_TRADE, quantity=filled, price=149.0)
        row["venue"], row["liquidity"] = core.venues.number(venue), 1
        core.report(row)
    if filled < 100:
        core.report(report(core, order_id, 3))
    core.advance(core.clock.now_ns() + 2 * E9)
    for name in ("A", "B"):
        core.venues.set_quote("AAPL", name, (149 + later) * E9, (151 + later) * E9, 500, 500)
    gate.submit_order(order(order_type="limit", limit_price=100.0, venue="A"))  # its arrival is the next recorded quote
    for name in ("A", "B"):
        core.venues.set_quote("AAPL", name, 149 * E9, 151 * E9, 500, 500)


def test_adverse_selection_and_fills_move_the_choice():
    plain, plain_gate = learned()
    one_round(plain, plain_gate, "A", 100, -2)
    assert plain.venues.best("AAPL", 1, 100, 149 * E9) == "A"  # nothing is weighed: as ever
    plain.close()
    core, gate = learned(adverse_selection=1.0)
    one_round(core, gate, "A", 100, -2)
    got = core.venue_statistics("AAPL", "A")
    assert got["markout_added_bps"] == pytest.approx(-2 / 150 * 1e4)
    score = core.venues.score("AAPL", 1, 100, 149 * E9)
    assert score["venue"] == "B"
    assert score["terms"]["A"]["adverse_selection"] == pytest.approx(2 * E9, rel=1e-6)
    assert score["venues"]["A"][0] - score["venues"]["B"][0] == pytest.approx(2 * E9, rel=1e-3)
    core.close()


def test_a_venue_that_does_not_fill_costs_what_taking_costs_in_the_end():
    core, gate = learned(fill_probability=1.0)
    one_round(core, gate, "A", 0, 0)
    score = core.venues.score("AAPL", 1, 100, 149 * E9)
    assert core.venue_statistics("AAPL", "A")["fill_rate_resting"] == 0.0
    # half a spread (1) + take fee - make fee - (149 - 150)
    assert score["terms"]["A"]["fill_probability"] == 2 * E9 + 1_000_000 + 1_000_000
    assert score["venue"] == "B"
    core.close()


def beyond(core, venue, quantity, filled):
    """A sweep of `quantity` at the ask of `venue`, which shows 500, of which `filled` trade."""
    parent = int(core.submit_parent(order(quantity=quantity), "twap"))
    child = int(core.submit_child(parent, quantity, 151 * E9, "IOC", venue=venue))
    core.report(report(core, child, EXEC_NEW))
    row = report(core, child, EXEC_TRADE, quantity=filled, price=151.0)
    row["venue"], row["liquidity"] = core.venues.number(venue), 2
    core.report(row)
    if filled < quantity:
        core.report(report(core, child, 3))
    core.close_parent(parent)


def test_what_is_met_beyond_the_displayed_size_is_learned():
    core, _ = learned(hidden_size=1.0)
    assert isinstance(core.venue_statistics("AAPL", "B")["hidden_size"], Unknown)
    beyond(core, "B", 400, 400)  # no more than it shows: says nothing
    assert isinstance(core.venue_statistics("AAPL", "B")["hidden_size"], Unknown)
    beyond(core, "B", 1000, 900)
    beyond(core, "B", 1000, 500)
    shown = 512  # 500 in eighths of a power of two, rounded up
    assert core.venue_statistics("AAPL", "B")["hidden_size"] == (900 - shown) / 2
    # A is cheaper, but 300 of 800 would be beyond what it shows; B has been seen to have 194 of them
    score = core.venues.score("AAPL", 1, 800, 151 * E9)
    assert score["venue"] == "B"
    assert score["venues"]["A"][0] - score["venues"]["B"][0] == E9 * 300 // 800 - E9 * 106 // 800 - 100_000
    core.venues.set_quote("AAPL", "A", 149 * E9, 152 * E9, 500, 500)
    split = core.venues.split("AAPL", 1, 1500, 152 * E9)
    assert [leg[:2] for leg in split["legs"]] == [("B", 1000), ("A", 500)]
    assert split["residual_venue"] == "B"
    core.close()


@pytest.mark.parametrize("wrong", [{"half_life": 0.5}, {"half_life": math.nan}, {"fill_probability": -1.0},
                                   {"latency_slippage": math.inf}, {"adverse_selection": 11.0},
                                   {"hidden_size": -0.1}])  # fmt: skip
def test_wrong_weights_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Venues(Instruments()).set_learning(**wrong)


def test_frozen_figures_stay():
    core, gate = make_core(learning={"freeze": True})
    gate.submit_order(order())
    assert core.venue_statistics("AAPL", core.get_order(1).venue)["orders"] == 0
    core.close()


# ---- the circuit breaker


def breaking(**changes):
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 2)), breaker={"rejects": 2, "unanswered": 2,
                           "cool_down_ns": 10 * E9, "probe_size": 50}, **changes)  # fmt: skip
    for name in ("A", "B"):
        core.venues.set_quote("AAPL", name, 149 * E9, 151 * E9, 500, 500)
    return core, gate


def send(core, gate, quantity=100):
    order_id = int(gate.submit_order(resting(quantity=quantity)))
    return order_id, core.get_order(order_id).venue


def reject(core, order_id):
    core.report(report(core, order_id, EXEC_REJECTED, reason=Reason.VENUE_REJECTED))


def test_a_venue_that_rejects_is_taken_out_and_probed_back_in():
    core, gate = breaking()
    for _ in range(2):
        order_id, venue = send(core, gate)
        assert venue == "A"
        reject(core, order_id)
    assert core.health()["venues_out"]["A"] == {"state": "open", "until_ns": core.clock.now_ns() + 10 * E9, "trips": 1}
    assert send(core, gate)[1] == "B"
    assert core.venues.score("AAPL", 1, 100, 140 * E9)["venues"]["A"][1] == "taken out by the circuit breaker"
    with pytest.raises(OrderRejected):
        gate.submit_order(resting(venue="A"))
    core.advance(core.clock.now_ns() + 11 * E9)
    assert send(core, gate, 51)[1] == "B"  # larger than the probe
    probe, venue = send(core, gate, 50)
    assert venue == "A"
    assert core.venues_out()["A"]["state"] == "probing"
    assert send(core, gate, 10)[1] == "B"  # one probe at a time
    reject(core, probe)
    assert core.venues_out()["A"]["state"] == "open"
    core.advance(core.clock.now_ns() + 11 * E9)
    probe, venue = send(core, gate, 50)
    assert venue == "A"
    core.report(report(core, probe, EXEC_NEW))
    assert core.venues_out() == {}
    assert send(core, gate)[1] == "A"
    core.close()


def test_that_a_venue_is_out_and_back_is_told_behind_the_report_that_did_it():
    core, gate = breaking()
    reader = JournalReader(core)
    for _ in range(2):
        reject(core, send(core, gate)[0])
    core.advance(core.clock.now_ns() + 11 * E9)
    core.report(report(core, send(core, gate, 50)[0], EXEC_NEW))
    told = [(event.event_type, event.payload.get("target")) for event in reader.poll()]
    found = [place for place, (what, _) in enumerate(told) if what in ("VENUE_TRIPPED", "VENUE_RESTORED")]
    assert [told[place] for place in found] == [("VENUE_TRIPPED", "A"), ("VENUE_RESTORED", "A")]
    assert [told[place - 1][0] for place in found] == ["ORDER_REJECTED", "ORDER_ACKNOWLEDGED"]
    core.close()


def test_a_probe_that_is_lost_keeps_a_venue_out_for_one_cool_down():
    core, gate = breaking()  # no limit on the time of an answer
    for _ in range(2):
        reject(core, send(core, gate)[0])
    core.advance(core.clock.now_ns() + 11 * E9)
    lost, venue = send(core, gate, 50)
    assert venue == "A"
    core.advance(core.clock.now_ns() + 9 * E9)
    assert send(core, gate, 50)[1] == "B"
    core.advance(core.clock.now_ns() + 2 * E9)
    probe, venue = send(core, gate, 50)
    assert venue == "A"
    core.report(report(core, lost, EXEC_NEW))  # late: the breaker goes by the probe that it waits for
    assert core.venues_out()["A"]["state"] == "probing"
    core.report(report(core, probe, EXEC_NEW))
    assert core.venues_out() == {}
    core.close()


def test_a_venue_is_probed_with_one_order():
    core, gate = breaking()
    core.venues.set_quote("AAPL", "A", 149 * E9, 150 * E9, 500, 500)
    for _ in range(2):
        reject(core, send(core, gate)[0])
    core.advance(core.clock.now_ns() + 11 * E9)
    parent = int(core.submit_parent(order(quantity=1000), "twap"))
    legs = core.sweep(parent, 200, 150 * E9, rest=False)["legs"]
    assert [leg[:2] for leg in legs] == [("A", 50)]
    core.close()


def test_an_answer_breaks_the_row():
    core, gate = breaking()
    for what in (EXEC_REJECTED, EXEC_NEW, EXEC_REJECTED, EXEC_NEW):
        order_id, venue = send(core, gate)
        assert venue == "A"
        reject(core, order_id) if what == EXEC_REJECTED else core.report(report(core, order_id, what))
    assert core.venues_out() == {}
    core.close()


def test_silence_takes_a_venue_out_and_its_orders_stay_unknown():
    core, gate = breaking()
    core.set_timeout(5 * E9)
    first, second = send(core, gate)[0], send(core, gate)[0]
    core.advance(core.clock.now_ns() + 6 * E9)
    assert "A" in core.venues_out()
    assert [core.get_order(each).status for each in (first, second)] == ["UNKNOWN", "UNKNOWN"]
    assert core.venue_statistics("AAPL", "A")["unanswered"] == 2
    core.close()


def test_the_breaker_is_recovered(tmp_path):
    core, gate = breaking(path=tmp_path / "log", ring_bytes=1 << 22)
    for _ in range(2):
        reject(core, send(core, gate)[0])
    out, state = core.venues_out(), state_hash(core)
    core.close()
    again, gate = breaking(path=tmp_path / "log", ring_bytes=1 << 22)
    assert again.venues_out() == out
    assert state_hash(again) == state
    assert send(again, gate)[1] == "B"
    again.close()


def test_off_means_never():
    core, gate = make_core(silent=True, fees=(("A", 1), ("B", 2)))
    core.venues.set_quote("AAPL", "A", 149 * E9, 151 * E9, 500, 500)
    for _ in range(20):
        order_id, venue = send(core, gate)
        assert venue == "A"
        reject(core, order_id)
    assert core.venues_out() == {}
    core.close()
