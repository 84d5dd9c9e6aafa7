"""The real ones behind the ports: the store, its embedded server, and fakes that keep the same contracts."""
