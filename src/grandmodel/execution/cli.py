"""`gmexec`: the engine from the command line."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .simulation.basket import BasketReport
    from .simulation.replay import ReplayReport

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="GrandModel Execution: orders in, fills out, and what they cost.")  # fmt: skip


class _Side(str, Enum):
    buy = "buy"
    sell = "sell"


class _Algorithm(str, Enum):
    vwap = "vwap"
    twap = "twap"
    implementation_shortfall = "implementation_shortfall"
    market = "market"


class _Format(str, Enum):
    lobster = "lobster"


@app.command("run")
def run_command(
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the synthetic market; equal seeds give equal journals.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML configuration; the packaged defaults otherwise.")] = None,
    journal: Annotated[Path | None, typer.Option(help="Keep the journal in this (new) file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Work a basket of orders through a synthetic trading day, and say what each cost and why.

    Several venues, several symbols, VWAP, TWAP and implementation shortfall; a whole session in virtual time. No server,
    no file and no key is needed.
    """
    from .config import load_config
    from .simulation.basket import BASKET, run_basket

    settings = load_config({"mode": "simulation"} if config is None else config)
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seed"] = seed
    if journal is not None:
        changes["journal"] = settings.journal.model_copy(update={"path": str(journal)})
    settings = settings.model_copy(update=changes)
    if json:
        _print_json(_basket_json(run_basket(settings)))
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = _console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        tasks = [
            bars.add_task(
                f"{entry['side']:<4} {entry['quantity']:>6,} {entry['symbol']:<5} {_short(entry['algorithm'])}",
                total=entry["quantity"],
            )
            for entry in BASKET
        ]
        report = run_basket(
            settings, progress=lambda index, done, total: bars.update(tasks[index], completed=done, total=total)
        )
    _print_basket(console, report)


