"""Proves each port once against its fake and once against the real server."""
