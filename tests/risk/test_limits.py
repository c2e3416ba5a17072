"""Limits that change: values of every limit, which way they move, what is recorded, what is refused, and a file that is watched."""

import threading
import time
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.execution._core.instruments import Instruments
from grandmodel.execution._core.limits import change_limits, record_limits
from grandmodel.execution._core.records import LIMIT_DTYPE
from grandmodel.execution._core.recovery import snapshot
from grandmodel.execution._core.risk import Limits
from grandmodel.execution._core.values import CHECKS, EngineClosed, RiskLimitBreached
from grandmodel.execution.config import ConfigError, load_config
from grandmodel.execution.engine import ExecutionEngine, make_limits
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.simulation.reexecution import reexecute
from grandmodel.execution.risk.limits import (
    LimitsLoosened,
    LimitWatcher,
    changes_between,
    limit_settings,
    limit_values,
    read_change,
)

E9 = 10**9
EVERY = {
    "order_management": {"max_order_value": 10_000_000, "daily_order_limit": 500},
    "risk_controls": {
        "position_limits": {"default": 5000, "AAPL": 700},
        "order_limits": {
            "max_order_size": 1000, "max_notional": "50000.25", "daily_notional": 10**7, "max_volume_share": "5%",
            "duplicate_window_ms": 500, "max_messages": 100, "message_window_ms": "2s", "max_open_orders": 50,
        },
        "exposure_limits": {
            "sectors": {"technology": 0.4}, "default_sector_limit": 0.3, "max_leverage": 2, "max_concentration": 0.25,
            "max_gross": 10**6, "max_net": 5 * 10**5,
        },
        "price_collar": {"reference": "last", "max_bps": 150}, "max_quote_age_ms": 750, "halts": True,
        "restricted": ["JPM"], "long_only": ["MSFT"], "locates": {"AAPL": 300, "default": 0}, "self_match": "cancel_both",
    },
}  # fmt: skip


def changed(config, path, value):
    """A copy with the value at a dotted path replaced; None takes it out."""
    head, _, rest = path.partition(".")
    copy = dict(config)
    if rest:
        copy[head] = changed(copy.get(head) or {}, rest, value)
    elif value is None:
        copy.pop(head, None)
    else:
        copy[head] = value
    return copy


def values(config):
    return limit_values(load_config(config))


def limits_of(om):
    """The LIMIT records of its log: (change, who, why), and whether each was refused."""
    rows = om.core.journal.rows(10)
    return [(*read_change(row), bool(row["refused"])) for row in rows]


# ---- values


def test_every_limit_has_a_value_in_its_own_unit():
    assert values(EVERY) == {
        "order_management.max_order_value": 10**7 * E9, "order_management.daily_order_limit": 500,
        "position_limits.default": 5000 * E9, "position_limits.AAPL": 700 * E9, "order_limits.max_order_size": 1000 * E9,
        "order_limits.max_notional": 50_000_250_000_000, "order_limits.daily_notional": 10**16,
        "order_limits.max_volume_share": 50_000_000, "order_limits.duplicate_window_ms": 500_000_000,
        "order_limits.max_messages": 100, "order_limits.message_window_ms": 2 * E9, "order_limits.max_open_orders": 50,
        "exposure_limits.sectors.technology": 400_000_000, "exposure_limits.default_sector_limit": 300_000_000,
        "exposure_limits.max_leverage": 2 * E9, "exposure_limits.max_concentration": 250_000_000,
        "exposure_limits.max_gross": 10**15, "exposure_limits.max_net": 5 * 10**14, "price_collar.reference": 2,
        "price_collar.max_bps": 150 * E9, "max_quote_age_ms": 750_000_000, "halts": 1, "restricted.JPM": 1, "long_only.MSFT": 1,
        "locates": 1, "locates.AAPL": 300 * E9, "locates.default": 0, "self_match": 3,
    }  # fmt: skip
    assert values({}) == {}
    assert values({"order_management": {"enable_pre_trade_risk": False}, "risk_controls": EVERY["risk_controls"]}) == {}


