"""`gmexec learn`: what a policy costs next to TWAP, VWAP and Almgren-Chriss on the same episodes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .user_modules import load_module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .environments.evaluation import Score

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Learning environments: what a policy costs."
)  # fmt: skip

_EPILOG = """\b
Examples:
  gmexec learn evaluate almgren_chriss
  gmexec learn evaluate policy.py:patient --episodes 500
  gmexec learn evaluate mypackage.agents:policy --quantity 5000 --side buy \\
      --steps 60 --interval 10
  gmexec learn evaluate policy.py:patient \\
      --messages AMZN_2012-06-21_34200000_57600000_message_5.csv \\
      --orderbook AMZN_2012-06-21_34200000_57600000_orderbook_5.csv
\b
A policy is a callable: 17 numbers in (see docs/train_a_policy.md), an action
out; MODULE:NAME, FILE.py:NAME, or one of twap, vwap, almgren_chriss, random.
Equal seeds are equal episodes, so every policy has the same ones. In a recording
windows that begin within the same half hour count as one sample."""

#: What each policy is measured by, in this order; the first is what differences are to.
MEASURES = ("twap", "vwap", "almgren_chriss", "random")


@app.callback()
def _learn() -> None:
    """Keeps `evaluate` a command of its own, whatever comes beside it."""


@app.command("evaluate", short_help="Play the same episodes with a policy and its baselines.", epilog=_EPILOG)
def evaluate_command(
    policy: Annotated[list[str], typer.Argument(metavar="POLICY...", help="MODULE:NAME, FILE.py:NAME, or a baseline.")],
    episodes: Annotated[int, typer.Option(min=1, help="Of each policy.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the first episode; the next ones follow.")] = 0,
    quantity: Annotated[int, typer.Option(min=1, help="Shares of the parent order.")] = 2000,
    side: Annotated[str, typer.Option(help="buy, sell or either.")] = "either",
    steps: Annotated[int, typer.Option(min=1, help="Decisions.")] = 100,
    interval: Annotated[float | None, typer.Option(metavar="SECONDS", help="Between decisions.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Messages between decisions, without --interval.")] = 100,
    actions: Annotated[str, typer.Option(help="Of the policy: discrete or continuous.")] = "discrete",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A YAML configuration: its limits hold.")] = None,
    messages: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A recorded day, as `gmexec replay` takes it.")
    ] = None,
    orderbook: Annotated[Path | None, typer.Option(metavar="FILE", help="Of a LOBSTER message file.")] = None,
    format: Annotated[str | None, typer.Option(help="What the recording's files are.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Of the recording, where its files hold several.")] = None,
    date: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The recording's day.")] = None,
    start: Annotated[str | None, typer.Option(metavar="HH:MM", help="The earliest begin in a recording.")] = None,
    until: Annotated[str | None, typer.Option(metavar="HH:MM", help="The latest.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Play the same episodes with policies and baselines; what each costs, and whether the difference means anything.

    Costs are implementation shortfall in bps of the decision price, with 95 % intervals by bootstrap. CVaR is the mean
    of the costliest 5 % of the episodes, worst that of 1 %. PA is the advantage to the mean mid, positive: better; GLR
    its mean gain over its mean loss.
    """
    from .environments import Episode, RecordedDay, SyntheticDay
    from .environments.evaluation import evaluate

    day: SyntheticDay | RecordedDay = SyntheticDay()
    if messages:
        from .simulation.recording import open_recording

        day = RecordedDay(open_recording(messages, format, orderbook, symbol, date), start, until)
    elif orderbook or format or symbol or date or start or until:
        raise ValueError("--orderbook, --format, --symbol, --date, --start and --until need a recording: --messages")
    policies: dict[str, Any] = {name: name for name in MEASURES}
    policies |= {text: load_policy(text) for text in policy}
    terms = Episode(quantity=quantity, side=side, steps=steps, interval=interval, messages=every)
    arguments: dict[str, Any] = {
        "day": day, "episode": terms, "config": config, "actions": actions, "episodes": episodes, "seed": seed,
    }  # fmt: skip
    if json:
        from .cli import print_json

        print_json({"policies": [_mapping(score) for score in evaluate(policies, **arguments)]})
        return
    from .cli import console, counting

    screen = console()
    with counting(screen) as bars:
        bar = bars.add_task("episodes", total=len(policies) * episodes)
        scores = evaluate(policies, progress=lambda done, _: bars.update(bar, completed=done), **arguments)
    _print(screen, scores, bool(messages))


def load_policy(text: str) -> Any:
    """A baseline's name as it is; what MODULE:NAME or FILE.py:NAME names, an object of it where that is a class.

    ValueError says which part is wrong.
    """
    from .environments.baselines import BASELINES

    if text in BASELINES:
        return text
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(f"policy is {text!r}, must be MODULE:NAME, FILE.py:NAME, or one of {', '.join(BASELINES)}")
    try:
        found: Any = load_module(place, "_policy")
    except ValueError as error:
        raise ValueError(f"policy is {text!r}: {error}") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"policy is {text!r}: {place} has no {part!r}")
        found = getattr(found, part)
    if isinstance(found, type):
        try:
            found = found()
        except TypeError as error:
            raise ValueError(f"policy is {text!r}: {name} cannot be made without arguments: {error}") from None
    if not callable(found):
        raise ValueError(f"policy is {text!r}: {name} is {type(found).__name__}, must be callable")
    return found


def _mapping(score: Score) -> dict[str, Any]:
    mapping = asdict(score)
    if score.difference is not None:
        mapping["difference"]["verdict"] = score.difference.verdict
    return mapping


def _number(value: float, form: str) -> str:
    return format(value, form) if value == value else "n/a"


def _print(screen: Any, scores: Sequence[Score], recorded: bool) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("policy", overflow="fold", min_width=10, max_width=20)
    for name in ("cost bps", "95 %", "sd", "CVaR", "worst", "filled", "PA", "GLR"):
        table.add_column(name, justify="right", no_wrap=True)
    gaps = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    gaps.add_column(f"less {scores[0].policy}", overflow="fold", min_width=10, max_width=20)
    for name in ("bps", "95 %", "t"):
        gaps.add_column(name, justify="right", no_wrap=True)
    gaps.add_column("")
    for each in scores:
        table.add_row(
            each.policy, f"{each.cost.mean:+.2f}", _interval(each.cost), _number(each.deviation, ".2f"),
            f"{each.tail_bps:+.2f}", f"{each.worst_bps:+.2f}", f"{each.completion:.1%}", _number(each.pa_bps, "+.2f"),
            _number(each.glr, ".2f"),
        )  # fmt: skip
        gap = each.difference
        if gap is not None:
            gaps.add_row(
                each.policy, f"{gap.interval.mean:+.2f}", _interval(gap.interval), _number(gap.t, "+.1f"), gap.verdict
            )
    screen.print(table)
    screen.print()
    screen.print(gaps)
    first = scores[0]
    kind = "independent half hours of one recording" if recorded else "independent episodes"
    screen.print(
        f"{first.episodes} episodes a policy, {first.cost.blocks} {kind}. Positive cost is bad, positive PA good.",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if recorded:
        screen.print("The recorded market did not react to these orders.")


def _interval(interval: Any) -> str:
    return f"{interval.low:+.2f} {interval.high:+.2f}" if interval.low == interval.low else "n/a"
