"""`gmexec journal`: a journal from the command line.

What a command does not need is not imported: only `export` loads DuckDB, only its progress bar rich.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from .records_split import RecordStream
    from .records_view import EventType
    from .simulation.reexecution import Difference, Reexecution

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A journal: what an engine did, record by record.",
    epilog="""\b
Begin with:
  gmexec run --journal day.gmj
  gmexec journal verify day.gmj
  gmexec journal show day.gmj --last 20
  gmexec journal export day.gmj --to archive
\b
Live a day again, decision by decision:
  gmexec run --journal day.gmj --capture day.gmc
  gmexec journal replay day.gmj --capture day.gmc
\b
Exit status: 0 done, 1 a day lived again was not the same, 2 an input was wrong (stderr says which and how).""",
)


class _Format(StrEnum):
    parquet = "parquet"
    csv = "csv"
    json = "json"


_SHOW_EPILOG = """\b
Examples:
  gmexec journal show day.gmj --order 17
  gmexec journal show day.gmj --symbol AAPL --type FILLED --last 20
  gmexec journal show day.gmj --since 2025-01-02T10:00 --until 2025-01-02T11:00
  gmexec journal show day.gmj --follow --json"""

_EXPORT_EPILOG = """\b
Examples:
  gmexec journal export day.gmj --to archive
  gmexec journal export day.gmj --to tables --format csv"""

_REPLAY_EPILOG = """\b
Examples:
  gmexec run --journal day.gmj --capture day.gmc
  gmexec journal replay day.gmj --capture day.gmc
  gmexec journal replay day.gmj --capture day.gmc --config other.yaml
\b
Exit status: 0 all the same, or decided under another configuration; 1 decided
otherwise under the same configuration; 2 an input was wrong, or the capture
does not cover the log."""

_Journal = Annotated[Path, typer.Argument(metavar="JOURNAL", help="The journal's directory.")]


@app.command("show", short_help="Print the records as lines.", epilog=_SHOW_EPILOG)
def show_command(
    journal: _Journal,
    order: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Of this order and its children.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="S", help="Of orders in this symbol.")] = None,
    type: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Of this type, such as ORDER_FILLED or FILLED; may be repeated."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this ISO time on; exchange time unless it has an offset.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    last: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the last N that fit.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written later, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with every field.")] = False,
) -> None:
    """Print the records of a journal: time of the exchange's zone, sequence, type, order, and what happened.

    Options narrow what is shown, and may be combined.
    """
    wanted = _Wanted(
        order=order,
        symbol=symbol,
        types=_types(type),
        since_ns=_instant("--since", since),
        until_ns=_instant("--until", until),
        follow=follow,
    )
    reader = _Reader(_open(journal), wanted)
    printer = _json_line if json else _Lines()
    found: Iterable[tuple[EventType, dict[str, Any]]] = reader.news()
    _print(printer, found if last is None else deque(found, last))
    if not follow:
        reader.check()
        return
    try:
        while True:
            sys.stdout.flush()
            _wait()
            _print(printer, reader.news())
    except KeyboardInterrupt:
        return


_REPAIR_EPILOG = """\b
Examples:
  gmexec journal repair day.gmj            look, and say what would be done
  gmexec journal repair day.gmj --yes      do it"""


@app.command("verify", short_help="Check every record, seal and file.")
def verify_command(
    journal: _Journal,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Check a journal from end to end: identity and order of its files, each record's place and checksum, each seal.

    The first thing that is wrong is named, with file, record and byte; the exit status is 2 then. What a killed engine
    left in the journal's tail is checked too. An engine may go on writing meanwhile.
    """
    from ._core.store import verify

    found = verify(journal)
    if json:
        import json as text

        typer.echo(text.dumps(found))
        return
    ended = "stopped in order" if found["clean"] else "being written" if found["live"] else "not stopped in order"
    typer.echo(f"{journal}: whole, {ended}")
    typer.echo(f"  records  {found['records']:>14,}   {found['bytes']:,} bytes in {found['segments']} files")
    typer.echo(f"  in tail  {found['from_tail']:>14,}   records that no file has yet")
    typer.echo(f"  seals    {found['seals']:>14,}   over {found['sealed']:,} bytes")
    typer.echo(f"  engines  {found['epoch']:>14,}   that have written to it")
    typer.echo(f"  sha256   {found['sha256']}")
    for note in found["notes"]:
        typer.echo(f"  note: {note}")


