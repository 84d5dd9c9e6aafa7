"""The benchmark's own parts: what it generates, measures and reports."""
