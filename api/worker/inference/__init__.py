"""Infers needs with durable-rules in a process of its own; the generated evaluator stands in where that is not had."""
