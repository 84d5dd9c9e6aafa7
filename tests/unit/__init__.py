"""Proves each module alone, without sleep, network or files of its own making."""
