"""Volume curves: static from history, and forecast anew as the day goes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import volume as twin

from grandmodel.execution._core import schedule
from grandmodel.execution.routing.algorithms import historical_volume_curve
from grandmodel.execution.routing.algorithms.forecast import CLAMP, VolumeForecast

VOLUMES = st.lists(st.floats(0, 1e6), min_size=2, max_size=40)


@given(VOLUMES, st.data())
def test_the_forecast_is_the_rules(shares, data):
    shares = [share + 1e-3 for share in shares]
    volumes = data.draw(st.lists(st.integers(0, 10**6), max_size=len(shares) - 1))  # whole shares
    forecast = VolumeForecast(shares)
    for volume in volumes:
        forecast.saw(volume)
    left = forecast.remaining()
    assert left == pytest.approx(twin.remaining(shares, volumes), rel=1e-6, abs=1e-9)
    static = np.array(shares[len(volumes) :])
    assert (left[1:] == static[1:]).all()
    assert abs(left[0] / static[0] - 1.0) <= CLAMP + 1e-12


@given(st.integers(1, 10**6), VOLUMES, st.floats(0.1, 1e4), st.sampled_from([1, 100]))
def test_a_day_as_the_curve_has_it_gives_the_static_schedule(quantity, shares, scale, lot):
    shares = np.array(shares) + 1.0
    forecast, left, carry, slices = VolumeForecast(shares), quantity, 0.0, []
    for share in shares:
        child, carry = schedule.vwap_next(left, forecast.remaining(), carry, None, lot)
        slices.append(child)
        left -= child
        forecast.saw(share * scale)
    assert slices == schedule.vwap_slices(quantity, shares, lot).tolist()


def test_a_morning_that_repeats_its_surprises_bends_the_next_bin():
    forecast = VolumeForecast([1.0] * 10)
    for volume in (100, 200, 300, 500, 900):  # each bin above what the day so far promised
        forecast.saw(volume)
    assert forecast.slope > 0.5
    assert forecast.remaining()[0] == 1.0 + CLAMP
    for volume in (900, 900, 900, 900):
        forecast.saw(volume)
    assert forecast.remaining().tolist() == [1.0]  # late in the day the curve stands


def test_a_curve_from_history_is_the_mean_of_the_days_shares():
    days = [[10, 30, 60], [200, 200, 600]]
    assert historical_volume_curve(days) == pytest.approx([0.15, 0.25, 0.6])
    assert historical_volume_curve(days, days=1) == pytest.approx([0.2, 0.2, 0.6])
    assert historical_volume_curve([*days, [0, 0, 0], [9, 0, 0]], halted=[False, False, False, True]) == pytest.approx(
        [0.15, 0.25, 0.6]
    )
    half_day = date(2024, 11, 29)
    dates = [date(2024, 11, 26), date(2024, 11, 27), half_day, date(2024, 12, 25)]
    assert historical_volume_curve([*days, [1, 0, 0], [1, 0, 0]], dates=dates) == pytest.approx([0.15, 0.25, 0.6])


@pytest.mark.parametrize(
    ("volumes", "more", "message"),
    [
        ([1, 2], {}, "shape"),
        ([[]], {}, "shape"),
        ([[1, -1]], {}, r"volumes\[0\]\[1\] is -1.0"),
        ([[1, np.nan]], {}, r"volumes\[0\]\[1\] is nan"),
        ([[0, 0]], {}, "no whole day"),
        ([[1, 2]], {"halted": [True]}, "no whole day"),
        ([[1, 2]], {"halted": [1]}, "halted"),
        ([[1, 2]], {"dates": []}, "dates has 0 days"),
        ([[1, 2]], {"days": 0}, "days is 0"),
        ([[1, 2]], {"days": True}, "days is True"),
    ],
)
def test_what_makes_no_curve_is_refused_by_name(volumes, more, message):
    with pytest.raises(ValueError, match=message):
        historical_volume_curve(volumes, **more)
