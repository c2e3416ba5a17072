"""`gmexec`: the engine from the command line.

What a command does not need is not imported: `gmexec replay --json` loads neither rich nor YAML nor the models of
the configuration.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .compare_command import AT_ONCE, read_settings
from .compare_command import register as register_compare
from .config_command import app as config_app
from .data_command import app as data_app
from .journal_command import app as journal_app
from .learn_command import app as learn_app
from .service.command import register as register_service
from .tca_command import register as register_tca
from .user_modules import name_modules
from .venues.command import register as register_venue

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from .routing.ticket import ExecutionResult
    from .simulation.basket import BasketReport
    from .simulation.replay import ReplayReport

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="GrandModel Execution: orders in, fills out, and what they cost.",
    epilog="""\b
Begin with:
  gmexec run                 a basket of orders on a synthetic trading day
  gmexec replay --help       one order in a recorded day
  gmexec journal --help      what an engine did, record by record
  gmexec tca --help          what its orders cost, why, and where
  gmexec data --help         what a file of market data holds
  gmexec config --help       whether a configuration is right
  gmexec learn --help        what a policy costs next to TWAP and the like
  gmexec venue --help        a venue as a process of its own
  gmexec serve --help        the engine over HTTP, with a dashboard
\b
Exit status: 0 done, 2 an input was wrong (stderr says which and how).""",
)
app.add_typer(journal_app, name="journal")
app.add_typer(data_app, name="data")
app.add_typer(config_app, name="config")
app.add_typer(learn_app, name="learn")


class _Side(StrEnum):
    buy = "buy"
    sell = "sell"


#: Those of `routing.algorithms`, which is not imported for a line of help.
ALGORITHM_NAMES = (
    "twap, vwap, implementation_shortfall, pov, iceberg, adaptive, liquidity_seeking, close, sniper, peg, "
    "dark_first, market"
)


class _Urgency(StrEnum):
    low = "low"
    medium = "medium"
    high = "high"
    immediate = "immediate"


class _QueueModel(StrEnum):
    risk_averse = "risk_averse"
    power = "power"
    log = "log"


_RUN_EPILOG = """\b
Examples:
  gmexec run --seed 4
  gmexec run --config config/simulation.yaml --journal day.gmj
  gmexec run --json | python -m json.tool
  gmexec run --serve         the same, to be looked at while it runs
\b
A day that can be lived again, decision by decision:
  gmexec run --journal day.gmj --capture day.gmc
  gmexec journal replay day.gmj --capture day.gmc"""

_REPLAY_EPILOG = """\b
Example:
  gmexec replay --messages AMZN_2012-06-21_34200000_57600000_message_5.csv \\
      --orderbook AMZN_2012-06-21_34200000_57600000_orderbook_5.csv \\
      --side buy --quantity 5000 --algorithm vwap \\
      --start 10:00 --duration-minutes 60
\b
  gmexec replay ... --algorithm pov --participation-rate 0.1 --set interval_seconds=5
\b
  gmexec replay --messages ibm_20131008_quote.csv.xz \\
      --messages ibm_20131008_trade.csv.xz --queue-model log \\
      --side buy --quantity 5000"""


@app.command("run", short_help="Work a basket of orders through a synthetic trading day.", epilog=_RUN_EPILOG)
def run_command(
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of the synthetic market; equal seeds give equal journals."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YAML configuration; the packaged defaults otherwise.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Keep the journal in this (new) directory.")
    ] = None,
    capture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep what the market said in this (new) file, for `gmexec journal replay`."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="In the machine's time, --speed times as fast, with the dashboard.")
    ] = False,
    speed: Annotated[int, typer.Option(min=1, max=10_000, help="Of --serve: 300 has a session in 78 s.")] = 300,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Of --serve, in place of service.port.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Work a basket of orders through a synthetic trading day, and say what each cost and why.

    Seven parent orders in seven symbols are worked with VWAP, TWAP, implementation shortfall and at once, over several
    venues, in virtual time: a whole session takes a moment. Every order passes the same checks, router and journal as
    a live one. No server, no file and no key is needed.
    """
    from .config import load_config
    from .simulation.basket import BASKET, run_basket

    settings = load_config({"mode": "simulation"} if config is None else config)
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seed"] = seed
    if journal is not None:
        changes["journal"] = settings.journal.model_copy(update={"path": str(journal)})
    if capture is not None:
        kept = changes.get("journal", settings.journal)
        if kept.path is None:
            raise ValueError("--capture needs --journal: one without the other cannot be lived again")
        changes["journal"] = kept.model_copy(update={"capture": str(capture)})
    settings = settings.model_copy(update=changes)
    if serve:
        from .service.host import serve_day

        results = serve_day(settings, port, speed)
        if json:
            print_json({"orders": [_result_json(result) for result in results]})
        elif results:
            _print_results(console(), results)
        return
    if json:
        print_json(_basket_json(run_basket(settings)))
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    screen = console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
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
    _print_basket(screen, report)


