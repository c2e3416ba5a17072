"""The catalog: packaged data is sane, additions override single fields, bad values name symbol and field."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.execution import sessions
from grandmodel.execution.instruments import Instrument, InstrumentCatalog, InstrumentError, UnknownSymbol

CATALOG = InstrumentCatalog.load()


def test_packaged_catalog() -> None:
    assert 30 <= len(CATALOG) <= 40
    assert list(CATALOG) == sorted(CATALOG)
    apple = CATALOG["AAPL"]
    assert apple.reference_price_e9 == 150_000_000_000
    assert apple.tick_e9 == 10_000_000
    assert (apple.reference_price, apple.tick_size) == (150.0, 0.01)
    assert (apple.sector, apple.session, apple.venue) == ("technology", "XNAS", "NASDAQ")
    assert apple.currency == "USD"
    assert (apple.round_lot, apple.quantity_step_e9, apple.multiplier) == (100, 10**9, 1)
    assert {"technology", "financials", "healthcare"} <= set(CATALOG.sectors())
    assert InstrumentCatalog.load() is CATALOG


@pytest.mark.parametrize("row", CATALOG.values(), ids=lambda row: row.symbol)
def test_packaged_rows_are_complete(row: Instrument) -> None:
    assert row.reference_price_e9 > 0
    assert row.reference_price_e9 % row.tick_e9 == 0
    assert row.adv is not None
    assert row.shares_outstanding is not None
    assert 0 < row.adv < row.shares_outstanding
    assert row.volatility_daily is not None
    assert 0.005 < row.volatility_daily < 0.06
    assert row.session in sessions.exchanges()
    assert row.sector != "unknown"


def test_tick_ladder() -> None:
    row = CATALOG["F"]
    assert row.tick_e9_at(10**9) == 10_000_000
    assert row.tick_e9_at(10**9 - 1) == 100_000
    assert row.tick_e9_at(0) == 100_000
    with pytest.raises(ValueError, match="price_e9 is -1"):
        row.tick_e9_at(-1)


def test_unknown_symbol_names_the_nearest_and_says_how_to_add_one() -> None:
    with pytest.raises(KeyError) as caught:
        CATALOG["APPL"]
    error = caught.value
    assert isinstance(error, UnknownSymbol)
    assert error.nearest[0] == "AAPL"
    assert str(error).startswith("unknown symbol 'APPL'; nearest known: AAPL")
    assert "instruments: {APPL: {reference_price:" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert CATALOG.get("APPL") is None
    assert "APPL" not in CATALOG
    with pytest.raises(UnknownSymbol, match="nearest known: MSFT"):
        CATALOG["msft"]


@pytest.mark.parametrize("key", [None, 5, [], "", "x" * 10_000])
def test_odd_keys_are_unknown_symbols(key: object) -> None:
    with pytest.raises(UnknownSymbol):
        CATALOG[key]  # type: ignore[index]


def test_rows_are_frozen() -> None:
    with pytest.raises(AttributeError):
        CATALOG["AAPL"].adv = 1  # type: ignore[misc]


def test_extended_adds_and_overrides() -> None:
    more = CATALOG.extended({"AAPL": {"reference_price": "160.25"}, "ACME": {"reference_price": 12.5}})
    assert more["AAPL"].reference_price_e9 == 160_250_000_000
    assert more["AAPL"].adv == CATALOG["AAPL"].adv
    acme = more["ACME"]
    assert (acme.name, acme.sector, acme.adv, acme.volatility_daily) == ("ACME", "unknown", None, None)
    assert len(CATALOG) == len(more) - 1
    assert CATALOG["AAPL"].reference_price == 150.0
    assert CATALOG.extended(None) is CATALOG


def test_flat_tick_and_fractional_step() -> None:
    fields = {"reference_price": "30000.5", "tick_size": "0.5", "quantity_step": "0.001", "currency": "EUR"}
    coin = InstrumentCatalog({"XBT": fields})["XBT"]
    assert coin.tick_ladder_e9 == ((0, 500_000_000),)
    assert coin.quantity_step_e9 == 1_000_000


NOT_PRICES: list[Any] = [
    0, -1, True, None, "abc", "", "1e3", float("nan"), float("inf"), 1e308, 2**63, "nan", [],
]  # fmt: skip
BAD: list[tuple[str, Any]] = [("reference_price", value) for value in NOT_PRICES] + [
    ("reference_price", "150.001"), ("reference_price", 0.00001), ("reference_price", "1.0000000001"),
    ("tick_size", 0), ("tick_size", {}), ("tick_size", {"1": "0.01"}), ("tick_size", {"0": "0.01", 0: "0.1"}),
    ("tick_size", {"0": "0.3", "1": "0.01", "1.005": "0.01"}), ("tick_size", True),
    ("quantity_step", 0), ("quantity_step", "-1"),
    ("round_lot", 0), ("round_lot", 1.5), ("round_lot", True), ("round_lot", "x"), ("round_lot", 2**63),
    ("currency", "usd"), ("currency", 5), ("multiplier", 0), ("adv", 0), ("adv", -5), ("adv", float("nan")),
    ("shares_outstanding", 0), ("volatility_daily", 0), ("volatility_daily", float("nan")),
    ("volatility_daily", True), ("volatility_daily", "lots"), ("volatility_daily", Decimal("nan")),
    ("sector", "Technology"), ("sector", ""), ("venue", ""), ("session", "NYSE"), ("name", ""),
    ("name", "a\nb"),
    ("tick_sise", "0.01"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"), BAD, ids=lambda v: str(v)[:20] if not isinstance(v, int) else None
)
def test_bad_values_name_symbol_and_field(field: str, value: object) -> None:
    with pytest.raises(InstrumentError) as caught:
        InstrumentCatalog({"ACME": {"reference_price": "10", field: value}})
    (problem,) = caught.value.problems
    assert (problem.symbol, problem.field) == ("ACME", field)
    assert str(caught.value).startswith(f"instruments: ACME.{field}: ")
    assert len(str(caught.value)) < 400


def test_an_immense_integer_is_refused_in_few_words() -> None:
    with pytest.raises(InstrumentError, match="was a whole number of 33216 bits"):
        InstrumentCatalog({"ACME": {"reference_price": 10**9999}})


def test_all_problems_at_once() -> None:
    wrong: Any = {"A": {}, "b c": {}, "C": 5, "D": {"reference_price": 1, "adv": 0, "round_lot": 0}}
    with pytest.raises(InstrumentError) as caught:
        InstrumentCatalog(wrong)
    assert [(p.symbol, p.field) for p in caught.value.problems] == [
        ("A", "reference_price"), ("C", None), ("D", "round_lot"), ("D", "adv"), ("b c", None),
    ]  # fmt: skip
    with pytest.raises(InstrumentError, match="did you mean 'tick_size'"):
        InstrumentCatalog({"A": {"reference_price": 1, "tick_sise": 1}})


@pytest.mark.parametrize("text", ["", "[]", "instruments: 5", "a: b", "{", "instruments: {A: {}}\nother: 1"])
def test_bad_files_name_the_file(tmp_path, text: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InstrumentError, match=r"mine\.yaml"):
        InstrumentCatalog.load(path)


def test_own_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.yaml"
    path.write_text("defaults: {sector: energy}\ninstruments: {ACME: {reference_price: 10.10}}")
    row = InstrumentCatalog.load(path)["ACME"]
    assert (row.sector, row.reference_price_e9) == ("energy", 10_100_000_000)


@settings(max_examples=50, deadline=None)
@given(cents=st.integers(100, 10**9))
def test_price_forms_agree_exactly(cents: int) -> None:
    exact = Decimal(cents) / 100
    forms = [str(exact), exact, float(exact)]
    read = {InstrumentCatalog({"A": {"reference_price": form}})["A"].reference_price_e9 for form in forms}
    assert read == {cents * 10**7}