def test_the_values_are_what_the_core_gets():
    config = load_config(EVERY)
    table = Instruments()
    for symbol in ("AAPL", "MSFT", "JPM"):
        table.add(symbol, tick_e9=E9 // 100)
    limits = make_limits(config, table)
    assert set(limits.configured) == {name for _, name, _, _ in CHECKS} - {"price"}
    got = limits.settings
    assert got["positions"] == {"AAPL": 700}
    assert got["located"] == {"AAPL": 300}
    assert (got["default_position"], got["max_order_size"], got["max_notional"]) == (5000, 1000, 50_000_250_000_000)
    assert (got["collar"], got["collar_unit"], got["collar_reference"]) == (150 * E9, "bps_e9", "last")
    assert (got["duplicate"], got["max_messages"], got["rate"], got["max_age"]) == (E9 // 2, 100, 2 * E9, 750_000_000)
    assert (got["restricted"], got["long_only"], got["self_match"]) == (["JPM"], ["MSFT"], "cancel_both")
    ticks = make_limits(load_config({"risk_controls": {"price_collar": {"max_ticks": 5}}}), table)
    assert (ticks.settings["collar"], ticks.settings["collar_unit"]) == (5, "ticks")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("order_limits.max_volume_share", -0.1), ("order_limits.max_volume_share", float("nan")), ("order_limits.duplicate_window_ms", 0),
        ("order_limits.duplicate_window_ms", "2d"), ("order_limits.max_messages", -1), ("order_limits.max_messages", 65537),
        ("order_limits.max_messages", 1.0), ("order_limits.max_messages", True), ("order_limits.message_window_ms", 0),
        ("order_limits.max_open_orders", -1), ("order_limits.max_open_orders", 2**63), ("exposure_limits.max_gross", -1),
        ("exposure_limits.max_gross", float("inf")), ("exposure_limits.max_net", "many"), ("exposure_limits.max_net", 2**63),
        ("price_collar", {}), ("price_collar", {"max_bps": 5, "max_ticks": 5}), ("price_collar.max_bps", -1),
        ("price_collar.max_bps", float("nan")), ("price_collar.max_ticks", 1.5), ("price_collar", {"max_bps": 1, "reference": "open"}),
        ("max_quote_age_ms", 0), ("max_quote_age_ms", -5), ("max_quote_age_ms", True), ("halts", 1), ("halts", "yes"),
        ("restricted", "AAPL"), ("restricted", ["aapl"]), ("restricted", ["A", "A"]), ("restricted", [1]), ("long_only", "AAPL"),
        ("long_only", 1), ("long_only", ["AAPL", 5]), ("locates", {"AAPL": -1}), ("locates", {"AAPL": float("nan")}),
        ("locates", {"aapl": 1}), ("locates", 5), ("self_match", "cancel"), ("self_match", True), ("watch", 1), ("watch_interval_ms", 1),
    ],
)  # fmt: skip
def test_bad_limits_are_named(path, value):
    config = changed({"risk_controls": {}}, f"risk_controls.{path}", value)
    with pytest.raises(ConfigError, match=path.replace(".", r"\.")):
        load_config(config)


# ---- direction