@app.command("replay", epilog=_REPLAY_EPILOG)
def replay_command(
    messages: Annotated[
        list[str],
        typer.Option(
            metavar="[VENUE=]FILE",
            help="A file that `gmexec data` reads, .xz or .gz too. Several are merged by time, at the venues named.",
        ),
    ],
    side: Annotated[_Side, typer.Option(help="What the parent order does.")],
    quantity: Annotated[int, typer.Option(min=1, help="Shares of the parent order.")],
    format: Annotated[
        str | None, typer.Option(help="What they are: lobster, itch, dbn, ...; told by name and content otherwise.")
    ] = None,
    orderbook: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Of LOBSTER: the day's order book, without which its messages drift."),
    ] = None,
    column_map: Annotated[
        Path | None, typer.Option("--map", metavar="COLUMNS.yaml", help="What CSV or Parquet files' columns are.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol; from the file otherwise.")] = None,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day; from the file's name otherwise.")
    ] = None,
    algorithm: Annotated[str, typer.Option(metavar="NAME", help=f"How it is worked: {ALGORITHM_NAMES}.")] = "vwap",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the algorithm, as the README lists them."),
    ] = None,
    start: Annotated[str, typer.Option(metavar="HH:MM[:SS]", help="Begin of the window, exchange time.")] = "10:00",
    duration_minutes: Annotated[float, typer.Option(metavar="MINUTES", help="Length of the window.")] = 60.0,
    participation_rate: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="At most this share of the printed volume, above 0, up to 1."),
    ] = None,
    risk_aversion: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Of implementation_shortfall: 0 patient to 1 urgent.")
    ] = None,
    imported: Annotated[
        list[str] | None,
        typer.Option(
            "--import", metavar="MODULE|FILE.py", help="Registers your own algorithms.", callback=name_modules
        ),
    ] = None,
    urgency: Annotated[
        _Urgency | None, typer.Option(help="How long a child waits before it crosses; the algorithm's own otherwise.")
    ] = None,
    limit_price: Annotated[
        float | None, typer.Option(metavar="PRICE", help="No child buys above or sells below it; none otherwise.")
    ] = None,
    take_fee: Annotated[float, typer.Option(metavar="DOLLARS", help="For each share taken.")] = 0.003,
    make_fee: Annotated[
        float, typer.Option(metavar="DOLLARS", help="For each share posted; negative: a rebate.")
    ] = -0.002,
    queue_model: Annotated[
        _QueueModel,
        typer.Option(help="Of files by price level: who has cancelled where a level falls without a print."),
    ] = _QueueModel.risk_averse,
    power: Annotated[int, typer.Option(min=1, max=8, help="Exponent of the queue model `power`.")] = 2,
    latency_us: Annotated[
        float | None,
        typer.Option(metavar="MICROSECONDS", help="Each way to the venue, back, and of the feed; at once otherwise."),
    ] = None,
    jitter_us: Annotated[
        float, typer.Option(metavar="MICROSECONDS", help="Mean of what is drawn on top (exponential).")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")] = 0,
    journal: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Keep the journal in this (new) directory.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Work one parent order in a recorded day, and say what it cost.

    The order passes the same checks, router, algorithm and journal as a live one. Its children wait in the recorded
    queues behind what stood there, and take only what was there; the recording itself does not react to them. In files
    by order (LOBSTER, ITCH, MBO) a place in the queue is exact; in files by price level it is a model's word, which
    the result names. The whole file is replayed; the order is worked in [start, start + duration).
    """
    from .simulation.recording import open_recording
    from .simulation.replay import replay_parent

    day = open_recording(messages, format, orderbook, symbol, date, column_map)
    order: dict[str, Any] = {"side": side.value, "quantity": quantity, "order_type": "market"}
    if limit_price is not None:
        order |= {"order_type": "limit", "limit_price": limit_price}
    parameters: dict[str, Any] = {"algorithm": algorithm, "seed": seed}
    if algorithm not in AT_ONCE:
        parameters["duration_minutes"] = duration_minutes
    if risk_aversion is not None:
        parameters["risk_aversion"] = risk_aversion
    if participation_rate is not None:
        parameters["participation_rate"] = participation_rate
    if urgency is not None:
        parameters["urgency"] = urgency.value
    parameters |= read_settings("--set", settings or [])
    arguments: dict[str, Any] = {
        "start": start,
        "duration_minutes": duration_minutes,
        "seed": seed,
        "take_fee_e9": _fee_e9("--take-fee", take_fee),
        "make_fee_e9": _fee_e9("--make-fee", make_fee),
        "journal_path": None if journal is None else str(journal),
        "queue_model": queue_model.value,
        "power": power,
    }
    if latency_us is not None or jitter_us != 0:
        arguments["simulation"] = {"latency": {"out_us": latency_us or 0.0, "jitter_us": jitter_us}}
    if json:
        print_json(replay_parent(day, order, parameters, **arguments).to_dict())
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    screen = console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bars:
        bar = bars.add_task(f"{day.symbol} {day.date}")
        report = replay_parent(
            day,
            order,
            parameters,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
            **arguments,
        )
    _print_replay(screen, report)


register_venue(app)
register_service(app)
register_compare(app)
register_tca(app)


@app.command("version")
def version_command() -> None:
    """Print the version."""
    from importlib.metadata import version

    typer.echo(version("grandmodel-execution"))


def _fee_e9(option: str, dollars: float) -> int:
    if not -1.0 <= dollars <= 1.0:
        raise ValueError(f"{option} is {dollars}, must be dollars a share from -1 to 1")
    return round(dollars * 1e9)


def counting(screen: Console) -> Progress:
    """A bar for long work, how many of how many, and how much longer; nothing where nobody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


def console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: dict[str, Any]) -> None:
    from ._core.values import to_json

    typer.echo(to_json(value))


