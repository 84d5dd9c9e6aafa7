"""The command line, without starting a server."""
