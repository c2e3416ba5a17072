"""GrandModel Execution: the engine that works trading decisions into fills, and measures what they cost."""