def _short(algorithm: str) -> str:
    return "is" if algorithm == "implementation_shortfall" else algorithm


def _result_json(result: ExecutionResult) -> dict[str, Any]:
    cost = result.cost
    assert cost is not None
    return {
        "symbol": result.symbol,
        "side": str(cost.order.side),
        "quantity": result.order_quantity,
        "algorithm": result.algorithm,
        "status": str(result.status),
        "executed_quantity": result.filled_quantity,
        "children": cost.children,
        "fills": len(result.fills),
        "average_price": result.average_price,
        "arrival_price": cost.arrival_price,
        "implementation_shortfall_bps": cost.total_bps,
        "delay_bps": cost.delay_bps,
        "trading_bps": cost.trading_bps,
        "opportunity_bps": cost.opportunity_bps,
        "fees_bps": cost.fees_bps,
    }


def _basket_json(report: BasketReport) -> dict[str, Any]:
    return {
        "orders": [_result_json(result) for result in report.results],
        "market_events": report.market_events,
        "seconds": report.seconds,
        "journal_records": report.journal_records,
        "journal_sha256": report.journal_sha256,
        "statistics": report.statistics,
    }


_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("order", "left"),
    ("how", "left"),
    ("filled", "right"),
    ("average", "right"),
    ("total", "right"),
    ("delay", "right"),
    ("trade", "right"),
    ("opp.", "right"),
    ("fees", "right"),
)


