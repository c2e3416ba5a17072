"""`gmexec venue`: one venue as a process of its own. Only typer is imported before the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from types import FrameType

_EPILOG = """\b
Examples:
  gmexec venue --socket /tmp/nyse.sock --name NYSE
  gmexec venue --socket /tmp/nyse.sock --name NYSE --delay 5ms --disconnect-every 100
\b
The engine's configuration then says: routing.venues.NYSE.connection: "unix:/tmp/nyse.sock".
SIGTERM or Ctrl-C ends it; its books end with it."""


def register(app: typer.Typer) -> None:
    """Adds the command to `gmexec`."""
    app.command("venue", short_help="Serve one venue on a Unix socket, for engines that come and go.", epilog=_EPILOG)(
        venue_command
    )


def venue_command(
    socket: Annotated[Path, typer.Option(metavar="PATH", help="Where to listen; a stale socket file is replaced.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What engines call this venue.")] = "EXCHANGE",
    delay: Annotated[str, typer.Option(metavar="DURATION", help="How long each answer waits, such as 5ms.")] = "0ms",
    disconnect_every: Annotated[
        int, typer.Option(metavar="N", min=0, help="Close a connection after every N orders, unanswered; 0: never.")
    ] = 0,
    drop_answers: Annotated[
        int, typer.Option(metavar="N", min=0, help="Leave out every N-th report: a reconciliation finds it; 0: none.")
    ] = 0,
    depth: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="Levels of the house on each side; 0: no house.")
    ] = 5,
    size: Annotated[
        int, typer.Option(metavar="SHARES", min=1, max=10**9, help="What the house shows at each level.")
    ] = 1000,
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL=PRICE", help="A price to quote around instead of the catalog's; may be repeated."),
    ] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Print the counters as JSON at the end.")] = False,
) -> None:
    """Serve one venue on a Unix socket: a matching engine that outlives the engines that trade on it.

    Around each symbol's reference price stands the house, some levels of it on each side, filled up again after every
    order: a market order of up to depth times size always finds somebody. The house never takes; clients trade with
    it and with one another. Symbols come from the clients; one without a reference price has no house.

    Every report has an execution id, one after the other. A client that comes back says the last one it has and gets
    all that followed. An order that arrives a second time is counted and not matched again.
    """
    import signal

    from .._core.values import to_json
    from ..config.units import RefusedError, read_duration
    from .exchange import Exchange
    from .server import VenueServer

    try:
        delay_ns = round(read_duration("ms", 0, 60 * 10**9)(delay) * 1e6)
    except RefusedError as error:
        raise ValueError(f"--delay is {delay!r}, must be {error}") from None
    exchange = Exchange(name, depth=depth, size=size, references=_references(reference or []))
    with VenueServer(
        socket, exchange, delay_ns=delay_ns, disconnect_every=disconnect_every, drop_answers=drop_answers
    ) as server:

        def stop(number: int, frame: FrameType | None) -> None:
            server.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        typer.echo(f"{name} is ready at {socket}")
        server.serve()
        if statistics:
            typer.echo(to_json(server.counters()))


def _references(given: list[str]) -> dict[str, int]:
    """Reference prices in 1e-9: the catalog's, and over them what was given as SYMBOL=PRICE."""
    from decimal import Decimal, InvalidOperation

    from ..instruments import InstrumentCatalog

    prices = {symbol: row.reference_price_e9 for symbol, row in InstrumentCatalog.load().items()}
    for entry in given:
        symbol, equals, text = entry.partition("=")
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal(0)
        if not symbol or not equals or not price.is_finite() or not 0 < price < 2**23 or price * 10**9 % 1:
            raise ValueError(f"--reference is {entry!r}, must be SYMBOL=PRICE with a price above 0 and below 8388608")
        prices[symbol] = int(price * 10**9)
    return prices
