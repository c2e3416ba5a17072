"""`gmexec compare`: the same order worked in several ways, and whether the difference means anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .user_modules import name_modules

if TYPE_CHECKING:
    from .config import ExecutionConfig
    from .simulation.comparison import Job, Summary, Way
    from .simulation.recording import Recording

_EPILOG = """\b
Examples:
  gmexec compare --symbol AAPL --quantity 20000 --seeds 40
  gmexec compare --symbol AAPL --quantity 20000 --seeds 40 \\
      --way twap --way twap:participation_rate=0.1 --way vwap:urgency=high
  gmexec compare --quantity 2000 --start 10:00 --start 11:00 \\
      --messages AMZN_2012-06-21_34200000_57600000_message_5.csv \\
      --orderbook AMZN_2012-06-21_34200000_57600000_orderbook_5.csv
  gmexec compare --orders orders.csv --config one.yaml --config other.yaml
\b
A way is ALGORITHM[:KEY=VALUE,...]; with several --config each way is run under
each. orders.csv has the columns symbol, side, quantity, and if you like start.
Synthetic days of different seeds are independent samples; in a recording each
--start is one, whatever the seeds."""

#: Algorithms that take no time.
AT_ONCE = ("market", "market_order", "smart_router", "dark_first")
DEFAULT_WAYS = ("market", "twap", "vwap", "is")


def register(app: typer.Typer) -> None:
    """Adds the command to `gmexec`."""
    app.command("compare", short_help="Work an order in several ways, and compare what each costs.", epilog=_EPILOG)(
        compare_command
    )


def compare_command(
    way: Annotated[
        list[str] | None, typer.Option(metavar="ALGORITHM[:KEY=VALUE,...]", help="A way; the first is the measure.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol; from the recording's file otherwise.")] = None,
    side: Annotated[str, typer.Option(help="buy or sell.")] = "buy",
    quantity: Annotated[int | None, typer.Option(min=1, help="Shares of the parent order.")] = None,
    orders: Annotated[Path | None, typer.Option(metavar="FILE", help="Parent orders, as CSV, instead of one.")] = None,
    start: Annotated[
        list[str] | None, typer.Option(metavar="HH:MM", help="When the order is given, exchange time; or several.")
    ] = None,
    imported: Annotated[
        list[str] | None,
        typer.Option(
            "--import", metavar="MODULE|FILE.py", help="Registers your own algorithms.", callback=name_modules
        ),
    ] = None,
    duration_minutes: Annotated[float, typer.Option(metavar="MINUTES", help="How long a way has.")] = 60.0,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="Runs of each order and way.")] = 30,
    config: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A YAML configuration of synthetic days; or several.")
    ] = None,
    messages: Annotated[
        list[str] | None, typer.Option(metavar="[VENUE=]FILE", help="A recording, as `gmexec replay` takes it.")
    ] = None,
    orderbook: Annotated[Path | None, typer.Option(metavar="FILE", help="Of a LOBSTER message file.")] = None,
    column_map: Annotated[
        Path | None, typer.Option("--map", metavar="COLUMNS.yaml", help="What CSV or Parquet files' columns are.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="What the recording's files are.")] = None,
    date: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The recording's day.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="As many as processors otherwise.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Work the same parent order in several ways on the same days; what each costs, and whether that means anything.

    Costs are implementation shortfall in bps of the decision price, with 95 % intervals by bootstrap. The tail is the
    mean of the worst 5 % of the runs. Differences are to the first way, run by run; with fewer than 30 independent
    samples, or |t| below 2, nothing is said.
    """
    from .simulation.comparison import compare

    if config and messages:
        raise ValueError("--config is for synthetic days, --messages for recorded ones: give one of them")
    ways = _ways(way or list(DEFAULT_WAYS), duration_minutes, config or [])
    recording = partial(_recording, messages, format, orderbook, symbol, date, column_map) if messages else None
    if recording is not None and symbol is None and orders is None:
        symbol = recording().symbol
    jobs = _jobs(orders, symbol, side, quantity, start or ["10:00"], duration_minutes, seeds)
    arguments: dict[str, Any] = {"recording": recording, "processes": processes}
    if json:
        from .cli import print_json

        print_json({"ways": [_mapping(each) for each in compare(ways, jobs, **arguments)]})
        return
    from .cli import console, counting

    screen = console()
    with counting(screen) as bars:
        bar = bars.add_task("runs", total=len(ways) * len(jobs))
        found = compare(
            ways, jobs, progress=lambda done, total: bars.update(bar, completed=done, total=total), **arguments
        )
    _print(screen, found, recording is not None)


# ---- what is asked for


def _recording(
    messages: list[str],
    format: str | None,
    orderbook: Path | None,
    symbol: str | None,
    date: str | None,
    column_map: Path | None,
) -> Recording:
    from .simulation.recording import open_recording

    return open_recording(messages, format, orderbook, symbol, date, column_map)


def _ways(texts: Sequence[str], duration_minutes: float, configs: Sequence[Path]) -> list[Way]:
    from .config import load_config
    from .routing.checks import check_routing
    from .simulation.comparison import Way

    made = []
    places: list[Path | None] = [*configs] or [None]
    for path in places:
        loaded = None if path is None else load_config(path)
        if loaded is not None:
            check_routing(loaded)
        config = {} if loaded is None else loaded.model_dump(mode="json", exclude_unset=True)
        for text in texts:
            label = text if len(configs) < 2 or path is None else f"{text} ({path.stem})"
            made.append(Way(label, _algorithm(text, duration_minutes, loaded), config))
    return made