@pytest.mark.parametrize(
    ("path", "tighter", "looser"),
    [
        ("order_management.max_order_value", 10**6, 10**8), ("order_management.daily_order_limit", 499, 501),
        ("risk_controls.position_limits.AAPL", 699, 701), ("risk_controls.position_limits.AAPL", 0, None),  # the default is larger
        ("risk_controls.position_limits.MSFT", 4999, 5001), ("risk_controls.position_limits.default", 4999, None),
        ("risk_controls.order_limits.max_order_size", 999, 1001), ("risk_controls.order_limits.max_notional", 1, None),
        ("risk_controls.order_limits.daily_notional", 1, None), ("risk_controls.order_limits.max_volume_share", 0.04, 0.06),
        ("risk_controls.order_limits.duplicate_window_ms", 501, 499), ("risk_controls.order_limits.duplicate_window_ms", 600, None),
        ("risk_controls.order_limits.max_messages", 99, 101), ("risk_controls.order_limits.message_window_ms", 2001, 1999),
        ("risk_controls.order_limits.max_open_orders", 49, None), ("risk_controls.exposure_limits.sectors.technology", 0.39, 0.41),
        ("risk_controls.exposure_limits.sectors.energy", 0.29, 0.31), ("risk_controls.exposure_limits.default_sector_limit", 0.2, None),
        ("risk_controls.exposure_limits.max_leverage", 1, 3), ("risk_controls.exposure_limits.max_concentration", 0.2, None),
        ("risk_controls.exposure_limits.max_gross", 1, None), ("risk_controls.exposure_limits.max_net", 1, 10**6),
        ("risk_controls.price_collar.max_bps", 149, 151), ("risk_controls.max_quote_age_ms", 700, 800),
        ("risk_controls.restricted", ["AAPL", "JPM"], []), ("risk_controls.long_only", True, False),
        ("risk_controls.locates.AAPL", 299, 301), ("risk_controls.locates.MSFT", None, 1), ("risk_controls.locates.AAPL", None, 400),
        ("risk_controls.halts", True, False), ("risk_controls.self_match", "cancel_both", "cancel_oldest"),
        ("risk_controls.price_collar.reference", "last", "mid"), ("risk_controls.price_collar", {"reference": "last", "max_bps": 1}, None),
        ("risk_controls.locates", {"AAPL": 0, "default": 0}, None), ("risk_controls.self_match", "cancel_both", None),
    ],
)  # fmt: skip
def test_which_way_a_limit_moves(path, tighter, looser):
    before = values(EVERY)
    assert not [change for change in changes_between(before, values(changed(EVERY, path, tighter))) if change.loosens]
    assert [change for change in changes_between(before, values(changed(EVERY, path, looser))) if change.loosens]
    # and the way back is the other way, but for words, of which nobody knows
    if path not in ("risk_controls.self_match", "risk_controls.price_collar.reference", "risk_controls.locates.MSFT"):
        assert not [change for change in changes_between(values(changed(EVERY, path, looser)), before) if change.loosens]


numbers = st.one_of(st.none(), st.integers(0, 3))


@settings(max_examples=200, deadline=None)
@given(*(st.fixed_dictionaries({"default": numbers, "AAPL": numbers, "MSFT": numbers}) for _ in range(2)))
def test_what_is_not_said_to_loosen_refuses_all_that_was_refused(old, new):
    table = Instruments()
    for symbol in ("AAPL", "MSFT", "JPM"):
        table.add(symbol, tick_e9=1)

    def tables(given_limits):
        config = {"risk_controls": {"position_limits": {k: v for k, v in given_limits.items() if v is not None}}}
        return values(config), {s: given_limits.get(s) if given_limits.get(s) is not None else given_limits["default"] for s in table.symbols}

    (before, was), (after, is_now) = tables(old), tables(new)
    looser = any(was[s] is not None and (is_now[s] is None or is_now[s] > was[s]) for s in was)
    assert any(change.loosens for change in changes_between(before, after)) == looser


# ---- reload


@pytest.fixture
def om():
    manager = OrderManager({"risk_controls": {"order_limits": {"max_order_size": 500}}, "seed": 3, "daily_order_limit": 1000})
    yield manager
    manager.close()


def order(quantity):
    return {"symbol": "AAPL", "side": "buy", "quantity": quantity, "order_type": "limit", "limit_price": 100.0}


def test_a_limit_tightens_at_once_and_the_log_says_who_and_why(om):
    om.submit_order(order(400))
    (change,) = om.reload_limits({"order_limits": {"max_order_size": 300}}, who="anna", why="earnings tonight")
    assert (change.name, change.old, change.new, change.loosens) == ("order_limits.max_order_size", 500 * E9, 300 * E9, False)
    with pytest.raises(RiskLimitBreached, match="order_size 400 above 300"):
        om.submit_order(order(400))
    assert limits_of(om)[-1] == (change, "anna", "earnings tonight", False)
    assert om.core.limits.settings["daily_orders"] == 1000  # of another section: it stays
    assert om.reload_limits({"order_limits": {"max_order_size": 300}}, who="anna", why="again") == ()
    assert len(limits_of(om)) == 3  # two of the start, one change


