"""Other people's functions within their time: answers, errors, lateness, and those that will not be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from grandmodel.execution import clock as clocks
from grandmodel.execution.deadlines import call_within


async def answers(value):
    await asyncio.sleep(0.1)
    return value


async def raises(value):
    raise KeyError(value)


async def will_not_end(value):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            value.append("cancelled")
            if len(value) == 2:
                raise


async def fails_when_it_is_cancelled(value):
    try:
        await asyncio.sleep(3600)
    finally:
        raise RuntimeError(value)


def within(seconds, function, given):
    async def main():
        clock = clocks.current_clock()
        begin = clock.now_ns()
        try:
            return await call_within(clock, seconds, function, given), clock.now_ns() - begin
        except Exception as error:
            return error, clock.now_ns() - begin

    return clocks.run(main())


def test_an_answer_and_an_error_are_its_own():
    assert within(1.0, answers, 7) == (7, 100_000_000)
    assert within(1.0, str, 7) == ("7", 0)
    error, _ = within(1.0, raises, "x")
    assert isinstance(error, KeyError)


def test_one_that_will_not_be_cancelled_holds_nobody_up():
    told = []
    error, took = within(0.25, will_not_end, told)
    assert isinstance(error, TimeoutError)
    assert "will_not_end took more than 0.25 s" in str(error)
    assert took == 250_000_000
    assert told[0] == "cancelled"


def test_an_error_that_comes_too_late_is_nobodys(caplog):
    error, took = within(0.25, fails_when_it_is_cancelled, "late")
    assert isinstance(error, TimeoutError)
    assert took == 250_000_000
    assert "never retrieved" not in caplog.text


def test_who_is_cancelled_cancels_it_and_is_not_held_up():
    told = []

    async def main():
        clock = clocks.current_clock()
        waits = asyncio.ensure_future(call_within(clock, 60.0, will_not_end, told))
        await clock.sleep(1.0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        await clock.sleep(1.0)
        assert told == ["cancelled"]

    clocks.run(main())