@app.command("repair", short_help="Mend what an operator has to decide about.", epilog=_REPAIR_EPILOG)
def repair_command(
    journal: _Journal,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only said.")] = False,
) -> None:
    """Say what keeps a journal from being opened and, with --yes, mend it.

    Mended are a disk that failed to force (the files are written anew and forced) and a tail that was lost or damaged
    (the log is cut to what reached its files). A record that does not match its checksum is not: restore the file.
    The exit status is 1 when something has to be decided, and was not.
    """
    from .journal_repair import repair

    found = repair(journal, apply=yes)
    for each in found.findings:
        typer.echo(f"found: {each}")
    for action in found.actions:
        typer.echo(f"{'done' if found.done else 'to do'}: {action}")
    if found.needed and not found.done:
        typer.echo("nothing was changed; --yes does it")
        raise typer.Exit(1)


@app.command("export", short_help="Write the records as tables.", epilog=_EXPORT_EPILOG)
def export_command(
    journal: _Journal,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go; it is made when it is not there.")],
    format: Annotated[_Format, typer.Option(help="parquet needs the extra 'analytics'.")] = _Format.parquet,
) -> None:
    """Write a journal as tables: orders, decisions, reports, refusals, requests, names, balances.

    Parquet comes by day and table, and can be repeated as the journal grows; csv and json (one object a line) are one
    file for each table. Prices are exact integers of 1e-9, with names and codes in words beside the numbers.
    """
    opened = _open(journal)
    with _progress(f"export {journal.name}") as progress:
        if format is _Format.parquet:
            from .analytics.archive import archive

            rows = archive(opened, to, name=None, progress=progress).rows
        else:
            from .analytics.export import export_text

            rows = export_text(opened, to, "csv" if format is _Format.csv else "json", progress)
    for table, count in sorted(rows.items()):
        typer.echo(f"{table:<10} {count:>12,} rows")
    typer.echo(f"written to {to}")


@app.command("replay", short_help="Live the day again: the same, or what would change.", epilog=_REPLAY_EPILOG)
def replay_command(
    journal: _Journal,
    capture: Annotated[Path, typer.Option(metavar="FILE", help="What the market said: `gmexec run --capture`.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decide by this configuration; the recorded one otherwise.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with every difference.")] = False,
) -> None:
    """Live a recorded day again: every order is checked and routed anew, from the quotes that its decision saw.

    Under the recorded configuration the new log must be the recorded one, byte for byte. Under another one the orders
    that fare otherwise are listed: refused, accepted, sent to another venue, at another expected cost. What venues
    answered is taken as recorded.
    """
    from .simulation.reexecution import reexecute

    with _progress(f"replay {journal.name}") as progress:
        result = reexecute(_open(journal), capture, config, progress=progress)
    if json:
        from ._core.values import to_json

        typer.echo(to_json(result.to_dict()))
    else:
        for line in _replayed(result, journal, capture, config):
            typer.echo(line)
    if result.uncovered:
        raise typer.Exit(2)
    if result.same_configuration and not result.same:
        raise typer.Exit(1)


def _open(path: Path) -> RecordStream:
    """The journal in a directory; JournalError when it is none."""
    from .journal_file import open_journal

    opened: RecordStream = open_journal(path)
    return opened


def _wait() -> None:
    time.sleep(0.2)