def _algorithm(text: str, duration_minutes: float, config: ExecutionConfig | None) -> dict[str, Any]:
    """A way's algorithm; a wrong parameter, of it or of `config` for it, is an error before anything is run."""
    from .routing.algorithms import AlgorithmConfigError, make_algorithm
    from .routing.checks import defaults_of

    name, _, given = text.partition(":")
    parameters = {"algorithm": name} | read_settings(f"--way {text}:", given.split(","))
    others = {"seed": 0, **defaults_of(config, name)}
    if name not in AT_ONCE:
        timed = {"duration_minutes": duration_minutes, **parameters}
        try:
            make_algorithm({**others, **timed})
            return timed
        except AlgorithmConfigError as error:
            if error.field != "duration_minutes" or "duration_minutes" in parameters:
                raise  # but for a user's own, which has a horizon of its own
    make_algorithm({**others, **parameters})
    return parameters


def read_settings(option: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Parameters of an algorithm from KEY=VALUE each: numbers, true, false, none, or text; `1/2/1` is a list."""
    found: dict[str, Any] = {}
    for pair in filter(None, pairs):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{option} {pair!r} must be KEY=VALUE")
        found[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if "/" in text:
        return [_value(part) for part in text.split("/")]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _jobs(
    orders: Path | None, symbol: str | None, side: str, quantity: int | None, starts: Sequence[str],
    duration_minutes: float, seeds: int,
) -> list[Job]:  # fmt: skip
    from .simulation.comparison import Job

    if orders is not None:
        if quantity is not None:
            raise ValueError("--quantity and --orders were both given: an order has its own quantity there")
        given = _read_orders(orders)
    else:
        if quantity is None:
            raise ValueError("--quantity is missing, or a file of --orders")
        if symbol is None:
            raise ValueError("--symbol is missing")
        given = [({"symbol": symbol, "side": side, "quantity": quantity}, None)]
    return [
        Job(order, at, duration_minutes, seed)
        for order, own_start in given
        for at in ([own_start] if own_start else starts)
        for seed in range(seeds)
    ]


def _read_orders(path: Path) -> list[tuple[dict[str, Any], str | None]]:
    import csv

    with path.open(newline="") as stream:
        rows = csv.DictReader(stream)
        names = [name.strip() for name in rows.fieldnames or []]
        missing = [name for name in ("symbol", "side", "quantity") if name not in names]
        unknown = [name for name in names if name not in ("symbol", "side", "quantity", "start", "limit_price")]
        if missing or unknown:
            what = f"has no column {missing[0]!r}" if missing else f"has a column {unknown[0]!r} that nobody knows"
            raise ValueError(f"{path}: {what}; they are symbol, side, quantity, start, limit_price")
        out: list[tuple[dict[str, Any], str | None]] = []
        for line, row in enumerate(rows, 2):
            cells = {str(key).strip(): (value or "").strip() for key, value in row.items() if key is not None}
            try:
                order: dict[str, Any] = {
                    "symbol": cells["symbol"], "side": cells["side"], "quantity": int(cells["quantity"])
                }  # fmt: skip
                if cells.get("limit_price"):
                    order |= {"order_type": "limit", "limit_price": float(cells["limit_price"])}
            except ValueError:
                raise ValueError(f"{path}: line {line}: quantity and limit_price must be numbers") from None
            out.append((order, cells.get("start") or None))
    if not out:
        raise ValueError(f"{path}: holds no order")
    return out


# ---- what is found


def _mapping(found: Summary) -> dict[str, Any]:
    mapping = asdict(found)
    if found.difference is not None:
        mapping["difference"]["verdict"] = found.difference.verdict
    return mapping


_VERDICTS = {"no difference can be told": "?", "too few samples": "-"}


def _print(screen: Any, found: Sequence[Summary], recorded: bool) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("way", overflow="fold", min_width=25, max_width=28)
    for name in ("cost bps", "95 %", "sd", "tail", "filled", "diff."):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in found:
        gap = each.difference
        table.add_row(
            each.label.replace(":", ": ").replace(",", ", "),  # a long one is folded there
            f"{each.cost.mean:+.2f}",
            f"{each.cost.low:+.2f} {each.cost.high:+.2f}" if each.cost.low == each.cost.low else "n/a",
            f"{each.deviation:.2f}",
            f"{each.tail_bps:+.2f}",
            f"{each.fill_rate:.0%}",
            "" if gap is None else f"{gap.interval.mean:+.2f}",
            "" if gap is None else _VERDICTS.get(gap.verdict, gap.verdict),
        )
    screen.print(table)
    first = found[0]
    kind = "windows of one recording" if recorded else "synthetic days"
    screen.print(
        f"{first.runs} runs a way, {max(each.cost.blocks for each in found)} independent {kind}. Positive is a cost.\n"
        "Differences are to the first way, run by run. ?: none can be told (|t| below 2); -: too few samples (30).",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    unknown = sum(each.unknown for each in found)
    if unknown:
        screen.print(f"{unknown} runs had no price to be measured by, and are left out.")
    if recorded:
        screen.print("The recorded market did not react to these orders.")
