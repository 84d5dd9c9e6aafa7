"""The supervisor with real processes: what it starts, shows and ends."""