def _print_results(console: Any, results: list[ExecutionResult]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify, no_wrap=True)
    for result in results:
        cost = result.cost
        assert cost is not None
        table.add_row(
            f"{cost.order.side:<4} {result.order_quantity:>6,} {result.symbol}",
            _short(result.algorithm),
            f"{cost.fill_rate:.0%}",
            f"{result.average_price:.4f}",
            f"{cost.total_bps:+.2f}",
            f"{cost.delay_bps:+.2f}",
            f"{cost.trading_bps:+.2f}",
            f"{cost.opportunity_bps:+.2f}",
            f"{cost.fees_bps:+.2f}",
        )
    _say(console, "What each execution cost, in bps of its value at the decision; positive is bad")
    console.print(table)
    for result in results:
        if not result.status.is_closed:
            _say(
                console,
                f"{result.symbol}: {result.status}, a venue has not said what became of a child; figures so far",
            )


def _print_basket(console: Any, report: BasketReport) -> None:
    _print_results(console, report.results)
    path, counted = report.latency["total"], report.statistics
    _say(
        console,
        "",
        "total  the sum of the four that follow (Perold's implementation shortfall)",
        "delay  mid at the decision to mid at the first child",
        "trade  the fills against that mid: spread and impact",
        "opp.   what was not filled, at the last mid",
        "fees   what the venues took, less their rebates",
        "",
        f"market {report.market_events:,} events in {report.seconds:.1f} s (synthetic: it tells nothing of a real one)",
        f"engine {counted['accepted']:,} orders, {counted['fills']:,} fills, {report.journal_records:,} records",
    )
    if path["count"] >= 100:  # one order in 64 is timed: fewer say nothing
        _say(console, f"order to venue's answer {_duration(path['p50'])} median, {_duration(path['p99'])} p99")
    _say(console, f"journal sha256 {report.journal_sha256}")


def _book_row(report: ReplayReport) -> tuple[str, str]:
    counters = report.counters
    if report.queue_model == "by order":
        return "book rows equal to the file", f"{counters['rows_equal']:,}, repaired {counters['repaired']:,}"
    return "places in queues", f"a model's word: {report.queue_model}; {counters['executions']:,} executions recorded"


def _print_replay(console: Any, report: ReplayReport) -> None:
    cost = report.cost
    order = cost.order
    rows = (
        ("messages", f"{report.messages:,} ({report.messages_per_second / 1e6:.2f} million/s)"),
        _book_row(report),
        ("children, fills", f"{cost.children:,}, {len(cost.fills):,}"),
        ("executed", f"{order.filled_quantity:,} of {order.quantity:,} ({cost.fill_rate:.1%}), {order.status}"),
        ("average price", f"{cost.average_price:.4f}"),
        ("arrival price", f"{cost.arrival_price:.4f}"),
        ("market VWAP of the window", f"{report.market_vwap:.4f} over {report.market_volume:,} shares"),
        ("slippage to it", f"{report.vwap_slippage_bps:+.3f} bps"),
        ("implementation shortfall", f"{cost.total_bps:+.3f} bps"),
        ("  delay", f"{cost.delay_bps:+.3f} bps"),
        ("  trading", f"{cost.trading_bps:+.3f} bps"),
        ("  opportunity", f"{cost.opportunity_bps:+.3f} bps"),
        ("  fees", f"{cost.fees_bps:+.3f} bps"),
    )
    _say(
        console,
        *(f"{name:<28} {text}" for name, text in rows),
        f"journal sha256 {report.journal_sha256}",
        "",
        "Positive is a cost; the four parts sum to the shortfall.",
        f"Note: {report.note}.",
    )


def _say(console: Any, *lines: str) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _duration(ns: float) -> str:
    return f"{ns / 1e3:.1f} µs" if ns < 1e6 else f"{ns / 1e6:.1f} ms"


def _explained(error: BaseException) -> str | None:
    """What to tell the user of an error that he can mend; None for a fault of ours, whose traceback is wanted."""
    from ._core.values import ExecutionError

    if isinstance(error, BaseExceptionGroup):
        return _explained(error.exceptions[0])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, (ValueError, OSError, LookupError, ExecutionError)) else None


def main() -> None:
    """The `gmexec` command: errors that a user can mend are told on stderr, without a traceback; exit status 2."""
    try:
        app()
    except Exception as error:
        text = _explained(error)
        if text is None:
            raise
        print(f"gmexec: {text}", file=sys.stderr)
        raise SystemExit(2) from None
