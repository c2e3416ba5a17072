"""What stands behind the engine's venues."""
