"""Several who hear one symbol of an engine: each hears all of it, and no order fares otherwise."""

from __future__ import annotations

import pytest
from support import make_core, order

from grandmodel.execution._core.scoring import Tap
from grandmodel.execution.microstructure import FlowEstimators


def estimators():
    flow = FlowEstimators(levels=1)
    flow.to_engine()
    return flow


def lived(core, gate):
    """Some orders and an hour's tenth; every state is the engine's own."""
    for k in range(20):
        gate.submit_order(order(quantity=10 + k, side="buy" if k % 2 else "sell"))
        core.clock.advance_to(core.clock.now_ns() + 10**9)
        core.advance()
    core.check_invariants(from_nothing=True)


def state(core, tap):
    copy = estimators()
    core.copy_tap(tap, copy)
    return copy.state()


def test_who_hears_beside_hears_the_same():
    quiet, gate = make_core(limits={})
    lived(quiet, gate)
    core, gate = make_core(limits={})
    first, second, third = estimators(), estimators(), estimators()
    core.overhear("AAPL", second)
    core.listen("AAPL", first)
    core.overhear("AAPL", third)
    assert core.listening("AAPL") is first
    lived(core, gate)
    assert repr(state(core, first)) == repr(state(core, second)) == repr(state(core, third))
    assert core.journal.sha256() == quiet.journal.sha256()


def test_whoever_goes_leaves_the_others():
    core, gate = make_core(limits={})
    first, second, third = estimators(), estimators(), estimators()
    core.listen("AAPL", first)
    for tap in (second, third):
        core.overhear("AAPL", tap)
    lived(core, gate)
    core.overhear("AAPL", second, False)
    core.overhear("AAPL", second, False)  # who is not there goes without a word
    core.listen("AAPL", None)
    before = {tap: repr(state(core, tap)) for tap in (first, second, third)}
    lived(core, gate)
    after = {tap: repr(state(core, tap)) for tap in (first, second, third)}
    assert [before[tap] == after[tap] for tap in (first, second, third)] == [True, True, False]
    core.overhear("AAPL", third, False)
    core.overhear("MSFT", third)  # free again
    assert core.listening("AAPL") is None


def test_what_cannot_be():
    core, _ = make_core(limits={})
    flow = estimators()
    with pytest.raises(TypeError, match="bare Tap"):
        core.overhear("AAPL", Tap())
    with pytest.raises(TypeError):
        core.overhear("AAPL", None)
    with pytest.raises(KeyError, match="NOPE"):
        core.overhear("NOPE", flow)
    core.overhear("AAPL", flow)
    for again in (core.overhear, core.listen):
        with pytest.raises(ValueError, match="listens to another symbol already"):
            again("MSFT", flow)
    for _ in range(14):
        core.overhear("AAPL", estimators())
    with pytest.raises(ValueError, match="15 hear that symbol"):
        core.overhear("AAPL", estimators())
