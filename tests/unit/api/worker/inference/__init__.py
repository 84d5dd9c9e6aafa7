"""Tests of inferring needs with durable-rules."""
