"""`gmexec data`: what a file of market data holds. What a command does not need is not imported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .market_data.check import BookCheck, Check

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Market data files: what they hold.",
    epilog="""\b
Begin with:
  gmexec data check FILE
  gmexec data check FILE --symbol AAPL --plot day.html""",
)


@app.callback()
def _group() -> None:
    """Market data files: what they hold."""


_EPILOG = """\b
Examples:
  gmexec data check AMZN_2012-06-21_34200000_57600000_message_5.csv \\
      --orderbook AMZN_2012-06-21_34200000_57600000_orderbook_5.csv --plot day.html
  gmexec data check 01302019.NASDAQ_ITCH50.gz --symbol AAPL
  gmexec data check capture.gmc --json
  gmexec data check prints.csv --map columns.yaml
\b
Exit status: 0 read to its end, 2 a record or an option was wrong (stderr says which)."""


@app.command("check", short_help="Read a file to its end and say what it holds.", epilog=_EPILOG)
def check_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of market data; .gz and .xz too.")],
    format: Annotated[
        str | None, typer.Option("--format", help="lobster, itch, pitch, dbn, lean, binance, capture.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day, where the name does not tell it.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="Whose book; the symbol with most rows otherwise.")] = None,
    orderbook: Annotated[Path | None, typer.Option(metavar="FILE", help="Of a LOBSTER message file.")] = None,
    column_map: Annotated[
        Path | None, typer.Option("--map", metavar="COLUMNS.yaml", help="What a CSV or Parquet file's columns are.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.html", help="Draw the day into one HTML file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Read a file of market data to its end: records, symbols, times, volume, the book at the end, what is missing."""
    from .market_data.check import check, sample
    from .market_data.reader import read_market_data

    options: dict[str, Any] = {"date": date, "orderbook": orderbook}
    if column_map is not None:
        from .market_data.column_file import read_columns

        options["columns"] = read_columns(column_map)
    data = read_market_data(file, format, **{name: value for name, value in options.items() if value is not None})
    found = check(data, symbol)
    if plot is not None:
        from .market_data.plot import write_day

        write_day(plot, sample(data, found, symbol), found, data.quantity_step)
    if json:
        from grandmodel.execution._core.values import to_json

        typer.echo(to_json(asdict(found)))
        return
    for line in report(found, data.quantity_step):
        typer.echo(line)
    if plot is not None:
        typer.echo(f"drawn       {plot}")


def report(found: Check, quantity_step: str) -> list[str]:
    """The check as lines of text."""
    from .market_data.columns import utc

    out = [
        f"file        {found.path}",
        f"format      {found.format}, {found.kind}",
        f"records     {found.records:,}{_listed(found.counts)}",
        f"rows        {found.rows:,}{_listed({name.lower(): n for name, n in found.actions.items()})}",
    ]
    if found.skipped:
        out.append(f"no row      {sum(found.skipped.values()):,}{_listed(found.skipped)}")
    if found.first_ns is not None and found.last_ns is not None:
        back = f", {found.time_steps_back:,} steps back in time" if found.time_steps_back else ""
        out.append(f"time        {utc(found.first_ns)} to {utc(found.last_ns)}{back}")
    shown = found.symbols[:10]
    for entry in shown:
        vwap = "" if entry.vwap is None else f", VWAP {entry.vwap:.6f}"
        known = f" ({_amount(entry.priced, quantity_step)} with a price)" if entry.priced != entry.executed else ""
        executed = _amount(entry.executed, quantity_step)
        out.append(f"symbol      {entry.name:<10} {entry.rows:>12,} rows, {executed} executed{known}{vwap}")
    if len(found.symbols) > len(shown):
        out.append(f"            and {len(found.symbols) - len(shown):,} more symbols")
    if found.book is not None:
        out += _book_lines(found.book, quantity_step)
    if found.gaps:
        out.append(f"gaps        {found.gaps:,}: the feed itself says that messages are missing")
    if found.drifts:
        out.append(f"caution     {found.drifts}")
    out += [f"note        {note}" for note in found.notes]
    return out


def _book_lines(book: BookCheck, quantity_step: str) -> list[str]:
    touch = " / ".join(
        "nobody" if side is None else f"{side[0] / 1e9:.6f} x {_amount(side[1], quantity_step)}"
        for side in (book.best_bid, book.best_ask)
    )
    state = "synchronised" if book.is_synchronised else "unsynchronised at the end"
    whose = f"{book.symbol} at {book.venue}" if book.venue else book.symbol
    out = [
        f"book        {whose}, {book.kind}, tick {book.tick_e9 / 1e9:g}: {touch} at the end, "
        f"{book.levels[0]:,} bid and {book.levels[1]:,} ask levels, {state}",
        f"            locked after {_share(book.locked, book.samples)}, "
        f"crossed after {_share(book.crossed, book.samples)} of its states",
    ]
    if book.problems:
        out.append(f"            did not fit: {', '.join(f'{n:,} {name}' for name, n in book.problems.items())}")
        out.append(f"            the first: {book.first_problem}")
    return out


def _amount(steps: int, quantity_step: str) -> str:
    """A quantity in units, exactly."""
    if quantity_step == "1":
        return f"{steps:,}"
    from decimal import Decimal

    return f"{(Decimal(steps) * Decimal(quantity_step)).normalize():,f}"


def _listed(counts: dict[str, int]) -> str:
    return "" if not counts else ": " + ", ".join(f"{name} {n:,}" for name, n in counts.items())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3%}" if whole else "none"
