"""The functional core: compiles rules and decides, without I/O, clock or randomness."""
