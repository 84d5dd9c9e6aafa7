"""Mirrors engine/compiler/."""
