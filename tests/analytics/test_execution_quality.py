"""The table in the manner of the amended Rule 605, against the same worked out order by order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import execution_quality as reference
from reference import journal_costs
from support_tca import make_day

from grandmodel.execution import OrderManager, Unknown
from grandmodel.execution._core.capture import CaptureFile
from grandmodel.execution.analytics.execution_quality import (
    DOLLARS,
    REALIZED,
    TIMES,
    TYPES,
    _quantile,
    dollars_text,
    execution_quality,
    receive,
    shown_value,
)
from grandmodel.execution.analytics.journal_costs import analyse_records
from grandmodel.execution.analytics.journal_records import read_records
from grandmodel.execution.clock import SimulatedClock, run
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.journal_file import open_journal

TIME_EDGES = list(TIMES.items())


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    journal, capture = make_day(tmp_path_factory.mktemp("day"), 500, 10, seed=9, minutes=20, events_per_second=15)
    records = read_records(open_journal(journal))
    return journal, capture, records, analyse_records(records, capture)


def quotes_by_symbol(capture):
    """{symbol: [(time, bid, ask)]} of a capture, row by row: the best over the venues."""
    best, out = {}, {}
    for symbols, rows in ((part.symbols, rows) for part, rows in CaptureFile(capture).chunks()):
        for row in rows[rows["action"] == 10]:
            symbol, side = symbols[row["symbol"]], int(row["side"])
            best.setdefault(symbol, {1: {}, -1: {}})[side][int(row["venue"])] = int(row["price_e9"])
            shown = {s: [p for p in best[symbol][s].values() if p > 0] for s in (1, -1)}
            bid, ask = max(shown[1], default=0), min(shown[-1], default=0)
            out.setdefault(symbol, []).append((int(row["time_ns"]), bid, ask))
    return out


def last_of_each_instant(quotes):
    kept = {}
    for time, bid, ask in quotes:
        kept[time] = (time, bid, ask)
    return list(kept.values())


def sent_orders(journal):
    """(order, decision row) of what went to venues, from the records one by one."""
    decisions = {int(r["row"]["order_id"]): r["row"] for _, kind, r in open_journal(journal).scan() if kind == 3}
    for one in journal_costs.read(open_journal(journal)).values():
        if not one.row["flags"] & 16 and one.row["venue"] >= 0:
            yield one, decisions[one.row["order_id"]]


def expected_rows(journal, capture, names, market):
    """{(venue, symbol, type, lot, dollars): figures}, of the records and the capture one by one."""
    quotes = {symbol: last_of_each_instant(rows) for symbol, rows in quotes_by_symbol(capture).items()}
    out = {}
    for one, decision in sent_orders(journal):
        row, side = one.row, one.row["side"]
        bid, ask = int(decision["bid_e9"]), int(decision["ask_e9"])
        kind = reference.kind(row["order_type"], row["time_in_force"], side, row["limit_price_e9"], bid, ask)
        if kind is None:
            continue
        symbol, at = names.symbol_text(row["symbol"]), row["created_ns"]
        own = bid if side > 0 else ask
        if kind == "executable limit" and side * (row["limit_price_e9"] - own) < 0:
            at = reference.executable_at(side, row["limit_price_e9"], quotes[symbol], at, one.end_ns or 2**62)
            if at is None:
                continue
            bid, ask = next((b, a) for t, b, a in reversed(quotes[symbol]) if t <= at)
            if not 0 < bid < ask:
                continue
        mid = (bid + ask) / 2e9
        key = (names.venue_text(row["venue"]), symbol, kind, reference.lot(one.quantity, mid),
               reference.dollars(one.quantity, mid))  # fmt: skip
        found = out.setdefault(key, {"orders": 0, "shares": 0, "cancelled": 0, "fills": [], "displayed": 0, "more": 0})
        found["orders"] += 1
        found["shares"] += one.quantity
        filled = sum(fill[0] for fill in one.fills.values())
        if one.status in (7, 9):
            found["cancelled"] += one.quantity - filled
        far, good = (ask if side > 0 else bid), 0
        for quantity, price, _, _, _, when in one.fills.values():
            better = side * (far - price) / 1e9
            good += quantity if better >= 0 else 0
            later = [int(market.mids_at(np.array([row["symbol"]]), np.array([when + h]), max(h // 10, 10**7))[0])
                     for h in REALIZED.values()]  # fmt: skip
            realized = [2 * side * (price - m) / 1e9 if m > 0 else None for m in later]
            spread = 2 * side * (price / 1e9 - mid), (ask - bid) / 1e9
            found["fills"].append((quantity, max(0, when - at), *spread, better, realized))
        code = int(decision["shown"])
        shown = min(int(shown_value(np.array([code]))[0]), one.quantity) if code else one.quantity
        found["displayed"] += shown
        found["more"] += max(0, good - shown)
    return out


def weighted(pairs):
    known = [(v, w) for v, w in pairs if v is not None]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else None


def same(value, expected):
    return isinstance(value, Unknown) if expected is None else value == pytest.approx(expected, abs=1e-9)


def test_the_table_is_the_twins_order_by_order(day):
    journal, capture, records, analysed = day
    expected = expected_rows(journal, capture, analysed.names, analysed.market)
    table = execution_quality(analysed, records)
    found = {(r["venue"], r["symbol"], r["order_type"], r["lot"], r["dollars"]): r for r in table}
    assert found.keys() == expected.keys()
    assert len(found) > 60
    assert {key[2] for key in found} >= {"market", "marketable IOC", "executable limit"}
    assert len({key[4] for key in found}) > 2
    for key, row in expected.items():
        mine, fills = found[key], row["fills"]
        assert (mine["orders"], mine["shares"], mine["cancelled"]) == (row["orders"], row["shares"], row["cancelled"])
        assert mine["executed"] == sum(fill[0] for fill in fills)
        low = 0
        for name, edge in TIME_EDGES:
            assert mine[f"executed_{name}"] == sum(f[0] for f in fills if low <= f[1] < edge), (key, name)
            low = edge
        assert same(mine["average_seconds"], weighted([(f[1] / 1e9, f[0]) for f in fills]))
        for name, share in (("median_seconds", 0.5), ("p99_seconds", 0.99)):
            told = reference.percentile([(f[1] / 1e9, f[0]) for f in fills], share)
            assert same(mine[name], told)
        effective, quoted = (weighted([(f[k], f[0]) for f in fills]) for k in (2, 3))
        assert same(mine["effective_spread"], effective)
        assert same(mine["quoted_spread"], quoted)
        assert same(mine["effective_over_quoted"], None if quoted is None else effective / quoted)
        for k, name in enumerate(REALIZED):
            assert same(mine[f"realized_spread_{name}"], weighted([(f[5][k], f[0]) for f in fills])), (key, name)
        if key[2] in ("executable limit", "beyond the midpoint"):
            assert "improved" not in mine
            continue
        for name, which in (("improved", [f for f in fills if f[4] > 0]), ("at_quote", [f for f in fills if f[4] == 0]),
                            ("outside_quote", [f for f in fills if f[4] < 0])):  # fmt: skip
            assert mine[name] == sum(f[0] for f in which)
            assert same(mine[f"{name}_seconds"], weighted([(f[1] / 1e9, f[0]) for f in which]))
        assert same(mine["improved_amount"], weighted([(f[4], f[0]) for f in fills if f[4] > 0]))
        assert (mine["displayed"], mine["size_improved"]) == (row["displayed"], row["more"])


def test_limits_away_from_the_market_count_from_when_it_comes_to_them(day):
    """Such orders are there, later than they were sent; without a capture nobody knows when, so they are not."""
    _, _, records, analysed = day
    got = receive(analysed, records)
    later = (got.kind >= 0) & (got.at_ns > analysed.children["sent_ns"])
    assert later.sum() > 5
    assert {TYPES[kind] for kind in got.kind[later]} == {"executable limit"}
    bare = receive(analyse_records(records), records)
    assert not (bare.kind[later] >= 0).any()
    assert ((bare.kind >= 0) <= (got.kind >= 0)).all()


def test_stops_auctions_and_all_or_none_orders(tmp_path):
    clock = SimulatedClock()
    core = make_core(load_config({
        "mode": "simulation", "seed": 2, "market": {"events_per_second": 20},
        "journal": {"path": str(tmp_path / "a.gmj"), "capture": str(tmp_path / "a.gmc")},
    }), clock=clock)  # fmt: skip
    manager = OrderManager(engine=core)
    order = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "market"}

    async def trade():
        await clock.sleep(1)
        quote = core.quote("AAPL")
        stop = await manager.submit_order({**order, "order_type": "stop", "stop_price": quote.ask})
        ioc = await manager.submit_order({**order, "order_type": "limit", "limit_price": quote.ask + 0.05,
                                          "time_in_force": "IOC"})  # fmt: skip
        fok = await manager.submit_order({**order, "order_type": "limit", "limit_price": quote.ask + 0.05,
                                          "time_in_force": "FOK"})  # fmt: skip
        odd = await manager.submit_order({**order, "quantity": 1})
        await clock.sleep(600)
        core.touch("AAPL")
        return [int(each) for each in (stop, ioc, fok, odd)]

    stop, ioc, fok, odd = run(trade(), clock=clock)
    core.close()
    records = read_records(open_journal(tmp_path / "a.gmj"))
    analysed = analyse_records(records, tmp_path / "a.gmc")
    got = receive(analysed, records)
    kind = dict(zip(analysed.children["order_id"].tolist(), got.kind.tolist(), strict=True))
    told = [TYPES.index(name) for name in ("executable stop", "marketable IOC", "market")]
    assert [kind[each] for each in (stop, ioc, odd)] == told
    assert len(analysed.orders["order_id"]) == 4
    assert got.at_ns[0] == analysed.orders["route_ns"][0] >= analysed.orders["decision_ns"][0]
    assert analysed.children["venue"][0] == analysed.fills["venue"][analysed.fills["child"] == 0][0]
    assert kind[fok] == -1
    lots = {(row["order_type"], row["lot"]) for row in execution_quality(analysed, records)}
    assert lots == {("executable stop", "round lot"), ("marketable IOC", "round lot"), ("market", "odd lot")}


weighted_values = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), min_size=1, max_size=12)


@given(weighted_values, st.sampled_from([0.5, 0.99, 1]))
def test_quantiles_by_shares(pairs, share):
    values, weights = (np.array(column, float) for column in zip(*pairs, strict=True))
    assert _quantile(values, weights, share) == reference.percentile(pairs, share)


def test_a_shown_size_is_its_code_s_rounded_up():
    for shown in (1, 2, 7, 8, 9, 100, 1000, 12_345, 2**31):
        octave = shown.bit_length() - 1
        eighths = -(-shown * 8 // 2**octave)
        code = 1 + 8 * octave + (eighths - 8)
        value = int(shown_value(np.array([code]))[0])
        assert shown <= value <= shown * 9 // 8 + 1
    assert shown_value(np.array([0]))[0] == 0
    assert [dollars_text(k) for k in (0, 1, len(DOLLARS) - 1)] == ["0-250", "250-1000", "200000+"]
