"""The main job: a basket of parent orders over a synthetic session."""

from __future__ import annotations

import pytest

from grandmodel.execution import RiskLimitBreached
from grandmodel.execution.config import load_config
from grandmodel.execution.routing.algorithms import AlgorithmConfigError
from grandmodel.execution.simulation.basket import BASKET, run_basket

SIMULATION = {"mode": "simulation"}
SMALL = (
    {"symbol": "AAPL", "side": "buy", "quantity": 500, "start": 1, "algorithm": "twap", "duration_minutes": 10},
    {"symbol": "KO", "side": "sell", "quantity": 300, "start": 2, "algorithm": "market"},
)


def test_the_basket_is_worked_and_reported_on():
    seen = []
    report = run_basket(load_config(SIMULATION), progress=lambda *each: seen.append(each))
    assert [result.symbol for result in report.results] == [entry["symbol"] for entry in BASKET]
    assert {result.algorithm for result in report.results} == {"vwap", "twap", "implementation_shortfall", "market"}
    for entry, result in zip(BASKET, report.results, strict=True):
        assert result.order_quantity == entry["quantity"]
        assert result.filled_quantity == result.fills["quantity"].sum() <= result.order_quantity
        exact = result.cost.parts_e9
        assert sum(exact[part] for part in ("delay", "trading", "opportunity", "fees")) == exact["total"]
    assert report.statistics["illegal_transitions"] == report.statistics["unknown_reports"] == 0
    assert report.statistics["open"] == 0
    assert {index for index, _, _ in seen} == set(range(len(BASKET)))
    assert all(0 <= done <= quantity for _, done, quantity in seen)


def test_progress_does_not_change_the_day():
    plain, watched = (
        run_basket(load_config(SIMULATION), basket=SMALL, progress=progress) for progress in (None, lambda *each: None)
    )
    assert plain.journal_sha256 == watched.journal_sha256
    assert plain.statistics == watched.statistics


def test_seeds_make_the_day():
    hashes = [run_basket(load_config({**SIMULATION, "seed": seed}), basket=SMALL).journal_sha256 for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_day_without_a_session_is_refused():
    with pytest.raises(ValueError, match="closed"):
        run_basket(load_config(SIMULATION), day="2025-01-04", basket=SMALL)


@pytest.mark.parametrize(
    ("change", "sections", "error"),
    [
        ({"duration_minutes": 0}, {}, AlgorithmConfigError),
        ({}, {"risk_controls": {"position_limits": {"default": 100}}}, RiskLimitBreached),
    ],
)
def test_an_entry_that_is_refused_ends_the_run_with_its_error(change, sections, error):
    with pytest.raises(ExceptionGroup) as caught:
        run_basket(load_config({**SIMULATION, **sections}), basket=({**SMALL[0], **change}, SMALL[1]))
    assert any(isinstance(each, error) for each in caught.value.exceptions)


def test_a_run_ends_though_a_venue_never_says_what_became_of_a_child():
    faults = {"seed": 11, "script": [{"message": "fill", "number": 1, "fault": "drop"}]}
    config = load_config({**SIMULATION, "simulation": {"faults": faults}})
    report = run_basket(config, basket=SMALL)
    waiting = [result for result in report.results if not result.status.is_closed]
    assert waiting
    assert report.statistics["open"] >= len(waiting)
    for result in waiting:
        assert result.filled_quantity == result.fills["quantity"].sum() < result.order_quantity
    assert run_basket(config, basket=SMALL).journal_sha256 == report.journal_sha256


def test_the_command_names_what_was_not_told(tmp_path, capsys, monkeypatch):
    from grandmodel.execution.cli import main

    path = tmp_path / "faults.yaml"
    path.write_text("mode: simulation\nsimulation: {faults: {seed: 11, drop: 20%}}\n")
    monkeypatch.setattr("sys.argv", ["gmexec", "run", "--config", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "a venue has not said what became of a child" in capsys.readouterr().out
