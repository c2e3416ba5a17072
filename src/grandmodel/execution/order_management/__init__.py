"""Orders in, tickets out: the order manager."""