@app.command("replay")
def replay_command(
    messages: Annotated[Path, typer.Option(help="Message file; plain, .xz or .gz.")],
    side: Annotated[_Side, typer.Option(help="What the parent order does.")],
    quantity: Annotated[int, typer.Option(min=1, help="Shares.")],
    format: Annotated[_Format, typer.Option(help="What the files are.")] = _Format.lobster,
    orderbook: Annotated[
        Path | None, typer.Option(help="Order book file of the same day; without it the messages must be complete.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol; from the file's name otherwise.")] = None,
    date: Annotated[str | None, typer.Option(help="Day, YYYY-MM-DD; from the file's name otherwise.")] = None,
    algorithm: Annotated[_Algorithm, typer.Option(help="How the order is worked.")] = _Algorithm.vwap,
    start: Annotated[str, typer.Option(help="Begin of the window, exchange time.")] = "10:00",
    duration_minutes: Annotated[float, typer.Option(help="Length of the window.")] = 60.0,
    participation_rate: Annotated[
        float | None, typer.Option(help="Cap on the share of the printed volume, (0, 1].")
    ] = None,
    risk_aversion: Annotated[float, typer.Option(help="implementation_shortfall: 0 patient to 1 urgent.")] = 0.5,
    urgency: Annotated[str | None, typer.Option(help="low, medium, high or immediate.")] = None,
    limit_price: Annotated[float | None, typer.Option(help="The parent's limit; none otherwise.")] = None,
    take_fee: Annotated[float, typer.Option(help="Dollars a share taken.")] = 0.003,
    make_fee: Annotated[float, typer.Option(help="Dollars a share posted; negative: a rebate.")] = -0.002,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what the algorithm draws.")] = 0,
    journal: Annotated[Path | None, typer.Option(help="Keep the journal in this (new) file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Work a parent order in a recorded day, and say what it cost.

    The order goes through the same order manager, router and algorithm as live. Own orders wait in the recorded queues and
    take only what was there; the recording itself does not react to them.
    """
    from .simulation.lobster import read_lobster
    from .simulation.replay import replay_parent

    day = read_lobster(messages, orderbook, symbol=symbol, date=date)
    order: dict[str, Any] = {"side": side.value, "quantity": quantity, "order_type": "market"}
    if limit_price is not None:
        order |= {"order_type": "limit", "limit_price": limit_price}
    parameters: dict[str, Any] = {"algorithm": algorithm.value, "seed": seed}
    if algorithm is not _Algorithm.market:
        parameters["duration_minutes"] = duration_minutes
    if algorithm is _Algorithm.implementation_shortfall:
        parameters["risk_aversion"] = risk_aversion
    if participation_rate is not None:
        parameters["participation_rate"] = participation_rate
    if urgency is not None:
        parameters["urgency"] = urgency
    arguments: dict[str, Any] = {
        "start": start, "duration_minutes": duration_minutes, "seed": seed, "take_fee_e9": round(take_fee * 1e9),
        "make_fee_e9": round(make_fee * 1e9), "journal_path": None if journal is None else str(journal),
    }  # fmt: skip
    if json:
        _print_json(replay_parent(day, order, parameters, **arguments).to_dict())
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = _console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        bar = bars.add_task(f"{day.symbol} {day.date}")
        report = replay_parent(
            day,
            order,
            parameters,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
            **arguments,
        )
    _print_replay(console, report)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    from importlib.metadata import version

    typer.echo(version("grandmodel-execution"))


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _print_json(value: dict[str, Any]) -> None:
    from ._core.values import to_json

    typer.echo(to_json(value))


def _short(algorithm: str) -> str:
    return "is" if algorithm == "implementation_shortfall" else algorithm


def _basket_json(report: BasketReport) -> dict[str, Any]:
    orders = []
    for result in report.results:
        cost = result.cost
        assert cost is not None
        orders.append({
            "symbol": result.symbol, "side": str(cost.order.side), "quantity": result.order_quantity, "algorithm": result.algorithm,
            "status": str(result.status), "executed_quantity": result.filled_quantity, "children": cost.children,
            "fills": len(result.fills), "average_price": result.average_price, "arrival_price": cost.arrival_price,
            "implementation_shortfall_bps": cost.total_bps, "delay_bps": cost.delay_bps, "trading_bps": cost.trading_bps,
            "opportunity_bps": cost.opportunity_bps, "fees_bps": cost.fees_bps,
        })  # fmt: skip
    return {
        "orders": orders, "market_events": report.market_events, "seconds": report.seconds,
        "journal_records": report.journal_records, "journal_sha256": report.journal_sha256, "statistics": report.statistics,
    }  # fmt: skip


def _print_basket(console: Any, report: BasketReport) -> None:
    from rich.table import Table

    table = Table(
        title="What each execution cost (bps of the decision value; positive is a cost)",
        box=None,
        pad_edge=False,
        title_justify="left",
    )
    for name, justify in (("order", "left"), ("how", "left"), ("filled", "right"), ("average", "right"), ("total", "right"),
                          ("delay", "right"), ("trade", "right"), ("opp.", "right"), ("fees", "right")):  # fmt: skip
        table.add_column(name, justify=justify, no_wrap=True)
    for result in report.results:
        cost = result.cost
        assert cost is not None
        table.add_row(
            f"{cost.order.side:<4} {result.order_quantity:>6,} {result.symbol}", _short(result.algorithm), f"{cost.fill_rate:.0%}",
            f"{result.average_price:.4f}", f"{cost.total_bps:+.2f}", f"{cost.delay_bps:+.2f}", f"{cost.trading_bps:+.2f}",
            f"{cost.opportunity_bps:+.2f}", f"{cost.fees_bps:+.2f}",
        )  # fmt: skip
    console.print(table)
    path = report.latency["total"]
    console.print(
        f"\n{report.market_events:,} market events, {report.statistics['accepted']:,} orders, {report.statistics['fills']:,} fills, "
        f"{report.journal_records:,} journal records in {report.seconds:.1f} s."
    )
    if path["count"]:
        console.print(
            f"Order path, from submission to the venue's answer: {path['p50'] / 1e3:.1f} µs median, {path['p99'] / 1e3:.1f} µs p99."
        )
    console.print("delay: mid at the decision to mid at the first child. trade: fills against that mid.")
    console.print("opp.: what was not filled, at the last mid. The parts sum to the total.")
    console.print("The market is synthetic (source: zero-intelligence flow); the costs say nothing of a real one.")
    console.print(f"journal sha256 {report.journal_sha256}", soft_wrap=True)


def _print_replay(console: Any, report: ReplayReport) -> None:
    cost = report.cost
    rows = (
        ("messages", f"{report.messages:,} ({report.messages_per_second / 1e6:.2f} million/s)"),
        ("book rows equal to the file", f"{report.counters['rows_equal']:,}, repaired {report.counters['repaired']:,}"),
        ("children, fills", f"{cost.children:,}, {len(cost.fills):,}"),
        (
            "executed",
            f"{cost.order.filled_quantity:,} of {cost.order.quantity:,} ({cost.fill_rate:.1%}), {cost.order.status}",
        ),
        ("average price", f"{cost.average_price:.4f}"),
        ("arrival price", f"{cost.arrival_price:.4f}"),
        ("market VWAP of the window", f"{report.market_vwap:.4f} over {report.market_volume:,} shares"),
        ("slippage to it", f"{report.vwap_slippage_bps:+.3f} bps"),
        ("implementation shortfall", f"{cost.total_bps:+.3f} bps"),
        ("  delay", f"{cost.delay_bps:+.3f} bps"),
        ("  trading", f"{cost.trading_bps:+.3f} bps"),
        ("  opportunity", f"{cost.opportunity_bps:+.3f} bps"),
        ("  fees", f"{cost.fees_bps:+.3f} bps"),
        ("journal sha256", report.journal_sha256[:32] + "…"),
    )
    for name, text in rows:
        console.print(f"{name:<28} {text}", soft_wrap=True)
    console.print(f"\nPositive is a cost; the parts sum to the shortfall. Note: {report.note}.")


def main() -> None:
    """The `gmexec` command: errors that a user can mend are one line on stderr and exit status 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"gmexec: {error}", file=sys.stderr)
        raise SystemExit(2) from None
