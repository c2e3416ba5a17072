"""`gmexec tca`: what a journal's orders cost, as a table, a page, CSV, JSON or the answer to a query."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .analytics.day_summary import DaySummary, GroupCosts
    from .analytics.journal_costs import JournalCosts
    from .analytics.references import References
    from .journal_file import JournalFile

_EPILOG = """\b
Examples:
  gmexec run --journal day.gmj --capture day.gmc
  gmexec tca day.gmj
  gmexec tca day.gmj --html report.html
  gmexec tca day.gmj --order 17
  gmexec tca day.gmj --csv > orders.csv
  gmexec tca day.gmj --table 605 > execution_quality.csv
\b
Somebody else's orders and fills (CSV, Parquet, FIX 4.x execution reports):
  gmexec tca fills.csv --map columns.yaml --quotes quotes.csv
\b
SQL (extra `analytics`) over costs, fills, quotes, venues' orders and reports:
  gmexec tca day.gmj --sql "select symbol, avg(total_bps) from costs group by 1"
  gmexec tca day.gmj --sql "select venue, sum(quantity) from fills group by 1"
  gmexec tca archive --sql "select * from fills limit 5"
\b
Costs are in bps (1/100 %) of order quantity times decision price; positive is
bad. `docs/tca.md` says how each is made, and how to read them.
\b
Exit status: 0 done, 2 an input was wrong (stderr says which and how)."""


class _Table(StrEnum):
    rule_605 = "605"
    rule_606 = "606"
    audit = "audit"


class _Basis(StrEnum):
    fill = "fill"
    order = "order"


def register(app: typer.Typer) -> None:
    """Adds the command to `gmexec`."""
    app.command("tca", short_help="What the orders of a journal cost, why, and where.", epilog=_EPILOG)(tca_command)


def tca_command(
    journal: Annotated[
        Path,
        typer.Argument(
            metavar="JOURNAL", help="A journal's directory; for --sql also an archive; with --map a file of fills."
        ),
    ],
    capture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What its market said; NAME.gmc beside NAME.gmj is found by itself."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report, one page that needs no network.")
    ] = None,
    order: Annotated[int | None, typer.Option(metavar="ID", help="One order whole, with its fills.")] = None,
    sql: Annotated[str | None, typer.Option(metavar="QUERY", help="Answer a query instead.")] = None,
    table: Annotated[
        _Table | None, typer.Option(help="CSV in the manner of SEC Rule 605 or 606, or an audit trail.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print every order (or the query's answer) as CSV.")] = False,
    delay_basis: Annotated[
        _Basis, typer.Option(help="Whether the delay of what was not filled is opportunity (fill) or delay (order).")
    ] = _Basis.fill,
    top: Annotated[int, typer.Option(min=0, max=1000, help="Lines of the costliest orders.")] = 5,
    map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Somebody else's fills: the map of their columns, YAML.")
    ] = None,
    quotes: Annotated[Path | None, typer.Option(metavar="FILE", help="Quotes to hold them against (--map).")] = None,
    trades: Annotated[Path | None, typer.Option(metavar="FILE", help="The market's trades (--map).")] = None,
    index: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="Market-adjusted costs leave this one's move out, by beta.")
    ] = None,
    beta: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL=B", help="A symbol's beta to the index; as often as needed.")
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The day before, for previous closes: its capture, or YAML, SYMBOL: price."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A configuration's index, betas, closes; else the capture's own."),
    ] = None,
) -> None:
    """What the orders of a journal cost, part by part, by algorithm and venue, and whether that means anything.

    Every order is measured from its own records: the mid at its decision and when it first went to a venue, each fill
    and the quote at it, what was not filled at the mid at its end. With the day's capture markouts, interval VWAP and
    TWAP, open and close are known too; what cannot be known says why. Nothing odd is averaged in; it is counted at the
    end.
    """
    if json and csv:
        raise ValueError("--json and --csv: give one of them")
    if map is not None:
        given = {"--html": html, "--order": order, "--sql": sql, "--table": table, "--capture": capture}
        given |= {"--config": config}
        for name, value in {**given, "--csv": csv or None}.items():
            if value is not None:
                raise ValueError(f"{name} is of a journal: leave it out with --map")
        from .tca_foreign import run, show, to_json

        known = _given(None, None, index, beta, previous)
        if known.previous is not None:
            raise ValueError(f"--previous is {previous}: is a capture; with --map it must be YAML, SYMBOL: price")
        result = run(journal, map, quotes, trades, known)
        if json:
            print(to_json(result))
        else:
            show(result)
        return
    if quotes is not None or trades is not None:
        raise ValueError("--quotes and --trades belong to a file of fills: give its --map")
    if sql is not None and (html is not None or order is not None):
        raise ValueError("--sql answers a query and nothing else: leave --html and --order out")
    if table is not None and (sql is not None or html is not None or order is not None):
        raise ValueError("--table is printed alone: leave --sql, --html and --order out")
    if sql is not None and _is_archive(journal):
        _print_query(*_of_archive(journal, sql), json, csv)
        return
    file, capture = _opened(journal, capture)
    known = _given(config, capture, index, beta, previous)
    analysed = _analysed(file, capture, delay_basis.value, known)
    if sql is not None:
        from .analytics.journal_sql import journal_tables, run_sql

        with journal_tables(file, analysed) as connection:
            _print_query(*run_sql(connection, sql), json, csv)
        return
    if table is not None:
        _print_table(_regulatory(file, analysed, table), json)
        return
    if order is not None and html is None:
        from .analytics.order_view import order_view

        view = order_view(analysed, analysed.place(order))
        if csv:
            _print_csv(view["fills"][0] if view["fills"] else {"time": None}, view["fills"])
        elif json:
            _print_json(view)
        else:
            _print_lines(_order_lines(view))
        return
    from .analytics.day_summary import summarise

    summary = summarise(analysed)
    if html is not None:
        from .analytics.report import write_report

        written = write_report(html, analysed, summary, title=journal.name, order_id=order)
        print(f"{html}: {written / 1e6:.1f} MB, {len(analysed):,} orders", file=sys.stderr)
        if not json and not csv:
            return
    if csv:
        from .analytics.order_view import ROW_FIELDS, order_rows

        _print_csv(ROW_FIELDS, order_rows(analysed))
    elif json:
        _print_json(summary_dict(analysed, summary))
    else:
        _print_lines(_summary_lines(analysed, summary, journal.name, top))


# ---- what is read


def _is_archive(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*/*.parquet"))


def _of_archive(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    from .analytics.archive import open_archive
    from .analytics.journal_sql import run_sql

    with open_archive(path) as connection:
        return run_sql(connection, sql)


def _given(
    config: Path | None, capture: Path | None, index: str | None, beta: list[str] | None, previous: Path | None
) -> References:
    """What the options say of the market beside journal and capture."""
    from .analytics.journal_costs import references_of_capture
    from .analytics.references import References, read_previous_closes

    if config is not None:
        from .config import load_config

        known = References.of_config(load_config(config))
    else:
        known = references_of_capture(capture)
    betas = dict(_beta(text) for text in beta or ())
    if previous is None:
        return known.with_more(index=index, betas=betas)
    if not previous.is_file():
        raise ValueError(f"--previous is {previous}: there is no such file")
    with previous.open("rb") as file:
        is_capture = file.read(8) == b"GMCAPRUN"
    if is_capture:
        return known.with_more(index=index, betas=betas, previous=previous)
    return known.with_more(index=index, betas=betas, previous_closes=read_previous_closes(previous))


def _beta(text: str) -> tuple[str, float]:
    symbol, equals, number = text.partition("=")
    try:
        if symbol and equals:
            return symbol, float(number)
    except ValueError:
        pass
    raise ValueError(f"--beta is {text!r}, must be SYMBOL=NUMBER, such as AAPL=1.2")


def _opened(journal: Path, capture: Path | None) -> tuple[JournalFile, Path | None]:
    """The journal, and the capture that is its."""
    from ._core.values import JournalError
    from .journal_file import open_journal

    if _is_archive(journal):
        raise ValueError(
            f"{journal}: is an archive; costs are worked out from a journal, here only --sql can be answered"
        )
    try:
        file = open_journal(journal)
    except JournalError as error:
        raise ValueError(f"{error}. `gmexec run --journal day.gmj` makes one") from None
    beside = journal.with_suffix(".gmc")
    if capture is None and journal.suffix != ".gmc" and beside.is_file():
        capture = beside
    if capture is not None and not capture.exists():
        raise ValueError(f"--capture is {capture}: there is no such file")
    return file, capture


def _analysed(file: JournalFile, capture: Path | None, delay_basis: str, known: References) -> JournalCosts:
    from .analytics.journal_costs import analyse_journal

    return analyse_journal(file, capture, delay_basis=delay_basis, references=known)


def _regulatory(file: JournalFile, analysed: JournalCosts, table: _Table) -> list[dict[str, Any]]:
    from .analytics.execution_quality import execution_quality
    from .analytics.journal_records import read_records
    from .analytics.regulatory import audit_trail, routing_report

    records = read_records(file, last=analysed.head)
    if table is _Table.audit:
        return list(audit_trail(records))
    return (execution_quality if table is _Table.rule_605 else routing_report)(analysed, records)


def _print_table(rows: list[dict[str, Any]], as_json: bool) -> None:
    from ._core.values import Unknown

    if as_json:
        _print_json({"rows": rows})
        return
    fields = list(dict.fromkeys(name for row in rows for name in row))
    told = ({name: "" if isinstance(value, Unknown) else value for name, value in row.items()} for row in rows)
    _print_csv(fields, told)


def summary_dict(analysed: JournalCosts, summary: DaySummary) -> dict[str, Any]:
    """The whole as one mapping: what `--json` prints."""
    from dataclasses import asdict

    from .sessions import ns_to_local

    def when(ns: int) -> str | None:
        return ns_to_local(ns).isoformat() if ns else None

    return {
        "orders": len(analysed),
        "measured": int(analysed.measured.sum()),
        "fills": len(analysed.fills["order"]),
        "refusals": len(analysed.refusals["order_id"]),
        "from": when(summary.first_ns),
        "to": when(summary.last_ns),
        "quotes_from": analysed.market.source,
        "delay_basis": analysed.delay_basis,
        "whole": summary.whole.to_dict(),
        "by_algorithm": [each.to_dict() for each in summary.by_algorithm],
        "by_strategy": [each.to_dict() for each in summary.by_strategy],
        "by_symbol": [each.to_dict() for each in summary.by_symbol],
        "by_side": [each.to_dict() for each in summary.by_side],
        "venues": [each.to_dict() for each in summary.venues],
        "residual_e9": summary.residual_e9,
        "wheels": [each.to_dict() for each in summary.wheels],
        "findings": [asdict(each) for each in summary.findings],
        "quality": [asdict(each) for each in analysed.quality],
    }


# ---- what is printed


def _print_json(value: dict[str, Any]) -> None:
    from .cli import print_json

    print_json(value)


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line.rstrip())


def _print_csv(fields: Any, rows: Any) -> None:
    writer = csv.DictWriter(sys.stdout, list(fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print_query(fields: Sequence[str], rows: Sequence[tuple[Any, ...]], as_json: bool, as_csv: bool) -> None:
    if as_json:
        _print_json({"columns": list(fields), "rows": [list(row) for row in rows]})
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(rows)
    else:
        texts = [[_cell(value) for value in row] for row in rows]
        right = [all(isinstance(row[k], int | float | type(None)) for row in rows) for k in range(len(fields))]
        _print_lines(_table(fields, texts, right))


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "n/a"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return str(value)


def _table(fields: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> Iterator[str]:
    widths = [max(len(name), *(len(row[k]) for row in rows), 0) for k, name in enumerate(fields)]
    for row in (fields, *rows):
        yield "  ".join(
            text.rjust(width) if flush else text.ljust(width)
            for text, width, flush in zip(row, widths, right, strict=True)
        )


_WIDTH = 80
_GROUP_FIELDS = ("", "orders", "filled", "total", "delay", "spread", "move", "opp.", "fees")


def _wrapped(text: str, indent: str = "") -> Iterator[str]:
    import textwrap

    yield from textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent or "  ")


def _group_row(group: GroupCosts, name: str | None = None) -> list[str]:
    return [
        _how(name or group.name, 12), f"{group.orders:,}", f"{group.fill_rate:.0%}", f"{group.cost.mean:+.2f}",
        *(f"{group.bps(part):+.2f}" for part in ("delay", "spread", "move", "opportunity", "fees")),
    ]  # fmt: skip


def _groups(title: str, groups: Sequence[GroupCosts], most: int = 8) -> Iterator[str]:
    fields = (title, *_GROUP_FIELDS[1:], "verdict")
    rows = [[*_group_row(each), _verdict(each)] for each in groups[:most]]
    yield from _table(fields, rows, (False, *[True] * (len(fields) - 2), False))
    if len(groups) > most:
        yield f"... and {len(groups) - most:,} more; --json has all of them"


def _verdict(group: GroupCosts) -> str:
    """In a word, for a narrow table: nothing where nothing can be said."""
    if group.against_rest is None:
        return ""
    verdict = group.against_rest.verdict
    if verdict in ("lower", "higher"):
        return verdict if group.adjusted_p <= 0.05 else "no"
    return "few" if verdict == "too few samples" else "no"


def _summary_lines(analysed: JournalCosts, summary: DaySummary, name: str, top: int) -> Iterator[str]:
    from .sessions import ns_to_local

    whole = summary.whole
    span = ""
    if summary.first_ns:
        first, last = ns_to_local(summary.first_ns), ns_to_local(summary.last_ns)
        span = f", {first:%Y-%m-%d %H:%M} to {last:%H:%M}" + (
            "" if first.date() == last.date() else f" of {last:%Y-%m-%d}"
        )
    yield f"{name}{span}: {len(analysed):,} orders, {len(analysed.fills['order']):,} fills"
    quotes = "the capture" if analysed.market.source == "capture" else "the journal's own records (no capture)"
    yield f"quotes from {quotes}"
    if len(analysed) == 0:
        yield "no order is in it"
        return
    yield ""
    yield "Cost in bps of the paper value (quantity times decision mid); positive is bad"
    rows = [_group_row(whole, "all orders"), *([_money_row(whole)] if whole.measured else [])]
    yield from _table(_GROUP_FIELDS, rows, (False, *[True] * 8))
    yield ""
    yield from _benchmark_lines(whole)
    yield ""
    for finding in summary.findings:
        yield from _wrapped(f"- {finding.text} [{finding.confidence}]")
    yield ""
    yield from _groups("by algorithm", summary.by_algorithm)
    if len(summary.by_strategy) > 1:
        yield ""
        yield from _groups("by strategy", summary.by_strategy)
    yield ""
    yield from _venue_lines(summary)
    if top and whole.measured:
        yield ""
        yield from _extremes(analysed, top)
    yield ""
    yield from _legend(analysed)


_BENCHMARK_NAMES = {"vwap": "VWAP", "twap": "TWAP", "pwp": "PWP", "previous_close": "prev.",
                    "market_adjusted": "adjusted"}  # fmt: skip


def _benchmark_lines(whole: GroupCosts) -> Iterator[str]:
    """The average price against each benchmark, and why one is not known."""
    told = {_BENCHMARK_NAMES.get(name, name): value for name, value in whole.benchmarks_bps.items()}
    known = {name: value for name, value in told.items() if value == value}
    if known:
        rows = [["average paid", *(f"{value:+.2f}" for value in known.values())]]
        yield from _table(("against, bps", *known), rows, (False, *[True] * len(known)))
    missing: dict[str, list[str]] = {}
    for name, value in told.items():
        if name not in known:
            missing.setdefault(_why(value), []).append(name)
    for why, names in missing.items():
        yield from _wrapped(f"{', '.join(names)}: n/a, {why}")


def _money_row(whole: GroupCosts) -> list[str]:
    return [
        "in money", "", "", *(_short(whole.parts_e9[part]) for part in
                              ("total", "delay", "spread", "move", "opportunity", "fees"))
    ]  # fmt: skip


def _short(value_e9: int) -> str:
    value = value_e9 / 1e9
    for unit, size in (("m", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e6 if unit == 'm' else 1e3):+,.1f}{unit}"
    return f"{value:+,.0f}"


def _venue_lines(summary: DaySummary) -> Iterator[str]:
    fields = ("by venue", "sent", "share", "filled", "fills", "rej.", "eff. spread", "m/o 1s", "m/o 5m", "ms")
    rows = [
        [each.name[:16], f"{each.orders:,}", f"{each.share:.0%}", f"{each.fill_rate:.0%}", f"{each.fills:,}",
         f"{each.rejects:,}", f"{each.effective_bps.mean:+.2f}", f"{each.markout_bps['1s'].mean:+.2f}",
         f"{each.markout_bps['5m'].mean:+.2f}", f"{each.latency_ms:.1f}"]
        for each in summary.venues
    ]  # fmt: skip
    yield from _table(fields, rows, (False, *[True] * 9))


def _extremes(analysed: JournalCosts, top: int) -> Iterator[str]:
    import numpy as np

    from .analytics.journal_costs import status_text

    o, names = analysed.orders, analysed.names
    at = np.flatnonzero(analysed.measured)
    worst = at[np.argsort(-o["total_e9"][at], kind="stable")][:top]
    fields = ("costliest", "order", "how", "filled", "total", "delay", "trade", "opp.", "fees", "money")
    rows = [
        [f"{'buy' if o['side'][k] > 0 else 'sell'} {o['quantity'][k]:,} {names.symbol_text(int(o['symbol'][k]))}",
         str(o["order_id"][k]),
         _how(names.algorithm_text(int(o["algorithm"][k])) or status_text(int(o["status"][k])).lower()),
         f"{o['filled_quantity'][k] / o['quantity'][k]:.0%}",
         *(f"{analysed.bps(k, part):+.1f}" for part in ("total", "delay", "trading", "opportunity", "fees")),
         _short(int(o["total_e9"][k]))]
        for k in worst.tolist()
    ]  # fmt: skip
    yield from _table(fields, rows, (False, True, False, *[True] * 7))


def _how(name: str, width: int = 9) -> str:
    return {"implementation_shortfall": "is", "liquidity_seeking": "seeking"}.get(name, name)[:width]


def _legend(analysed: JournalCosts) -> Iterator[str]:
    yield from (
        "delay   mid at the decision to mid when first sent",
        "spread  each fill against the mid at that instant; below 0 was earned",
        "move    where the mid went before the fills, own impact included",
        "opp.    what was not filled, at the mid at the end",
        "prev.   the close of the session before; adjusted: against arrival, less beta",
        "        times what the index cost in the same time",
        "m/o     markout: mid later against the fill's price; positive, it went our way",
        "verdict higher or lower than all the rest, beyond chance; few: fewer than 30",
        "        independent samples (symbol and half hour); no: nothing can be told",
    )
    quality = analysed.quality
    yield ""
    yield "Data quality" + ("" if quality else ": nothing odd was found")
    for each in quality:
        ids = f" (order {', '.join(map(str, each.order_ids))})" if each.order_ids else ""
        yield from _wrapped(f"- {each.count:,} of {each.out_of:,}: {each.text}{ids}")


def _order_lines(view: dict[str, Any]) -> Iterator[str]:
    how = f" by {view['algorithm']}" if view["algorithm"] else ""
    yield (
        f"order {view['order_id']}: {view['side']} {view['quantity']:,} {view['symbol']} {view['order_type']}{how}, "
        f"{view['status']}"
    )
    yield f"filled {view['filled_quantity']:,} at {view['prices']['average_price']:.4f} in {len(view['fills']):,} fills"
    for text in view["flags"]:
        yield from _wrapped(f"! {text}")
    yield ""
    yield from _pairs("New York time", {name: _clock(text) for name, text in view["times"].items()})
    yield ""
    yield from _pairs("price", view["prices"])
    yield ""
    rows = [
        [part, f"{view['parts_bps'][part]:+.2f}", _money(view["parts_e9"][part]), _why(view["parts_bps"][part])]
        for part in ("total", "delay", "trading", "spread", "move", "opportunity", "fees")
    ]
    yield from _table(("part", "bps", "money", ""), rows, (False, True, True, False))
    yield ""
    against = {**view["against_bps"], **{f"markout {k}": v for k, v in view["markout_bps"].items()}}
    against |= {"reversion 5m": view["reversion_bps"]}
    rows = [[name.replace("_", " "), f"{value:+.2f}", _why(value)] for name, value in against.items()]
    yield from _table(("against, bps", "", ""), rows, (False, True, False))
    yield f"participation {view['participation']:.2%}, spread capture {view['spread_capture']:+.2f}"
    yield f"{view['percentile']:.0%} of what others traded meanwhile was at a worse price"
    yield f"all-in price against what routing expected: {view['estimate_miss_bps']:+.2f} bps"
    yield ""
    rows = [
        [_clock(fill["time"]), f"{fill['quantity']:,}", f"{fill['price']:.4f}", f"{fill['mid']:.4f}",
         fill["venue"], fill["liquidity"]]
        for fill in view["fills"][:40]
    ]  # fmt: skip
    if rows:
        yield from _table(
            ("fill", "quantity", "price", "mid", "venue", ""), rows, (False, True, True, True, False, False)
        )
    if len(view["fills"]) > 40:
        yield f"... and {len(view['fills']) - 40:,} more; --csv has all of them"


def _clock(text: str | None) -> str:
    """The time of day of an ISO time, to the microsecond."""
    return "n/a" if text is None else text[11:-6] if "." in text else f"{text[11:19]}.000000"


def _pairs(title: str, values: dict[str, Any]) -> Iterator[str]:
    rows = [[name.replace("_", " "), value if isinstance(value, str) else f"{value:.4f}", _why(value)]
            for name, value in values.items()]  # fmt: skip
    yield from _table((title, "", ""), rows, (False, True, False))


def _why(value: Any) -> str:
    return str(getattr(value, "reason", ""))


def _money(value_e9: int | None) -> str:
    return "n/a" if value_e9 is None else f"{value_e9 / 1e9:,.4f}"
