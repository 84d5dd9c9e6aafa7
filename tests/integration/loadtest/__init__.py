"""The load test against a server."""
