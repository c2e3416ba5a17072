"""``simulation``: what lies between the engine and venues that are simulated in its process, and what goes wrong."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .._core.link import DISTRIBUTIONS, FAULTS, LIES, MESSAGES, faults_on
from .fields import HOUR_NS, Flag, Latency, Section, Seed, Share, choice, integer, lasting

_SCRIPT_MAX = 64


class SimulatedLatency(Section):
    """How long the ways between the engine and a simulated venue take. A section that is there, if empty, is on.

    ``out_us`` of orders and requests, by default the venue's ``latency_us``; ``in_us`` of reports, by default as out;
    ``feed_us`` of quotes and prints, by default as in. ``jitter_us`` is the mean of what is added to each, drawn from a
    uniform (up to twice the mean), exponential or lognormal (shape 1) distribution, by default exponential. Nothing
    overtakes on its way.
    """

    out_us: Latency | None = None
    in_us: Latency | None = None
    feed_us: Latency | None = None
    jitter_us: Latency = 0.0
    distribution: Annotated[str, *choice(*DISTRIBUTIONS)] | None = None

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        if self.distribution == "fixed" and self.jitter_us > 0:
            message = "expected no jitter_us beside the distribution 'fixed'"
            raise PydanticCustomError("refused", message, {"bare": True})
        return self

    def path(self, latency_ns: int) -> dict[str, int | str]:
        """The path of a venue whose ``latency_us`` is so long, as `LinkedMarket` takes it."""
        out = latency_ns if self.out_us is None else round(self.out_us * 1e3)
        back = out if self.in_us is None else round(self.in_us * 1e3)
        jitter = round(self.jitter_us * 1e3)
        return {
            "out_ns": out,
            "in_ns": back,
            "feed_ns": back if self.feed_us is None else round(self.feed_us * 1e3),
            "jitter_ns": jitter,
            "distribution": (self.distribution or "exponential") if jitter else "fixed",
        }


class ScriptedFault(Section):
    """One fault on order: what befalls the ``number``-th ``message`` of its kind at a venue, counted from 1."""

    message: Annotated[str, *choice(*MESSAGES)]
    number: Annotated[int, *integer(1, 2**40)] = 1
    fault: Annotated[str, *choice(*(name for name in (*FAULTS, *LIES) if name != "lie"))]

    @model_validator(mode="after")
    def _can_befall(self) -> Self:
        if self.fault not in faults_on(self.message):
            known = ", ".join(faults_on(self.message))
            raise PydanticCustomError(
                "refused",
                "expected of {message} one of {known}, was {fault}",
                {"message": self.message, "known": known, "fault": repr(self.fault), "bare": True},
            )
        return self


class Faults(Section):
    """What goes wrong at a simulated venue, or on the way to it: probabilities by message, and what is on order.

    ``reject``, ``drop``, ``delay`` (by ``delay_ms``, and what comes behind waits), ``reorder`` (what comes behind
    overtakes), ``disconnect`` (for ``disconnect_ms``) befall orders, cancels and replaces; all of these but the first,
    and ``duplicate`` and ``lie``, befall reports; ``bust``, ``correct`` (after ``revise_ms``) and ``overfill`` fills.
    With ``resend`` a venue tells again what a broken connection kept back; without, it is lost. ``seed`` is by
    default the configuration's.
    """

    seed: Seed | None = None
    reject: Share = 0.0
    drop: Share = 0.0
    delay: Share = 0.0
    reorder: Share = 0.0
    duplicate: Share = 0.0
    disconnect: Share = 0.0
    bust: Share = 0.0
    correct: Share = 0.0
    overfill: Share = 0.0
    lie: Share = 0.0
    delay_ms: Annotated[float, *lasting("ms", 1, HOUR_NS)] = 1.0
    disconnect_ms: Annotated[float, *lasting("ms", 1, HOUR_NS)] = 1000.0
    revise_ms: Annotated[float, *lasting("ms", 1, HOUR_NS)] = 1000.0
    resend: Flag = True
    script: Annotated[list[ScriptedFault], Field(max_length=_SCRIPT_MAX)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_fault_a_message(self) -> Self:
        total = sum(getattr(self, name) for name in FAULTS)
        if total > 1.0 + 1e-12:
            raise PydanticCustomError(
                "refused",
                "expected probabilities that are at most 1 together, one fault a message, was {total}",
                {"total": f"{total:g}", "bare": True},
            )
        return self

    def terms(self, seed: int) -> dict[str, Any]:
        """The faults as `LinkedMarket` takes them; ``seed``: the configuration's."""
        return {
            "seed": seed if self.seed is None else self.seed,
            **{name: getattr(self, name) for name in FAULTS},
            "delay_ns": round(self.delay_ms * 1e6),
            "disconnect_ns": round(self.disconnect_ms * 1e6),
            "revise_ns": round(self.revise_ms * 1e6),
            "resend": self.resend,
            "script": [(each.message, each.number, each.fault) for each in self.script],
        }


class Simulation(Section):
    """``simulation``: latency and faults of every venue that is simulated and has none of its own (``latency`` and
    ``faults`` of a venue take their places whole). Left out, orders are at their venue at once, nothing goes wrong."""

    latency: SimulatedLatency | None = None
    faults: Faults | None = None
