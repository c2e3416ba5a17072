"""Units, mirrors, and what is refused, over all functions alike."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grandmodel.execution.microstructure as ms

close = pytest.approx
N = 60


def market(seed):
    """Columns of quotes and trades by the names of the parameters."""
    rng = np.random.default_rng(seed)
    bid = 100 + np.cumsum(rng.integers(-1, 2, N)) / 100
    ask = bid + rng.integers(1, 4, N) / 100
    side = rng.choice([-1, 1], N)
    quantity = rng.integers(1, 500, N)
    price = np.where(side > 0, ask, bid)
    time = np.sort(rng.integers(0, 10**9, N))
    return {
        "time_ns": time, "quote_time_ns": time, "at_ns": time, "bid": bid, "ask": ask, "side": side,
        "quantity": quantity,
        "bid_quantity": rng.integers(1, 500, N), "ask_quantity": rng.integers(1, 500, N), "price": price,
        "value": price,
        "mid": (bid + ask) / 2, "later_mid": np.roll((bid + ask) / 2, -5), "high": ask, "low": bid, "close": price,
        "price_change": np.diff(price, prepend=price[0]), "signed_volume": side * quantity, "volume": quantity,
        "log_return": np.diff(np.log(price), prepend=math.log(price[0])), "value_traded": price * quantity,
        "signed_root_value": side * np.sqrt(price * quantity), "buy_volume": quantity * rng.random(N),
        "buys": quantity, "sells": quantity[::-1].copy(), "times": time / 1e9, "at": time / 1e9, "wanted": quantity,
        "size": quantity, "impact": np.sqrt(quantity), "rate": side, "depth": quantity, "sweep_ns": time[::7],
        "volume_daily": quantity * 1e3, "sigma_daily": np.full(N, 0.02), "sigma_annual": np.full(N, 0.3),
        "shares_outstanding": quantity * 1e5, "duration_days": np.full(N, 0.5), "participation": np.full(N, 0.1),
    }  # fmt: skip


# ---- units -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e6))
def test_the_currency_does_not_matter(seed, scale):
    """Basis points and shares stay, prices and what is made of them scale."""
    m = market(seed)
    money = ("bid", "ask", "price", "mid", "later_mid", "price_change", "value_traded")
    s = m | {name: m[name] * scale for name in money}
    one, other = (ms.spreads_at_horizons(x["at_ns"], x["price"], x["quantity"], x["time_ns"], x["bid"], x["ask"],
                                         side=x["side"], horizons_s=(0.05,), end_ns=10**9) for x in (m, s))  # fmt: skip
    assert other.effective_bps == close(one.effective_bps, rel=1e-7, abs=1e-6)
    assert other.impact_bps == close(one.impact_bps, rel=1e-6, abs=1e-5)
    standing, scaled = (ms.time_weighted_spread(x["time_ns"], x["bid"], x["ask"], end_ns=10**9) for x in (m, s))
    assert scaled.bps == close(standing.bps, rel=1e-9)
    assert scaled.price == close(standing.price * scale, rel=1e-9)
    assert (ms.lee_ready(s["at_ns"], s["price"], s["time_ns"], s["bid"], s["ask"])
            == ms.lee_ready(m["at_ns"], m["price"], m["time_ns"], m["bid"], m["ask"])).all()  # fmt: skip
    if not math.isnan(ms.roll_spread(m["price"])):
        assert ms.roll_spread(s["price"]) == close(ms.roll_spread(m["price"]) * scale, rel=1e-6)
    assert ms.kyle_lambda(s["price_change"], s["signed_volume"]).slope == close(
        ms.kyle_lambda(m["price_change"], m["signed_volume"]).slope * scale, rel=1e-6, abs=1e-15 * scale
    )
    assert ms.amihud(m["log_return"], s["value_traded"]) == close(
        ms.amihud(m["log_return"], m["value_traded"]) / scale, rel=1e-9
    )
    one, other = (ms.glosten_harris(x["price"], x["quantity"], x["side"]) for x in (m, s))
    assert other.z0 == close(one.z0 * scale, rel=1e-6, abs=1e-9 * scale)
    for name in ("realized_volatility", "bipower_variation"):
        assert getattr(ms, name)(s["price"]) == close(getattr(ms, name)(m["price"]), rel=1e-6)
    one, other = (ms.vpin(x["price_change"], x["volume"], bucket_volume=900, window=5) for x in (m, s))
    np.testing.assert_allclose(one, other, rtol=1e-7)


@given(st.integers(0, 2**32 - 1))
def test_buyers_and_sellers_exchanged(seed):
    """Prices mirrored at 200, sides turned: signs turn, costs stay."""
    m = market(seed)
    up, down = 200 - m["bid"], 200 - m["ask"]
    q, p = (m["bid_quantity"], m["ask_quantity"]), (m["ask_quantity"], m["bid_quantity"])
    assert ms.imbalance(*p).tolist() == close((-ms.imbalance(*q)).tolist())
    assert ms.weighted_mid(down, up, *p).tolist() == close((200 - ms.weighted_mid(m["bid"], m["ask"], *q)).tolist())
    got = ms.order_flow_imbalance(down, p[0], up, p[1])
    rounded = ms.order_flow_imbalance(
        *(np.rint(x * 100) if x.dtype == float else x for x in (m["bid"], q[0], m["ask"], q[1]))
    )
    assert ms.order_flow_imbalance(np.rint(down * 100), p[0], np.rint(up * 100), p[1]).tolist() == (-rounded).tolist()
    assert len(got) == N - 1
    one = ms.kyle_lambda(m["price_change"], m["signed_volume"])
    other = ms.kyle_lambda(-m["price_change"], -m["signed_volume"])
    assert (other.slope, other.r_squared) == close((one.slope, one.r_squared), rel=1e-9, abs=1e-15)
    one, other = (
        ms.glosten_harris(x, m["quantity"], d) for x, d in ((m["price"], m["side"]), (200 - m["price"], -m["side"]))
    )
    np.testing.assert_allclose(one[:4], other[:4], rtol=1e-6, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_parts_add_up(seed):
    """Interval sums to the whole; bars to the trades; bought and sold to the volume."""
    m = market(seed)
    e = ms.order_flow_imbalance(m["bid"], m["bid_quantity"], m["ask"], m["ask_quantity"])
    sums = ms.interval_sums(m["time_ns"][1:], e, begin_ns=0, end_ns=10**9, intervals=13)
    assert sums.sum() == close(e.sum())
    bars = ms.flow_bars(m["time_ns"], m["price"], m["quantity"], m["side"], begin_ns=0, interval_ns=10**8, intervals=10)
    assert bars.volume.sum() == m["quantity"].sum()
    assert bars.signed_volume.sum() == m["signed_volume"].sum()
    assert bars.signed_root_value.sum() == close(m["signed_root_value"].sum(), rel=1e-9, abs=1e-9)
    bought = ms.bulk_buy_volume(m["price_change"], m["volume"], deviation=0.02)
    sold = ms.bulk_buy_volume(-m["price_change"], m["volume"], deviation=0.02)
    np.testing.assert_allclose(bought + sold, m["volume"], rtol=1e-12)


def test_hasbrouck_on_bars():
    """r = lambda x exactly where the price is made so; from the bars of trades."""
    rng = np.random.default_rng(3)
    size, side, price, time, level = rng.integers(1, 900, 400), rng.choice([-1, 1], 400), [], [], 100.0
    for k in range(400):  # a trade an interval, at the price that its own flow has moved
        p = level
        for _ in range(60):
            p = level * math.exp(1e-6 * side[k] * math.sqrt(p * size[k]))
        level = p
        price.append(p)
        time.append(k * 300 * 10**9 + 5)
    bars = ms.flow_bars(time, price, size, side, begin_ns=0, interval_ns=300 * 10**9, intervals=400)
    got = ms.hasbrouck_lambda(bars.log_return[1:], bars.signed_root_value[1:])
    assert got.slope == close(1e-6, rel=1e-9)
    assert got.r_squared == close(1)


# ---- what is refused, everywhere alike -------------------------------------------------------------------------------

KEYWORDS = {
    "end_ns": 10**9, "begin_ns": 0, "interval_ns": 10**7, "intervals": 100, "bucket_volume": 900.0, "tick": 0.01,
    "deviation": 0.02, "mu": 1.0, "alpha": 0.5, "beta": 2.0, "end": 1.0, "delta": 0.5, "epsilon_buy": 100.0,
    "epsilon_sell": 100.0, "interval": 0.1, "decay": 0.4, "open_ns": [0], "close_ns": [10**9], "minimum_days": 1,
    "window": 3,
}  # fmt: skip
GIVEN = ("end_ns", "minimum_days", "deviation")
SKIPPED = {  # of no columns, or of other shapes; tested by themselves
    "book_walk", "book_walks", "micro_price_adjustment", "no_dynamic_arbitrage", "turnover", "volume_curve_of",
    "worst_round_trip", "fit_exponential",
}  # fmt: skip
MODULES = ("depth", "hawkes", "illiquidity", "imbalances", "impact", "microprice", "resilience", "spreads", "toxicity",
           "trades", "volatility", "volume")  # fmt: skip
FUNCTIONS = [
    name
    for name in ms.__all__
    if inspect.isfunction(f := getattr(ms, name)) and f.__module__.rpartition(".")[2] in MODULES and name not in SKIPPED
]


def arguments(function):
    """(columns, keywords) that it takes, and that it works with."""
    m, columns, keywords = market(1), {}, {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in m and not (name == "mid" and parameter.default is None):
            columns[name] = m[name]
        elif name in KEYWORDS and (
            parameter.default is parameter.empty or name in ("end_ns", "minimum_days", "deviation")
        ):
            keywords[name] = KEYWORDS[name]
    if function.__name__ == "depth_imbalance":
        keywords = {"tick": 0.01}
    if function.__name__ == "propagator_cost":
        keywords = {"interval": 0.1, "decay": 0.4}
    return columns, keywords


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_works_on_lists_and_arrays_alike(name):
    function = getattr(ms, name)
    columns, keywords = arguments(function)
    lists = {key: value.tolist() for key, value in columns.items()}
    one, other = str(function(**columns, **keywords)), str(function(**lists, **keywords))
    assert one == other
    before = {key: value.copy() for key, value in columns.items()}
    for value in columns.values():
        value.flags.writeable = False
    function(**columns, **keywords)
    assert all((columns[key] == before[key]).all() for key in columns)


CASES = [(name, column) for name in FUNCTIONS for column in arguments(getattr(ms, name))[0]]
BAD = {
    "text": (["a"] * N, (TypeError, ValueError)),
    "unicode digits": (["١"] * N, (TypeError, ValueError)),
    "none": ([None] * N, (TypeError, ValueError)),
    "bools": ([True] * N, TypeError),
    "objects": (np.array([1.5] * N, object), TypeError),
    "2**63": (np.full(N, 2**63, np.uint64), TypeError),
    "2**70": ([2**70] * N, (TypeError, ValueError)),
    "infinite": (np.full(N, np.inf), (TypeError, ValueError)),
    "three dimensions": (np.ones((N, 1, 1)), ValueError),
    "bytes": (b"12", TypeError),
}


@pytest.mark.parametrize(("name", "column"), CASES)
def test_each_bad_column_is_named(name, column):
    function = getattr(ms, name)
    columns, keywords = arguments(function)
    for what, (value, error) in BAD.items():
        with pytest.raises(error) as raised:
            function(**(columns | {column: value}), **keywords)
        assert column in str(raised.value), f"{what}: {raised.value}"
    if column not in ("sweep_ns", "at_ns", "at", "times"):  # a column that may have another length than the others
        short = columns[column][:-3]
        others = [c for c in columns if c != column and len(columns[c]) == N]
        if len(others) > 1 or (others and "quote" not in others[0]):
            with pytest.raises((ValueError, TypeError), match=r"length|rows|in order|after the one"):
                function(**(columns | {column: short}), **keywords)


@pytest.mark.parametrize(
    ("name", "keyword"),
    [(n, k) for n in FUNCTIONS for k in arguments(getattr(ms, n))[1] if k not in ("open_ns", "close_ns")],
)
def test_each_bad_number_is_named(name, keyword):
    function = getattr(ms, name)
    columns, keywords = arguments(function)
    for value in (
        math.nan,
        math.inf,
        -1 if keyword not in ("begin_ns", "end_ns") else 2**63,
        True,
        "5",
        None,
        [1],
        2**2000,
    ):
        if value is None and inspect.signature(function).parameters[keyword].default is None:
            continue
        with pytest.raises((ValueError, TypeError)) as raised:
            function(**columns, **(keywords | {keyword: value}))
        assert keyword in str(raised.value), f"{value!r:.20}: {raised.value}"


def test_an_output_is_memory_of_its_own() -> None:
    """Written over what is still to be read, a result would be wrong without a word."""
    at, quoted = np.arange(6) * 10, np.arange(6) * 7
    values = np.arange(1.0, 7.0)
    with pytest.raises(ValueError, match="out overlaps value"):
        ms.prevailing(at, quoted, values, out=values)
    rows = np.arange(1.0, 2001.0)
    with pytest.raises(ValueError, match="out overlaps"):
        ms.quoted_spreads(rows[:-1], rows[:-1] + 1.0, out=rows[1:])
    assert ms.prevailing(at, quoted, values, out=np.empty(6)).tolist() == ms.prevailing(at, quoted, values).tolist()


@pytest.mark.parametrize("bad", [-(2**63), 2**63 - 1, -(2**62) - 1])
def test_times_that_are_none(bad: int) -> None:
    with pytest.raises(ValueError, match=r"\[1\] is"):
        ms.prevailing(np.array([0, bad]), np.array([0, 1]), np.array([1.0, 2.0]))
