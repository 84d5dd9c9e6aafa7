"""Golden diagnostics and decisions of the engine."""
