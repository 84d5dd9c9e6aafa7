"""Proves the compiled plan against a slow, obvious evaluator."""
