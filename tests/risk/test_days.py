"""Days of an engine made from a configuration: DAY orders end with their exchange's session, daily figures begin
again."""

from datetime import UTC, date, datetime

import pytest

from grandmodel.execution.clock import SimulatedClock
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import make_core
from grandmodel.execution.instruments import Instrument, InstrumentCatalog
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.sessions import session

E9 = 10**9
MINUTE = 60 * E9
SESSION = 11  # gm_record_kind


def at(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * E9


def engine(start_ns, **config):
    core = make_core(
        load_config({"market": {"events_per_second": 0.001}, **config}), clock=SimulatedClock(start_ns)
    )
    return core, OrderManager(engine=core)


def resting(**changes):
    return {
        "symbol": "AAPL", "side": "buy", "quantity": 10, "order_type": "limit", "limit_price": 50.0, **changes
    }  # fmt: skip


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2012, 6, 21), at(2012, 6, 21, 20)), (date(2024, 7, 3), at(2024, 7, 3, 17)),  # a half day
        (date(2025, 1, 2), at(2025, 1, 2, 21)), (date(2035, 12, 31), at(2035, 12, 31, 21)),
    ],
)  # fmt: skip
def test_day_orders_end_with_the_session(day, close):
    found = session("XNAS", day)
    assert found is not None
    assert found.close_ns == close
    core, om = engine(close - MINUTE, order_management={"daily_order_limit": 3})
    ends, stays, other = (om.submit_order(resting(**each)) for each in ({}, {"time_in_force": "GTC"}, {"symbol":
    "JPM"}))
    with pytest.raises(Exception, match="daily_count"):
        om.submit_order(resting())
    core.advance(close - 1)
    assert [str(each.status) for each in (ends, stays, other)] == ["NEW", "NEW", "NEW"]
    core.advance(close + 1)
    assert [str(each.status) for each in (ends, stays, other)] == ["EXPIRED", "NEW", "EXPIRED"]
    rows = core.journal.rows(SESSION)
    assert set(rows["close_ns"].tolist()) == {close}
    assert len(rows) == len(core.instruments.calendars) == 2
    om.submit_order(resting())  # a new day
    assert core.portfolio.account()["orders_today"] == 1
    core.close()


def test_days_when_the_engine_was_off_end_at_the_start(tmp_path):
    journal = {"path": str(tmp_path / "log")}
    core, om = engine(at(2024, 7, 2, 15), journal=journal)
    ticket = om.submit_order(resting())
    om.submit_order(resting(time_in_force="GTC"))
    core.close()
    core, om = engine(at(2024, 7, 9, 15), journal=journal)
    core.advance(at(2024, 7, 9, 15, 1))
    assert om.get_order(int(ticket)).status == "EXPIRED"
    assert len(om.open_orders()) == 1
    assert core.journal.rows(SESSION)["close_ns"].tolist() == [at(2024, 7, 8, 20)] * 2  # four closes end as one
    core.close()


def test_what_is_always_open_and_what_nobody_knows(caplog):
    rows = dict(InstrumentCatalog.load().extended({
        "BTC/USD": {"reference_price": "60000", "session": "24/7"}, "VOD": {"reference_price": "70", "session": "XLON"},
    }))  # fmt: skip
    instruments: list[Instrument] = [rows["BTC/USD"], rows["VOD"]]
    clock = SimulatedClock(at(2024, 7, 6, 23, 59))
    core = make_core(load_config({"market": {"events_per_second": 0.001}}), clock=clock, instruments=instruments)
    assert "unknown exchange 'XLON'" in caplog.text
    om = OrderManager(engine=core)
    coin = om.submit_order(resting(symbol="BTC/USD", limit_price=50_000.0))
    share = om.submit_order(resting(symbol="VOD", limit_price=50.0))
    core.advance(at(2024, 7, 7, 0, 1))
    assert (str(coin.status), str(share.status)) == ("EXPIRED", "NEW")
    core.close()


def test_a_time_that_no_table_covers_has_no_close():
    core, om = engine(at(1990, 1, 2, 15))
    ticket = om.submit_order(resting())
    core.advance(at(1990, 1, 4, 15))
    assert ticket.status == "NEW"
    core.close()
