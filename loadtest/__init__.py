"""Load tests that speak HTTP to a running server."""
