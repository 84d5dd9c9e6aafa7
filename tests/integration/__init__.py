"""Proves the application with a real server."""