def test_what_loosens_is_refused_by_name_unless_allowed(om):
    asked = {"order_limits": {"max_order_size": 600}, "restricted": ["JPM"]}
    with pytest.raises(LimitsLoosened, match=r"order_limits\.max_order_size from 500 to 600") as caught:
        om.reload_limits(asked, who="ben", why="more")
    assert [change.name for change in caught.value.changes] == ["order_limits.max_order_size"]
    assert om.core.limits.configured == ["order_size", "daily_count"]  # nothing of it, the list of restricted symbols neither
    change, who, why, refused = limits_of(om)[-1]
    assert (change.name, who, refused) == ("order_limits.max_order_size", "ben", True)
    assert "from 500 to 600" in why
    assert len(om.reload_limits(asked, who="ben", why="more", allow_loosening=True)) == 2
    om.submit_order(order(600))
    with pytest.raises(LimitsLoosened, match="no limit"):
        om.reload_limits({}, who="ben", why="all off")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"order_limits": {"max_order_size": -1}}, ConfigError), ({"order_limits": {"max_order_size": float("nan")}}, ConfigError),
        ({"order_limit": {}}, ConfigError), ({"execution": {"risk_controls": {"halts": 5}}}, ConfigError),
        ("/nowhere/limits.yaml", OSError), (5, TypeError), (None, TypeError), ({"restricted": ["A", "A"]}, ConfigError),
    ],
)  # fmt: skip
def test_what_is_broken_keeps_the_old_limits(om, wrong, error):
    before, records = om.core.limits.settings, len(limits_of(om))
    with pytest.raises(error):
        om.reload_limits(wrong, who="anna", why="test")
    assert om.core.limits.settings == before
    refused = limits_of(om)[records:]
    assert len(refused) == 1
    assert refused[0][3]


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("x", ""), ("  ", "x"), (None, "x"), ("x", 5), ("a\nb", "x")])
def test_who_and_why_are_needed(om, who, why):
    with pytest.raises(ValueError, match="must be text"):
        om.reload_limits({"order_limits": {"max_order_size": 1}}, who=who, why=why)
    with pytest.raises(TypeError, match="allow_loosening"):
        om.reload_limits({}, who="x", why="y", allow_loosening=1)


def test_forms_of_what_is_reloaded(om, tmp_path):
    path = tmp_path / "engine.yaml"
    path.write_text("execution:\n  risk_controls: {order_limits: {max_order_size: 400}}\n  order_management: {daily_order_limit: 900}\n")
    assert {change.name for change in om.reload_limits(path, who="a", why="b")} == {
        "order_limits.max_order_size", "order_management.daily_order_limit",
    }  # fmt: skip
    om.reload_limits({"risk_controls": {"order_limits": {"max_order_size": 300}}}, who="a", why="b")
    assert om.core.limits.settings["daily_orders"] == 900
    whole = load_config({"risk_controls": {"order_limits": {"max_order_size": 200}}, "order_management": {"daily_order_limit": 1}})
    om.reload_limits(whole, who="a", why="ü" * 200)
    assert limits_of(om)[-1][2] == "ü" * 40  # cut where it does not fit, between two characters
    assert om.core.limits.settings["daily_orders"] == 1


def test_native_changes_refuse_what_is_not_theirs(om):
    core = om.core
    row = np.zeros(1, LIMIT_DTYPE)
    for bad in (np.zeros(0, LIMIT_DTYPE), np.zeros(1), None, np.zeros((1, 1), LIMIT_DTYPE)):
        with pytest.raises(TypeError):
            record_limits(core, bad)
    with pytest.raises(ValueError, match="fresh"):
        change_limits(core, core.limits, row)
    with pytest.raises(ValueError, match="fresh"):
        change_limits(core, Limits(Instruments()), row)
    om.close()
    for call in (lambda: record_limits(core, row), lambda: change_limits(core, Limits(core.instruments), row)):
        with pytest.raises(EngineClosed):
            call()


