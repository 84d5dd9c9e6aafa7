"""Loading into a real store."""
