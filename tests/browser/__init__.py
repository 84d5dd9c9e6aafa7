"""Pages in a real Chromium: what people see, hear and press, and what the network does to it."""
