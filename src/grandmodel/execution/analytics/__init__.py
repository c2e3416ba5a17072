"""What execution cost, and why."""
