"""Where orders go, and how large ones are worked."""
