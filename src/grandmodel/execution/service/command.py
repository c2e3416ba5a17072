"""`gmexec serve` and `gmexec token`. What a command does not need is not imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_EPILOG = """\b
Examples:
  gmexec serve
  gmexec serve --config config/production.yaml --port 8000
  curl http://127.0.0.1:8000/execution/health
  curl -H "Authorization: Bearer $TOKEN" -d '{"symbol": "AAPL",
      "side": "buy", "quantity": 100, "order_type": "market"}' \\
      http://127.0.0.1:8000/execution/orders
\b
Pages: /execution/dashboard, /execution/docs. Exit status: 0 stopped in order,
2 an input was wrong, or it cannot start: the port is in use, say."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""

    @app.command("serve", short_help="Run an engine, and serve it over HTTP.", epilog=_EPILOG)
    def serve_command(
        config: Annotated[
            Path | None, typer.Option(metavar="FILE", help="A YAML configuration; the packaged defaults otherwise.")
        ] = None,
        port: Annotated[int | None, typer.Option(min=1, max=65535, help="In place of service.port.")] = None,
        seconds: Annotated[
            float | None, typer.Option(min=0.1, help="Stop after so long; until SIGTERM or Ctrl-C otherwise.")
        ] = None,
    ) -> None:
        """Run the engine that a configuration describes, and serve health, orders, venues, stops and the dashboard.

        HTTP is a process of its own: it reads the journal, and its writes pass the engine's gate. Reads are open on
        this machine; writes want a token (`gmexec token`). Without any configured one a token for this run is made,
        and shown once. On SIGTERM no more orders are taken, open ones are cancelled (service.on_exit), and the
        journal is sealed.
        """
        from .host import serve

        serve(config, port, seconds)

    @app.command("token", short_help="Make a token for the service, and what the configuration keeps of it.")
    def token_command(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.")],
        scope: Annotated[
            list[str] | None, typer.Option(help="trade, risk or admin; again for more. Default: trade.")
        ] = None,
    ) -> None:
        """Make a token: the text, shown once, and its hash for `service.tokens` of the configuration."""
        import re

        from ..config.fields import NAME
        from .access import SCOPES, new_token, token_hash

        if not re.fullmatch(NAME, name):
            raise ValueError(f"NAME is {name!r}, must be a name of up to 32 letters, digits, _ . -")
        scopes = list(dict.fromkeys(scope or ["trade"]))
        for each in scopes:
            if each not in SCOPES:
                raise ValueError(f"--scope is {each!r}, must be one of {', '.join(SCOPES)}")
        token = new_token()
        typer.echo(f"token (keep it secret, it is not shown again):\n  {token}\n")
        typer.echo("for the configuration:")
        typer.echo(f'service:\n  tokens:\n    "{name}":\n      sha256: {token_hash(token)}')
        typer.echo(f"      scopes: [{', '.join(scopes)}]")
