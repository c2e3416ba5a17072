"""Market data readers, and recorded and synthetic markets."""

from grandmodel.execution.simulation.lobster import LobsterDay, read_lobster

__all__ = ["LobsterDay", "read_lobster"]
