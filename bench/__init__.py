"""Micro-benchmarks of the engine, run beside public peers."""
