"""`gmexec config`: is a configuration right, and what may stand in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Configurations: whether one is right, and what may stand in one.",
    epilog="""\b
Begin with:
  gmexec config check config/production.yaml
  gmexec config schema > schema.json         # for an editor that completes YAML""",
)


@app.callback()
def _group() -> None:
    """Configurations: whether one is right, and what may stand in one."""


_EPILOG = """\b
Examples:
  gmexec config check config/production.yaml
  gmexec config check config/production.yaml --json
\b
Exit status: 0 right, 1 right but names what no instrument has, 2 wrong (stderr
says which keys, what was expected, and the line)."""


@app.command("check", short_help="Say everything that is wrong with a configuration.", epilog=_EPILOG)
def check_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML configuration.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Read a configuration as the engine does, without starting anything; `${NAME}` is taken from the environment.

    Symbols and sectors that no instrument has are told too: they are no error (a recording brings its own
    instruments), but a misspelt limit limits nothing.
    """
    from .config import load_config
    from .routing.checks import check_routing

    config = load_config(file)
    check_routing(config)
    doubts = config.symbol_problems()
    routing = config.routing
    venues = [*routing.venues, *routing.dark_pools, *routing.wholesalers]
    connected = [name for name, venue in routing.venues.items() if venue.connection is not None]
    found: dict[str, Any] = {
        "file": str(file),
        "right": True,
        "mode": config.mode,
        "hash": config.config_hash(),
        "venues": venues,
        "connected": connected,
        "instruments": len(config.catalog()),
        "journal": config.journal.path,
        "doubts": [{"path": each.path, "message": each.message} for each in doubts],
    }
    if json:
        from .cli import print_json

        print_json(found)
    else:
        simulated = f"connected: {', '.join(connected)}, others simulated" if connected else "all simulated"
        typer.echo(f"{file}: right")
        typer.echo(f"mode        {config.mode}, {found['instruments']} instruments")
        typer.echo(f"venues      {len(venues)}, {simulated}")
        typer.echo(f"journal     {config.journal.path or 'temporary: gone when the engine ends'}")
        typer.echo(f"decisions   {found['hash'][:16]} (begin of the SHA-256 of all that can change one)")
        for each in doubts:
            typer.echo(f"doubtful    {each.path}: {each.message}")
    if doubts:
        raise typer.Exit(1)


@app.command("schema", short_help="Print the JSON Schema of a configuration.")
def schema_command() -> None:
    """Print the JSON Schema of a configuration: every key, its type and its default, for editors and checkers."""
    from .cli import print_json
    from .config import ExecutionConfig

    print_json(ExecutionConfig.model_json_schema())