@contextmanager
def _progress(text: str) -> Iterator[Callable[[int, int], object] | None]:
    """What to call with (done, total): a bar on stderr when that is a terminal, None otherwise."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(text)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


# ---- a day lived again

_DIFFERENCES_SHOWN = 40


def _replayed(result: Reexecution, journal: Path, capture: Path, config: Path | None) -> Iterator[str]:
    """The result as lines of at most 80 columns."""
    given = "the capture's" if config is None else config.name
    whose = "the recorded one" if result.same_configuration else f"{given}, not the recorded one"
    rows = [
        ("journal", f"{journal.name}, {result.records:,} records"),
        ("capture", f"{capture.name}, {result.rows:,} rows" + (f", {result.runs} runs" if result.runs > 1 else "")),
        ("configuration", f"{whose} ({result.config_hash:016x})"),
        ("decided again", f"{result.orders:,} orders, {result.refusals:,} refusals in {result.seconds:.2f} s"),
    ]
    if result.taken_refusals:
        rows.append(("as recorded", f"{result.taken_refusals:,} refusals that no quote and no limit explains"))
    decisions = result.orders + result.refusals
    if result.same:
        assert result.sha256 is not None
        rows.append(("result", f"{decisions:,} decisions, all the same, byte for byte"))
        rows.append(("log sha256", result.sha256[1]))
    elif not result.differences:
        rows.append(("result", f"{decisions:,} decisions, all the same"))
    else:
        rows.append(("result", f"{len(result.differences):,} of {decisions:,} decisions differ"))
        rows += [("", f"{count:>7,} {_WAYS[kind]}") for kind, count in result.counts.items()]
        if result.cost_change:
            rows.append(("expected cost", f"{result.cost_change:+,.2f} for the orders accepted both times"))
    if result.same_configuration and not result.same and not result.differences and not result.uncovered:
        rows.append(("", "but the new log or the state that it leaves is not the recorded one"))
    for name, text in rows:
        yield from textwrap.wrap(text, 80, initial_indent=f"{name:<15}", subsequent_indent=" " * 15)
    if result.differences:
        yield ""
        yield f"{'time':<12} {'order':>7} {'what':<27}{'then':<9}{'now'}"
    for each in sorted(result.differences, key=lambda each: each.kind in ("cost", "other"))[:_DIFFERENCES_SHOWN]:
        yield from _difference_lines(each)
    if len(result.differences) > _DIFFERENCES_SHOWN:
        yield f"... and {len(result.differences) - _DIFFERENCES_SHOWN:,} more; --json has all of them"
    for note in result.notes:
        yield ""
        yield from textwrap.wrap(f"Note: {note}.", 80, subsequent_indent=" " * 6)


_WAYS = {
    "refused": "refused now",
    "accepted": "accepted now",
    "parent refused": "children of parents that are refused now",
    "venue": "to another venue",
    "cost": "to the same venue at another expected cost",
    "reason": "refused for another reason",
    "other": "otherwise (runner-up or recorded terms)",
}


def _difference_lines(each: Difference) -> list[str]:
    from .sessions import ns_to_local

    limit = "market" if each.limit_price_e9 is None else f"@ {_price(each.limit_price_e9)}"
    what = f"{each.side} {each.quantity} {each.symbol} {limit}"
    sides = [
        venue or ("refused" if reason else "accepted") for venue, reason in zip(each.venues, each.reasons, strict=True)
    ]
    if each.kind == "parent refused":
        sides[1] = "parent refused"
    elif each.reasons[1]:
        sides[1] = "refused: " + (" ".join(each.failed_checks[1]) or each.reasons[1])
    elif each.cost_change_bps is not None:
        sides[1] += f" {each.cost_change_bps:+.2f} bps"
    when = f"{ns_to_local(each.time_ns):%H:%M:%S.%f}"[:12]
    head = f"{when} {each.order_id:>7} {what:<26} {sides[0]:<8} "
    text = textwrap.wrap(sides[1], max(16, 80 - len(head)), break_on_hyphens=False)
    return [head + text[0], *(" " * len(head) + rest for rest in text[1:])]


# ---- which records


def _types(names: list[str] | None) -> frozenset[str] | None:
    from .records_view import EventType

    if not names:
        return None
    known = {each.value: each.value for each in EventType}
    known |= {_short(each): each.value for each in EventType}
    chosen = set()
    for name in names:
        value = known.get(name.upper())
        if value is None:
            raise ValueError(f"--type is {name!r}, must be one of {', '.join(sorted(_short(e) for e in EventType))}")
        chosen.add(value)
    return frozenset(chosen)


def _short(event_type: str) -> str:
    return event_type.removeprefix("ORDER_")


def _instant(option: str, text: str | None) -> int | None:
    """Nanoseconds since the epoch of an ISO time."""
    from .sessions import local_to_ns

    if text is None:
        return None
    try:
        return local_to_ns(datetime.fromisoformat(text))
    except ValueError as error:
        why = str(error) if "exist" in str(error) else "must be an ISO time such as 2025-01-02T10:00:00"
        raise ValueError(f"{option} is {text!r}, {why}") from None


@dataclass(slots=True)
class _Wanted:
    """What `show` was asked for; None: no matter."""

    order: int | None = None
    symbol: str | None = None
    types: frozenset[str] | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    follow: bool = False


@dataclass(slots=True)
class _Reader:
    """Goes through a journal once and gives the records that are wanted.

    A decision is logged before its order, and only the order's record says its symbol and its parent: so orders are
    looked at first in every piece, and a piece does not end between the two.
    """

    journal: RecordStream
    wanted: _Wanted
    position: int = 0
    order_seen: bool = False
    symbol_number: int | None = None
    ids: set[int] = field(default_factory=set)  # of the orders wanted by --order or --symbol
    view: Any = None
    names: Any = None

    def __post_init__(self) -> None:
        from .records_view import JournalNames, RecordView

        self.names = JournalNames()
        self.view = RecordView(self.names)
        if self.wanted.order is not None:
            self.ids.add(self.wanted.order)

    def check(self) -> None:
        """Raises when an order or a symbol was asked for that the journal does not know."""
        from ._core.values import UnknownOrder
        from .records_view import SYMBOL

        if self.wanted.order is not None and not self.order_seen:
            raise UnknownOrder(f"no order of this journal has the id {self.wanted.order}")
        if self.wanted.symbol is not None and self.symbol_number is None:
            known = ", ".join(sorted(self.names.by_kind[SYMBOL].values())) or "none"
            raise ValueError(f"--symbol is {self.wanted.symbol!r}, must be one of this journal's: {known}")

    def news(self) -> Iterator[tuple[EventType, dict[str, Any]]]:
        """(event type, payload) of what is wanted, from where the last call ended."""
        from .records_split import split
        from .records_view import type_of

        end = self.journal.head
        while self.position < end:
            used, by_kind = split(self.journal.read(self.position, min(1 << 22, end - self.position)), self.position)
            used = self._without_last_decision(used, by_kind, end)
            if used == 0:
                return
            self.position += used
            self._learn(by_kind)
            chosen = []
            for kind, records in by_kind.items():
                rows = records[self._mask(kind, records)]
                chosen += [(int(record["header"]["commit"]), kind, record) for record in rows]
            for _, kind, record in sorted(chosen, key=lambda each: each[0]):
                event_type = type_of(kind, record["row"])
                if self.wanted.types is None or event_type in self.wanted.types:
                    yield event_type, self.view.payload(kind, record)

    def _without_last_decision(self, used: int, by_kind: dict[int, np.ndarray[Any, Any]], end: int) -> int:
        from .records_view import DECISION

        decisions = by_kind.get(DECISION)
        if decisions is None or not (self.wanted.follow or self.position + used < end):
            return used
        newest = max(int(records["header"]["commit"][-1]) for records in by_kind.values())
        if int(decisions["header"]["commit"][-1]) == newest:
            by_kind[DECISION] = decisions[:-1]
            return used - int(decisions.dtype.itemsize)
        return used

    def _learn(self, by_kind: dict[int, np.ndarray[Any, Any]]) -> None:
        """Takes in names, and which orders belong to what was asked for."""
        import numpy as np

        from .records_view import NAME, ORDER, REFUSAL, SYMBOL

        for record in by_kind.get(NAME, ()):
            row = record["row"]
            self.names.learn(row)
            if int(row["kind"]) == SYMBOL and bytes(row["text"]).decode("utf-8", "replace") == self.wanted.symbol:
                self.symbol_number = int(row["id"])
        for kind in (ORDER, REFUSAL):
            if kind not in by_kind:
                continue
            rows = by_kind[kind]["row"]
            if self.wanted.order is not None:
                self.order_seen = self.order_seen or bool((rows["order_id"] == self.wanted.order).any())
                if kind == ORDER:
                    self.ids.update(rows["order_id"][rows["parent_id"] == self.wanted.order].tolist())
            elif self.symbol_number is not None and kind == ORDER:
                self.ids.update(np.asarray(rows["order_id"])[rows["symbol"] == self.symbol_number].tolist())

    def _mask(self, kind: int, records: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        import numpy as np

        from .records_view import NAME, SYMBOL

        wanted, rows = self.wanted, records["row"]
        mask = np.ones(len(records), bool)
        fields = rows.dtype.names or ()
        if wanted.since_ns is not None:
            mask &= records["header"]["time_ns"] >= wanted.since_ns
        if wanted.until_ns is not None:
            mask &= records["header"]["time_ns"] < wanted.until_ns
        if wanted.order is not None:
            mask &= _among(rows["order_id"], self.ids) if "order_id" in fields else False
        if wanted.symbol is not None:
            number = self.symbol_number
            if number is None:
                mask[:] = False
            elif kind == NAME:
                mask &= (rows["kind"] == SYMBOL) & (rows["id"] == number)
            elif "symbol" in fields:
                mask &= rows["symbol"] == number
            elif wanted.order is None:
                mask &= _among(rows["order_id"], self.ids)
        return mask


def _among(values: np.ndarray[Any, Any], ids: set[int]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.fromiter((value in ids for value in values.tolist()), bool, len(values))


# ---- lines


def _print(line: Callable[[EventType, dict[str, Any]], str], found: Iterable[tuple[EventType, dict[str, Any]]]) -> None:
    for event_type, payload in found:
        typer.echo(line(event_type, payload))


def _json_line(event_type: EventType, payload: dict[str, Any]) -> str:
    from ._core.values import to_json
    from .sessions import ns_to_local

    return to_json({"type": event_type, "time": ns_to_local(payload["time_ns"]).isoformat(), **payload})


class _Lines:
    """One record as a line of at most 80 columns, continued below its text when that is longer; a heading each day."""

    WIDTH, INDENT = 80, 48

    def __init__(self) -> None:
        self._day = ""

    def __call__(self, event_type: EventType, payload: dict[str, Any]) -> str:
        from .sessions import ns_to_local, zone

        when = ns_to_local(payload["time_ns"])
        day = when.date().isoformat()
        heading = "" if day == self._day else f"{day} ({zone().key})\n"
        self._day = day
        order_id = payload.get("order_id")
        head = (
            f"{when:%H:%M:%S.%f} {payload['sequence']:>7} {_short(event_type):<16} "
            f"{'-' if order_id is None else order_id:>6} "
        )
        indent = max(self.INDENT, len(head))
        width = max(20, self.WIDTH - indent)
        text = textwrap.wrap(_TEXTS.get(event_type, _report)(payload), width, break_on_hyphens=False) or [""]
        return heading + f"\n{' ' * indent}".join([head + text[0], *text[1:]]).rstrip()


def _price(value_e9: int | None) -> str:
    """A price with two to nine decimals, exactly; `market` for none."""
    if value_e9 is None:
        return "market"
    units, rest = divmod(abs(value_e9), 10**9)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if value_e9 < 0 else ''}{units}.{decimals}"


def _name(p: dict[str, Any]) -> str:
    return f"{p['kind']} {p['number']} is {p['text']}"


def _order(p: dict[str, Any]) -> str:
    limit = p["limit_price_e9"]
    parts = [f"{p['side']} {p['quantity']} {p['symbol']} {'market' if limit is None else '@ ' + _price(limit)}"]
    if str(p["order_type"]) not in ("market", "limit"):
        parts.append(str(p["order_type"]))
    parts += [str(p["time_in_force"]), *p["instructions"]]
    if p["is_parent"]:
        parts.append(f"by {p['algorithm']}")
    if p["parent_id"]:
        parts.append(f"child of {p['parent_id']}")
    return " ".join(parts)


def _decision(p: dict[str, Any]) -> str:
    if p["venue"] is None:
        return "not sent to a venue"
    text = f"{p['venue']}, best of {p['candidates']}"
    return f"{text}, before {p['runner_up']}" if p["runner_up"] else text


def _fill(p: dict[str, Any]) -> str:
    what = f"{p['side']} {p['quantity']} {p['symbol']} @ {_price(p['price_e9'])}"
    return f"{what} {p['venue']}" + (f", {p['leaves_quantity']} open" if p["leaves_quantity"] else "")


def _other(p: dict[str, Any]) -> str:
    """What has no line of its own: its payload, but for what is absent."""
    return " ".join(f"{name}={value}" for name, value in p.items() if value not in (None, "", [], ()))


def _report(p: dict[str, Any]) -> str:
    if "symbol" not in p or "leaves_quantity" not in p:
        return _other(p)
    text = f"{p['symbol']} {p['venue'] or ''}".rstrip()
    if p["status"] is not None and p["leaves_quantity"] == 0 and p["quantity"]:
        text += f", {p['quantity']} not filled"
    return f"{text}: {p['reason_text']}" if int(p["reason"]) else text


def _refusal(p: dict[str, Any]) -> str:
    what = f"{p['side'] or '?'} {p['quantity']} {p['symbol'] or '?'}"
    fields = [f"{name} is wrong" for name in p["failed_fields"]]
    return f"{what}: {', '.join([*p['failed_checks'], *fields]) or p['reason_text']}"


def _request(p: dict[str, Any]) -> str:
    where = f" at {p['venue']}" if p["venue"] else ""
    return f"{p['quantity']} open{where}: {p['reason_text']}"


def _balance(p: dict[str, Any]) -> str:
    if p["symbol"] is None:
        return f"account {p['account']}: cash {_price(p['cash_e9'])}"
    mark = "" if p["mark_e9"] is None else f" at {_price(p['mark_e9'])}"
    return f"account {p['account']}: {p['quantity']} {p['symbol']}{mark}"


_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "NAME_DEFINED": _name,
    "ORDER_SUBMITTED": _order,
    "ORDER_ROUTED": _decision,
    "ORDER_REFUSED": _refusal,
    "ORDER_FILLED": _fill,
    "CANCEL_REQUESTED": _request,
    "PARENT_CLOSED": _request,
    "BALANCE_OPENED": _balance,
}
