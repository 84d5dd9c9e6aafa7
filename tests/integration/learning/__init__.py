"""The learning loop beside the engine that it stands in for."""
