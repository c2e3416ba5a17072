"""Sessions: the packaged table against days known by hand, daylight saving, and exchange_calendars."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.execution import sessions
from grandmodel.execution.sessions import SessionRangeError, local_to_ns, next_session, session, session_date

HOUR = 3600 * 10**9


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


def test_a_regular_day() -> None:
    day = session("XNAS", date(2012, 6, 21))
    assert day is not None
    assert day.open_ns == utc_ns(2012, 6, 21, 13, 30) == 1340285400 * 10**9
    assert day.close_ns == utc_ns(2012, 6, 21, 20)
    assert not day.is_half_day
    assert (day.exchange, day.date) == ("XNAS", date(2012, 6, 21))


def test_a_half_day() -> None:
    day = session("XNYS", date(2024, 7, 3))
    assert day is not None
    assert day.is_half_day
    assert (day.open_ns, day.close_ns) == (utc_ns(2024, 7, 3, 13, 30), utc_ns(2024, 7, 3, 17))


@pytest.mark.parametrize(
    "day",
    [
        "2018-12-05",  # mourning, George H. W. Bush
        "2025-01-09",  # mourning, Jimmy Carter
        "2012-10-29", "2012-10-30",  # hurricane Sandy
        "2024-12-25", "2021-12-24", "2022-06-20", "2010-01-01", "2024-03-29", "2026-07-03",
        "2024-07-06", "2024-07-07", "2030-12-25",
    ],
)  # fmt: skip
def test_closed(day: str) -> None:
    assert session("XNYS", date.fromisoformat(day)) is None
    assert session("XNAS", date.fromisoformat(day)) is None


def test_juneteenth_became_a_market_holiday_in_2022() -> None:
    assert session("XNYS", date(2021, 6, 18)) is not None
    assert session("XNYS", date(2022, 6, 20)) is None


@pytest.mark.parametrize(
    ("day", "open_utc"),
    [("2024-03-08", 14), ("2024-03-11", 13), ("2024-11-01", 13), ("2024-11-04", 14)],
)
def test_daylight_saving_moves_the_open(day: str, open_utc: int) -> None:
    d = date.fromisoformat(day)
    found = session("XNYS", d)
    assert found is not None
    assert found.open_ns == utc_ns(d.year, d.month, d.day, open_utc, 30)
    assert found.close_ns - found.open_ns == 6.5 * HOUR


def test_neighbours() -> None:
    assert next_session("XNYS", date(2012, 10, 26)).date == date(2012, 10, 31)
    assert sessions.previous_session("XNYS", date(2012, 10, 31)).date == date(2012, 10, 26)
    assert next_session("XNYS", date(2024, 7, 3)).date == date(2024, 7, 5)


@pytest.mark.parametrize("day", [date(2009, 12, 31), date(2036, 1, 1)])
def test_outside_the_table_is_an_error(day: date) -> None:
    for ask in (session, next_session, sessions.previous_session):
        with pytest.raises(SessionRangeError, match="2010-01-01 to 2035-12-31"):
            ask("XNYS", day)


def test_the_last_session_has_no_next() -> None:
    with pytest.raises(SessionRangeError):
        next_session("XNYS", date(2035, 12, 31))


def test_the_session_of_an_instant() -> None:
    day = session("XNYS", date(2024, 7, 3))
    assert day is not None
    assert sessions.session_of("XNYS", day.open_ns) == day
    assert sessions.session_of("XNYS", day.close_ns - 1) == day
    for outside in (day.open_ns - 1, day.close_ns, utc_ns(2024, 7, 4, 15), utc_ns(2024, 7, 6, 15)):
        assert sessions.session_of("XNYS", outside) is None
    with pytest.raises(SessionRangeError):
        sessions.session_of("XNYS", utc_ns(2036, 1, 2, 15))


@pytest.mark.parametrize("exchange", ["XNYS", "XNAS"])
def test_closes_are_those_of_the_sessions(exchange: str) -> None:
    day, expected = date(2010, 1, 1), []
    while day <= date(2035, 12, 31):
        found = session(exchange, day)
        expected += [found.close_ns] if found is not None else []
        day += timedelta(days=1)
    every = sessions.all_closes_ns(exchange)
    assert every.tolist() == expected
    assert not every.flags.writeable
    first, last = expected[10], expected[20]
    assert sessions.closes_ns(exchange, first, last).tolist() == expected[11:21]  # behind the start, up to the end
    assert sessions.closes_ns(exchange, first - 1, last - 1).tolist() == expected[10:20]
    assert sessions.closes_ns(exchange, last, first).size == 0
    assert sessions.closes_ns(exchange, 0, 10**18).tolist() == [close for close in expected if close <= 10**18]
    assert sessions.closes_ns(exchange, utc_ns(2040, 1, 1), utc_ns(2041, 1, 1)).size == 0  # nobody knows them


def test_what_is_always_open() -> None:
    day = 86_400 * 10**9
    found = session("24/7", date(2024, 12, 25))
    assert found is not None
    assert (found.open_ns, found.close_ns) == (utc_ns(2024, 12, 25), utc_ns(2024, 12, 26))
    assert sessions.session_of("24/7", utc_ns(2024, 7, 6, 3)) == session("24/7", date(2024, 7, 6))
    assert next_session("24/7", date(2024, 7, 5)).date == date(2024, 7, 6)
    assert sessions.trading_date(utc_ns(2024, 7, 6), "24/7") == date(2024, 7, 6)
    assert sessions.closes_ns("24/7", 0, 3 * day).tolist() == [day, 2 * day, 3 * day]
    assert sessions.closes_ns("24/7", day, 3 * day - 1).tolist() == [2 * day]
    assert sessions.closes_ns("24/7", -5 * day, 0).size == 0
    assert sessions.all_closes_ns("24/7")[-1] > utc_ns(2069, 1, 1)
    assert "24/7" in sessions.exchanges()
    with pytest.raises(ValueError, match="unknown exchange 'XLON'"):
        sessions.closes_ns("XLON", 0, 1)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="unknown exchange 'XLON', known are 24/7, XNAS, XNYS"):
        session("XLON", date(2024, 1, 2))
    with pytest.raises(TypeError, match="day must be a date, was datetime"):
        session("XNYS", datetime(2024, 1, 2))
    with pytest.raises(TypeError, match="was str"):
        session("XNYS", "2024-01-02")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a datetime, was int"):
        local_to_ns(5)  # type: ignore[arg-type]


def test_dates_of_instants() -> None:
    close = session("XNYS", date(2024, 7, 3))
    assert close is not None
    assert session_date(utc_ns(2024, 7, 4, 3, 59)) == date(2024, 7, 3)
    assert session_date(utc_ns(2024, 7, 4, 4)) == date(2024, 7, 4)
    assert sessions.trading_date(close.close_ns - 1) == date(2024, 7, 3)
    assert sessions.trading_date(close.close_ns) == date(2024, 7, 5)
    assert sessions.trading_date(utc_ns(2024, 7, 6, 12)) == date(2024, 7, 8)
    assert sessions.trading_date(utc_ns(2024, 7, 8, 5)) == date(2024, 7, 8)


def test_local_time() -> None:
    assert local_to_ns(datetime(2025, 1, 2, 9, 30)) == utc_ns(2025, 1, 2, 14, 30)
    assert local_to_ns(datetime(2025, 7, 2, 9, 30, 0, 1)) == utc_ns(2025, 7, 2, 13, 30) + 1000
    elsewhere = timezone(timedelta(hours=1))
    assert local_to_ns(datetime(2025, 1, 2, 9, 30, tzinfo=elsewhere)) == utc_ns(2025, 1, 2, 8, 30)
    assert local_to_ns(datetime(1960, 1, 2, 9, 30)) == utc_ns(1960, 1, 2, 14, 30) == -315480600 * 10**9


def test_the_hour_that_occurs_twice_and_the_one_that_does_not() -> None:
    twice = datetime(2024, 11, 3, 1, 30)
    assert local_to_ns(twice) == utc_ns(2024, 11, 3, 5, 30)
    assert local_to_ns(twice.replace(fold=1)) == utc_ns(2024, 11, 3, 6, 30)
    with pytest.raises(ValueError, match="2024-03-10 02:30:00 does not exist in America/New_York"):
        local_to_ns(datetime(2024, 3, 10, 2, 30))


@settings(max_examples=100, deadline=None)
@given(micros=st.integers(1_262_304_000 * 10**6, 2_082_758_400 * 10**6), rest=st.integers(0, 999))
def test_local_round_trip(micros: int, rest: int) -> None:
    ns = micros * 1000 + rest
    local = sessions.ns_to_local(ns)
    assert local_to_ns(local) == ns - rest
    assert local_to_ns(local.replace(tzinfo=None)) == ns - rest


@pytest.mark.skipif(
    importlib.util.find_spec("exchange_calendars") is None, reason="exchange_calendars is not installed"
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("exchange", ["XNYS", "XNAS"])
def test_every_day_equals_exchange_calendars(exchange: str) -> None:
    import exchange_calendars  # type: ignore[import-untyped, import-not-found, unused-ignore]

    calendar = exchange_calendars.get_calendar(exchange, start="2010-01-01", end="2035-12-31")
    # Nanoseconds are asked for by name: a column's resolution differs between versions of pandas.
    expected = {
        stamp.date(): (row["open"].as_unit("ns").value, row["close"].as_unit("ns").value)
        for stamp, row in calendar.schedule.iterrows()
    }
    assert len(expected) > 5000
    day = date(2010, 1, 1)
    while day <= date(2035, 12, 31):
        found = session(exchange, day)
        assert (None if found is None else (found.open_ns, found.close_ns)) == expected.get(day), day
        day += timedelta(days=1)


def test_table_is_small() -> None:
    table = Path(sessions.__file__).with_name("data") / "sessions.json"
    assert table.stat().st_size < 10_000
