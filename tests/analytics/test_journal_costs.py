"""All orders of a journal, analysed in one pass: against a twin that goes record by record, and sums that are exact."""

from __future__ import annotations

import numpy as np
import pytest
from reference import journal_costs as reference
from reference.costs import fill_measures
from support import EXEC_TRADE, make_core, order, report, resting
from support_tca import make_day

from grandmodel.execution import UnknownOrder
from grandmodel.execution._core.records import NO_PRICE
from grandmodel.execution.analytics.execution_cost import PARTS, execution_cost
from grandmodel.execution.analytics.journal_costs import FLAGS, HORIZONS_NS, analyse_journal, exact_sum
from grandmodel.execution.analytics.journal_records import read_records
from grandmodel.execution.analytics.market_view import view_of_capture
from grandmodel.execution.analytics.venue_costs import venue_costs
from grandmodel.execution.journal_file import open_journal

TRADE_CANCEL, TRADE_CORRECT = 8, 9
E9 = 10**9


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A captured half hour: 600 plain orders, 16 of algorithms, some cancelled, some refused."""
    return make_day(tmp_path_factory.mktemp("day"), 600, 16, seed=5, minutes=30, events_per_second=20)


@pytest.fixture(scope="module", params=["journal", "capture"])
def analysed(request, day):
    return analyse_journal(day[0], day[1] if request.param == "capture" else None)


def test_a_day_is_what_the_twin_says(day, analysed):
    twin = reference.read(open_journal(day[0]))
    tops = [one for one in twin.values() if not one.row["parent_id"]]
    assert len(tops) == len(analysed) > 600
    o = analysed.orders
    for place, one in enumerate(tops):
        expected = reference.cost(one, int(o["end_e9"][place]))
        assert int(o["order_id"][place]) == one.row["order_id"]
        assert int(o["quantity"][place]) == one.quantity
        assert int(o["filled_quantity"][place]) == expected["filled"]
        for part in PARTS:
            assert analysed.money_e9(place, part) == expected[part], (one.row["order_id"], part)
        if expected["filled"]:
            assert int(o["spread_e9"][place]) == expected["spread"]
            assert int(o["move_e9"][place]) == expected["trading"] - expected["spread"]
        assert analysed.bps(place, "total") == pytest.approx(
            expected["total"] / (one.quantity * one.row["arrival_mid_e9"]) * 1e4
        )
    assert {int(status) for status in o["status"]} == {4, 7}


def test_order_is_children_is_fills_is_venues_and_what_was_not_filled(analysed):
    """The parts of all orders, added up in four ways, in integers."""
    o, f = analysed.orders, analysed.fills
    assert (o["total_e9"] != NO_PRICE).all()
    total = exact_sum(o["total_e9"])
    residual = exact_sum(o["opportunity_e9"])
    assert total == sum(exact_sum(o[f"{part}_e9"]) for part in ("delay", "trading", "opportunity", "fees"))
    assert total - residual == exact_sum(f["cost_e9"])
    by_child = [exact_sum(f["cost_e9"][f["child"] == child]) for child in np.unique(f["child"])]
    by_venue = [exact_sum(f["cost_e9"][f["venue"] == venue]) for venue in np.unique(f["venue"])]
    assert sum(by_child) == sum(by_venue) == total - residual
    assert len(by_child) > 100
    assert len(by_venue) > 2
    for place in range(len(analysed)):
        mine = analysed.fills_at(place)
        assert (f["order"][mine] == place).all()
        assert exact_sum(f["cost_e9"][mine]) == int(o["total_e9"][place]) - int(o["opportunity_e9"][place])
        assert exact_sum(f["trading_e9"][mine]) == int(o["trading_e9"][place])
        assert exact_sum(f["fee_e9"][mine]) == int(o["fees_e9"][place])


def test_the_other_delay_basis_moves_between_parts_only(day):
    fill, whole = analyse_journal(day[0]), analyse_journal(day[0], delay_basis="order")
    assert (fill.orders["total_e9"] == whole.orders["total_e9"]).all()
    assert (fill.orders["trading_e9"] == whole.orders["trading_e9"]).all()
    unfilled = fill.orders["filled_quantity"] == 0
    assert (fill.orders["delay_e9"][unfilled] == 0).all()
    with pytest.raises(ValueError, match="delay_basis is 'both', must be 'fill' or 'order'"):
        analyse_journal(day[0], delay_basis="both")


def test_the_capture_has_the_quotes_that_decisions_saw(day):
    """Each decision's quote, and that of each fill, is the capture's then, unless more happened in it."""
    records = read_records(open_journal(day[0]))
    view = view_of_capture(day[1], records.names, records.orders["row"]["symbol"])
    rows = records.orders["row"]
    order = np.argsort(rows["order_id"])
    decisions = records.decisions["row"]
    symbol = rows["symbol"][order[np.searchsorted(rows["order_id"][order], decisions["order_id"])]]
    when = records.decisions["header"]["time_ns"]
    bid, ask = view.quotes_at(symbol, when)
    same = (bid == decisions["bid_e9"]) & (ask == decisions["ask_e9"])
    before = view.quotes_at(symbol, when - 1)
    same |= (before[0] == decisions["bid_e9"]) & (before[1] == decisions["ask_e9"])
    assert len(same) > 600
    assert same.mean() > 0.99


def test_windows_of_a_capture_by_hand(day):
    """VWAP, TWAP, volume, PWP of some windows, print by print and quote by quote."""
    from grandmodel.execution._core.capture import CaptureFile

    records = read_records(open_journal(day[0]))
    view = view_of_capture(day[1], records.names, records.orders["row"]["symbol"])
    rows = np.concatenate([rows for _, rows in CaptureFile(day[1]).chunks()])
    symbol = int(records.orders["row"]["symbol"][0])
    mine = rows[rows["symbol"] == symbol]
    trades = mine[mine["action"] == 9]
    for start, end in ((0.2, 0.6), (0.5, 0.51), (0.0, 1.0)):
        first, span = int(mine["time_ns"][0]), int(mine["time_ns"][-1] - mine["time_ns"][0])
        begin_ns, end_ns = first + round(start * span), first + round(end * span)
        window = trades[(trades["time_ns"] > begin_ns) & (trades["time_ns"] <= end_ns)]
        others = [(int(t["price_e9"]), int(t["quantity"])) for t in window if not t["flags"] & 1]
        seen = view.interval(*(np.array([value]) for value in (symbol, begin_ns, end_ns)))
        assert seen["volume"][0] == sum(q for _, q in others)
        assert seen["own"][0] == sum(int(t["quantity"]) for t in window if t["flags"] & 1)
        if others:
            assert seen["vwap"][0] == pytest.approx(sum(p * q for p, q in others) / seen["volume"][0] / 1e9, abs=1e-9)
            share = 0.1
            wanted = sum(q for _, q in others) // 2 * share
            need = round(wanted / share)
            worth, left = 0, need
            for price, quantity in others:
                take = min(left, quantity)
                worth, left = worth + price * take, left - take
            found = view.pwp(np.array([symbol]), np.array([begin_ns]), np.array([need / 10]), 0.1)
            assert found[0] == pytest.approx(worth / need / 1e9, abs=1e-9)
            for side, price in ((1, others[0][0] / 1e9), (-1, seen["vwap"][0])):
                worse = sum(q for p, q in others if side * (p / 1e9 - price) > 1e-9)
                level = sum(q for p, q in others if abs(p / 1e9 - price) <= 1e-9)
                share = view.share_worse(symbol, begin_ns, end_ns, side, price)
                assert share == pytest.approx((worse + level / 2) / seen["volume"][0])
        grid = np.linspace(begin_ns, end_ns, 20_001)[1:].astype(np.int64)
        mids = view.mids_at(np.full(len(grid), symbol), grid)
        known = mids != NO_PRICE
        assert seen["twap"][0] == pytest.approx(mids[known].mean() / 1e9, rel=2e-6)


def test_an_orders_capture_and_markouts_are_money_over_money_as_those_of_columns(day):
    """One definition for both ways in: what its fills earned over the half spreads there were, in money."""
    found = analyse_journal(*day)
    o, f = found.orders, found.fills
    several = [place for place in range(len(found)) if len(found.fills_at(place)) > 1]
    assert len(several) > 10
    for place in several:
        rows = [
            {"quantity": int(f["quantity"][k]), "price": int(f["price_e9"][k]), "bid": int(f["bid_e9"][k]),
             "ask": int(f["ask_e9"][k]), "mids": _mids(found, k)}
            for k in found.fills_at(place).tolist()
        ]  # fmt: skip
        expected = fill_measures(int(o["side"][place]), rows, len(HORIZONS_NS))
        np.testing.assert_allclose(o["spread_capture"][place], expected["spread_capture"], rtol=1e-12)
        np.testing.assert_allclose(o["markout_bps"][place], expected["markout_bps"], rtol=1e-9, atol=1e-9)
    whole = venue_costs(found)
    for venue in whole:
        mine = [k for k in range(len(f["venue"])) if found.names.venue_text(int(f["venue"][k])) == venue.name]
        told = [(int(f["side"][k]), k) for k in mine if 0 < f["bid_e9"][k] <= f["ask_e9"][k]]
        earned = sum(s * int(f["quantity"][k]) * (int(f["bid_e9"][k]) + int(f["ask_e9"][k]) - 2 * int(f["price_e9"][k]))
                     for s, k in told)  # fmt: skip
        there = sum(int(f["quantity"][k]) * int(f["ask_e9"][k] - f["bid_e9"][k]) for _, k in told)
        assert venue.spread_capture.mean == pytest.approx(earned / there)


def _mids(found, k):
    symbol, when = found.fills["symbol"][k : k + 1], found.fills["time_ns"][k : k + 1]
    return [int(found.market.mids_at(symbol, when + h, max(h // 10, 10**8))[0]) for h in HORIZONS_NS]


def test_markouts_are_the_mid_later(day):
    found = analyse_journal(day[0], day[1])
    f = found.fills
    for place in range(0, len(f["order"]), 97):
        for column, horizon in enumerate(HORIZONS_NS):
            mid = found.market.mids_at(f["symbol"][place : place + 1], f["time_ns"][place : place + 1] + horizon)[0]
            price = int(f["price_e9"][place])
            expected = np.nan if mid == NO_PRICE else int(f["side"][place]) * (int(mid) - price) / price * 1e4
            assert f["markout_bps"][place, column] == pytest.approx(expected, nan_ok=True)


def test_looked_up_orders_are_the_columns(analysed):
    from grandmodel.execution.analytics.order_analyses import OrderAnalyses

    table, o, f = OrderAnalyses(analysed), analysed.orders, analysed.fills
    assert len(table.ids) == len(analysed)
    for place in range(0, len(analysed), 7):
        found = table[int(o["order_id"][place])]
        assert found.parts_e9 == {part: analysed.money_e9(place, part) for part in PARTS}
        for part, value in (("total", found.implementation_shortfall), ("delay", found.timing_cost),
                            ("trading", found.market_impact), ("opportunity", found.opportunity_cost),
                            ("fees", found.fees)):  # fmt: skip
            assert float(value) * 1e4 == pytest.approx(float(analysed.bps(place, part)), nan_ok=True)
        assert float(found.vwap_performance_bps) == pytest.approx(-float(o["vwap_bps"][place]), nan_ok=True)
        mine = analysed.fills_at(place)
        assert found.trade.fill_price_e9.tolist() == f["price_e9"][mine].tolist()
        assert found.trade.filled_quantity == o["filled_quantity"][place]
        assert found.fill_rate == o["filled_quantity"][place] / o["quantity"][place]
        if not len(mine):
            assert found.average_price.reason == "nothing was filled"
    unknown = [each for each in table.ids if not np.isfinite(float(table[each].implementation_shortfall))]
    for each in unknown:
        assert table[each].implementation_shortfall.reason


def test_what_routing_expected_against_what_came(day, analysed):
    """Order by order: the fills' all-in price against the expected price of each child's DECISION."""
    expected = {int(r["row"]["order_id"]): int(r["row"]["expected_price_e9"])
                for _, kind, r in open_journal(day[0]).scan() if kind == 3}  # fmt: skip
    f, found = analysed.fills, 0
    for place in range(len(analysed)):
        gaps = []
        for k in analysed.fills_at(place).tolist():
            price = expected[int(f["order_id"][k])]
            if price > 0:
                side, quantity = int(f["side"][k]), int(f["quantity"][k])
                paid = int(f["price_e9"][k]) + side * int(f["fee_e9"][k]) / quantity
                gaps.append((side * (paid - price) / price * 1e4, quantity))
        if gaps:
            mean = sum(gap * quantity for gap, quantity in gaps) / sum(quantity for _, quantity in gaps)
            assert analysed.orders["estimate_miss_bps"][place] == pytest.approx(mean, abs=1e-9)
            found += 1
    assert found > 300


def test_a_running_engine_and_its_file_say_the_same(tmp_path):
    core, gate = make_core(path=tmp_path / "j", positions={"AAPL": 1000})
    ids = [
        int(gate.submit_order(order(side=side, quantity=100 + n)).order_id) for n, side in enumerate(("buy", "sell"))
    ]
    live = analyse_journal(core.journal, names=core)
    alone = {each: execution_cost(core, each) for each in ids}
    core.close()
    filed = analyse_journal(tmp_path / "j")
    for each in ids:
        for table in (live, filed):
            place = table.place(each)
            assert {part: table.money_e9(place, part) for part in PARTS} == alone[each].parts_e9
            assert table.orders["average_price"][place] == pytest.approx(float(alone[each].average_price))
        assert not filed.flag_texts(filed.place(each))
    with pytest.raises(UnknownOrder, match="no order of this journal has the id 99"):
        filed.place(99)


def test_busted_and_corrected_executions():
    core, gate = make_core(events_per_second=0.01)
    order_id = int(gate.submit_order(resting(quantity=300)).order_id)
    for number, price in ((1001, 140.0), (1002, 139.0), (1003, 138.0)):
        core.report(report(core, order_id, EXEC_TRADE, quantity=100, price=price, execution_id=number))
    found = analyse_journal(core.journal, names=core)
    assert (found.orders["filled_quantity"][0], found.orders["fills"][0]) == (300, 3)
    bust = report(core, order_id, TRADE_CANCEL, quantity=100, price=140.0, execution_id=1004)
    bust["bid_e9"] = 1001
    core.report(bust)
    correct = report(core, order_id, TRADE_CORRECT, quantity=50, price=137.0, execution_id=1005)
    correct["bid_e9"] = 1002
    core.report(correct)
    core.report(report(core, order_id, EXEC_TRADE, quantity=100, price=138.0, execution_id=1003))  # told again: nothing
    found = analyse_journal(core.journal, names=core)
    assert found.orders["filled_quantity"][0] == core.get_order(order_id).filled_quantity == 150
    assert sorted(found.fills["price_e9"].tolist()) == [137 * E9, 138 * E9]
    assert found.orders["fees_e9"][0] == core.get_order(order_id).fees_e9
    assert found.orders["flags"][0] & 1 << list(FLAGS).index("revised")
    assert {each.code: each.count for each in found.quality if each.code in ("busts", "corrections")} == {
        "busts": 2, "corrections": 1,
    }  # fmt: skip
    twin = reference.read(core.journal)[order_id]
    assert sorted(q for q, *_ in twin.fills.values()) == sorted(found.fills["quantity"].tolist())
    core.close()


def test_a_faulty_day_is_what_the_engine_and_the_twin_say():
    """Latency, lost and doubled reports, lies, busts, corrections, overfills: every order as the engine has it, and as
    the twin reads it; nothing of it stops the analysis, and what it makes of an order is flagged."""
    from grandmodel.execution import ExecutionEngine, ExecutionError
    from grandmodel.execution.clock import SimulatedClock, run

    faults = {"seed": 11, "drop": 0.03, "duplicate": 0.05, "lie": 0.03, "bust": 0.05, "correct": 0.05, "overfill": 0.03,
              "reject": 0.03, "delay": 0.05, "delay_ms": 50, "revise_ms": 200}  # fmt: skip
    latency, compared = {"out_us": 300, "jitter_us": 50}, []
    config = {"mode": "simulation", "seed": 7, "simulation": {"latency": latency, "faults": faults}}
    clock = SimulatedClock(1_735_828_200_000_000_000)

    async def work():
        with ExecutionEngine(config, clock=clock) as engine:
            for number in range(300):
                order = {"symbol": "AAPL", "side": "sell" if number % 2 else "buy", "quantity": 100 + number % 7}
                kind = {"order_type": "market"} if number % 3 else {"order_type": "limit", "limit_price": 150.0}
                try:
                    await engine.order_manager.submit_order({**order, **kind})
                except ExecutionError:
                    continue
                await clock.sleep(0.2)
            await clock.sleep(30)
            core = engine.core
            found = analyse_journal(core.journal, names=core)
            twin = reference.read(core.journal)
            flags = set()
            for place, order_id in enumerate(found.orders["order_id"].tolist()):
                known, one = core.get_order(order_id), twin[order_id]
                expected = reference.cost(one, int(found.orders["end_e9"][place]))
                assert found.orders["filled_quantity"][place] == known.filled_quantity == expected["filled"]
                assert found.orders["quantity"][place] == known.quantity
                assert found.orders["fees_e9"][place] == known.fees_e9
                flags.update(found.flag_texts(place))
                if known.status.is_closed and known.filled_quantity <= known.quantity and known.status != "REJECTED":
                    assert found.money_e9(place, "total") == expected["total"]
                    if int(found.orders["end_e9"][place]) != NO_PRICE:
                        alone = execution_cost(core, order_id, int(found.orders["end_e9"][place]))
                        assert {part: found.money_e9(place, part) for part in PARTS} == alone.parts_e9
                        compared.append(order_id)
            return found, flags

    found, flags = run(work(), clock=clock, seed=7)
    assert FLAGS["revised"] in flags
    assert {each.code for each in found.quality} >= {"busts", "corrections", "revised"}
    assert len(found) > 200
    assert len(compared) > 150


def test_what_cannot_be_measured_is_said_and_counted():
    core, gate = make_core(events_per_second=0.01)
    order_id = int(gate.submit_order(resting(quantity=100)).order_id)
    found = analyse_journal(core.journal, names=core)
    assert found.bps(0, "total").reason == "it has not ended"
    assert not found.measured[0]
    core.report(report(core, order_id, EXEC_TRADE, quantity=150, price=140.0, execution_id=1001))
    found = analyse_journal(core.journal, names=core)
    assert found.bps(0, "delay").reason == "venues filled more than was ordered"
    assert found.money_e9(0, "total") is None
    assert "overfilled" in {each.code for each in found.quality}
    core.close()


def test_a_cost_beyond_counting_is_flagged_and_stops_nothing():
    """A billion shares, fifty better than the mid at the decision: more money than int64 has in 1e-9."""
    core, gate = make_core(events_per_second=0.01, limits={}, cash=10**12)
    small = int(gate.submit_order(resting(quantity=100)).order_id)
    large = int(gate.submit_order(resting(quantity=10**9)).order_id)
    core.report(report(core, small, EXEC_TRADE, quantity=100, price=140.0, execution_id=1001))
    core.report(report(core, large, EXEC_TRADE, quantity=10**9, price=100.0, execution_id=1002))
    found = analyse_journal(core.journal, names=core)
    place = found.place(large)
    assert found.bps(place, "total").reason == FLAGS["too_large"]
    assert found.fills["cost_e9"][found.fills_at(place)].tolist() == [NO_PRICE]
    assert found.money_e9(found.place(small), "total") is not None
    assert {each.code for each in found.quality} >= {"too_large"}
    core.close()


def test_an_empty_journal(tmp_path):
    core, _ = make_core(path=tmp_path / "j")
    core.close()
    found = analyse_journal(tmp_path / "j")
    assert len(found) == 0
    assert found.quality == ()
