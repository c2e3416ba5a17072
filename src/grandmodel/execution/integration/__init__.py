"""What decides, joined to what executes."""