def test_orders_meanwhile_meet_the_old_limits_or_the_new_ones_never_a_mixture():
    """Two sets of limits, each of which refuses one of two orders: never are both refused, or both let through."""
    om = OrderManager({"risk_controls": {"order_limits": {"max_order_size": 100, "max_notional": 10**6}}, "seed": 1})
    core = om.core
    number = om.symbol_number("AAPL")
    kinds = [Limits(core.instruments) for _ in range(2)]
    kinds[0].set(max_order_size=100, max_notional_e9=10**6 * E9)  # refuses the large one by its size
    kinds[1].set(max_order_size=10**6, max_notional_e9=5_000 * E9)  # refuses both by their value
    change_limits(core, kinds[0], np.zeros(1, LIMIT_DTYPE))
    stop = threading.Event()
    swaps = 0

    def swap():
        nonlocal swaps
        while not stop.is_set():
            change_limits(core, kinds[1], np.zeros(1, LIMIT_DTYPE))
            swaps += 1
            time.sleep(0.0002)

    thread = threading.Thread(target=swap)
    thread.start()
    rows = om.order_rows(2000)
    rows["symbol"], rows["side"], rows["order_type"], rows["limit_price_e9"] = number, 1, 2, 100 * E9
    rows["quantity"][::2], rows["quantity"][1::2] = 60, 200
    seen = set()
    try:
        while swaps < 20:
            seen |= set((om.submit_orders(rows) > 0).reshape(-1, 2)[:, 1].tolist())
            core.journal.flush()
    finally:
        stop.set()
        thread.join()
    assert seen == {False}  # the large order passes neither: a mixture of both (size of one, value of the other) would let it
    om.close()


# ---- over restarts


def persistent(tmp_path, **risk):
    return OrderManager({"journal": {"path": str(tmp_path / "log")}, "risk_controls": risk, "seed": 1})


def test_the_log_knows_the_limits_of_each_start(tmp_path):
    first = persistent(tmp_path, order_limits={"max_order_size": 500}, restricted=["JPM"])
    assert {(c.name, c.old, c.new, who) for c, who, *_ in limits_of(first)} == {
        ("order_limits.max_order_size", None, 500 * E9, "configuration"), ("restricted.JPM", None, 1, "configuration"),
    }  # fmt: skip
    first.reload_limits({"order_limits": {"max_order_size": 300}, "restricted": ["JPM"]}, who="anna", why="x")
    first.close()
    again = persistent(tmp_path, order_limits={"max_order_size": 500})
    change, dropped = limits_of(again)[-2:]
    assert (change[0].old, change[0].new, change[0].loosens, change[1]) == (300 * E9, 500 * E9, True, "configuration")
    assert (dropped[0].name, dropped[0].new, dropped[0].loosens) == ("restricted.JPM", None, True)
    again.close()
    same = persistent(tmp_path, order_limits={"max_order_size": 500})
    assert len(limits_of(same)) == 5  # nothing new to say
    same.close()


def test_a_snapshot_knows_them_too(tmp_path):
    first = persistent(tmp_path, order_limits={"max_order_size": 500}, locates={"AAPL": 5})
    snapshot(first.core)
    first.submit_order(order(10))
    first.close()
    again = persistent(tmp_path, order_limits={"max_order_size": 500}, locates={"AAPL": 6})
    assert [(c.name, c.old, c.new) for c, *_ in limits_of(again)[3:]] == [("locates.AAPL", 5 * E9, 6 * E9)]
    again.close()


