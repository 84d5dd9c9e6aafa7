"""Benchmarks as processes."""
