"""Proves whole decisions and rendered diagnostics against files; --update-golden rewrites them."""
