"""A day summed up: every group adds up to the whole, in integers, and nothing is said that the samples do not bear."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support_tca import make_day

from grandmodel.execution.analytics.day_summary import summarise
from grandmodel.execution.analytics.journal_costs import PARTS, analyse_journal, exact_sum
from grandmodel.execution.analytics.venue_costs import half_hours


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    made = make_day(tmp_path_factory.mktemp("day"), 400, 12, seed=8, minutes=25, events_per_second=15)
    analysed = analyse_journal(*made)
    return analysed, summarise(analysed)


def test_groups_add_up_to_the_whole(day):
    analysed, summary = day
    for groups in (summary.by_algorithm, summary.by_strategy, summary.by_symbol, summary.by_side):
        assert sum(each.orders for each in groups) == summary.whole.orders == len(analysed)
        assert sum(each.measured for each in groups) == summary.whole.measured
        assert sum(each.filled for each in groups) == analysed.fills["quantity"].sum()
        for part in (*PARTS, "spread", "move"):
            assert sum(each.parts_e9[part] for each in groups) == summary.whole.parts_e9[part]
    parts = summary.whole.parts_e9
    assert parts["total"] == parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"]


def test_venues_and_what_was_not_filled_are_the_total(day):
    _, summary = day
    assert sum(each.cost_e9 for each in summary.venues) + summary.residual_e9 == summary.whole.parts_e9["total"]
    assert summary.residual_e9 == summary.whole.parts_e9["opportunity"]
    assert sum(each.share for each in summary.venues) == pytest.approx(1.0)
    assert sum(each.fill_share for each in summary.venues) == pytest.approx(1.0)


def test_a_venue_by_hand(day):
    analysed, summary = day
    f, c, name = analysed.fills, analysed.children, summary.venues[0].name
    number = next(n for n in set(f["venue"].tolist()) if analysed.names.venue_text(n) == name)
    rows = [k for k in range(len(f["venue"])) if f["venue"][k] == number]
    price, mid, side = (f[column].tolist() for column in ("price_e9", "mid_e9", "side"))
    spread = [2e4 * side[k] * (price[k] - mid[k]) / mid[k] for k in rows]
    worth = [int(f["quantity"][k]) * price[k] for k in rows]
    mean = sum(s * w for s, w in zip(spread, worth, strict=True)) / sum(worth)
    venue = summary.venues[0]
    assert venue.effective_bps.mean == pytest.approx(mean)
    assert venue.fills == len(rows)
    assert venue.fees_e9 == sum(int(f["fee_e9"][k]) for k in rows)
    sent = c["venue"] == number
    assert (venue.orders, venue.quantity) == (sent.sum(), c["quantity"][sent].sum())
    assert venue.fill_rate == pytest.approx(f["quantity"][rows].sum() / c["quantity"][sent].sum())
    assert venue.effective_bps.clusters == len(set(half_hours(f["symbol"], f["time_ns"])[rows].tolist()))


def test_means_are_weighted_by_paper_value(day):
    analysed, summary = day
    o, used = analysed.orders, analysed.measured
    total, value = exact_sum(o["total_e9"][used]) / 1e9, float(o["value"][used].sum())
    assert summary.whole.cost.mean == pytest.approx(total / value * 1e4)
    assert summary.whole.bps("total") == pytest.approx(summary.whole.cost.mean)
    assert summary.whole.plain_bps == pytest.approx(float(np.mean(o["total_bps"][used])))


def test_nothing_is_said_of_too_few(day):
    """25 minutes are two half hours: twelve symbols make at most 24 samples."""
    _, summary = day
    assert summary.whole.cost.clusters < 30
    assert summary.findings[0].confidence.startswith("no verdict: ")
    for each in summary.findings:
        assert "more than the rest" not in each.text
        assert "less than elsewhere" not in each.text
    for group in (*summary.by_algorithm, *summary.by_strategy):
        assert group.against_rest is None or group.against_rest.verdict == "too few samples"
        assert math.isnan(group.adjusted_p)
