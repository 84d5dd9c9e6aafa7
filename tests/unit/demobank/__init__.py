"""The parts of the demonstration bank, each by itself."""