# ---- a file that is watched


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_a_watched_file(tmp_path):
    path = tmp_path / "engine.yaml"
    text = "risk_controls: {{order_limits: {{max_order_size: {}}}, watch: true, watch_interval_ms: 10}}\n"
    path.write_text(text.format(500))
    engine = ExecutionEngine(path)
    om = engine.order_manager
    assert om.health()["limits"] == {"path": str(path), "state": "in force", "trouble": None}
    path.write_text(text.format(400))
    wait_for(lambda: om.core.limits.settings["max_order_size"] == 400)
    assert limits_of(om)[-1][1:3] == ("file", "engine.yaml changed")
    path.write_text(text.format(4000))  # looser: refused
    wait_for(lambda: om.health()["limits"]["state"] == "refused")
    assert "from 400 to 4,000" in om.health()["limits"]["trouble"]
    path.write_text("risk_controls: [")
    wait_for(lambda: "YAML" in (om.health()["limits"]["trouble"] or ""))
    path.unlink()
    wait_for(lambda: "No such file" in (om.health()["limits"]["trouble"] or ""))
    assert om.core.limits.settings["max_order_size"] == 400
    path.write_text(text.format(300))
    wait_for(lambda: om.core.limits.settings["max_order_size"] == 300)
    assert om.health()["limits"]["state"] == "in force"
    engine.close()
    assert om.health()["limits"]["state"] == "closed"
    assert not [each for each in threading.enumerate() if each.name == "limits"]


def test_a_watcher_lets_its_core_go(tmp_path):
    path = tmp_path / "engine.yaml"
    path.write_text("{}")
    om = OrderManager({})
    watcher = LimitWatcher(om.core, path, 0.01)
    assert watcher.look() == ()
    om.close()
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "limits"])
    watcher.close()


def test_nobody_watches_what_is_no_file(caplog):
    with ExecutionEngine({"risk_controls": {"watch": True}}) as engine:
        assert "is no file" in caplog.text
        assert engine.order_manager.health()["limits"] is None


def test_settings_leave_out_what_is_not_traded(caplog):
    table = Instruments()
    table.add("AAPL", tick_e9=1)
    found = limit_settings({"restricted.NVDA": 1, "position_limits.TSLA": 5 * E9, "long_only.AAPL": 1}, table)
    assert (found["restricted"], found["positions"], found["long_only"]) == ([], {}, ["AAPL"])
    assert caplog.text.count("no such instrument") == 2
    assert isinstance(found, Mapping)


def test_a_day_with_reloads_is_decided_again_bit_for_bit(tmp_path):
    risk = {
        "order_limits": {"max_order_size": 500, "duplicate_window_ms": 20, "max_messages": 30, "message_window_ms": 10, "max_open_orders": 60},
        "price_collar": {"max_bps": 500}, "max_quote_age_ms": 10**6, "halts": True, "self_match": "cancel_oldest", "restricted": ["JPM"],
        "exposure_limits": {"max_gross": 10**6, "max_net": 5 * 10**5},
    }  # fmt: skip
    paths = {"path": str(tmp_path / "log"), "capture": str(tmp_path / "market")}
    om = OrderManager({"journal": paths, "risk_controls": risk, "seed": 1})
    random = np.random.default_rng(3)

    def some(count):
        refused = 0
        for _ in range(count):
            price = round(float(random.normal(150, 4)), 2)
            given = {"symbol": ("AAPL", "JPM")[int(random.random() < 0.05)], "side": ("buy", "sell")[random.integers(2)],
                     "quantity": int(random.integers(1, 6)) * 100, "order_type": "limit", "limit_price": price}  # fmt: skip
            try:
                om.submit_order(given)
            except RiskLimitBreached:
                refused += 1
        return refused

    some(150)
    om.reload_limits({**risk, "order_limits": {**risk["order_limits"], "max_order_size": 200}}, who="anna", why="less")
    assert some(100) > 40
    om.reload_limits(risk, who="anna", why="as before", allow_loosening=True)
    some(100)
    om.close()
    result = reexecute(paths["path"], paths["capture"])
    assert result.differences == []
    assert result.same
    assert result.orders > 20
