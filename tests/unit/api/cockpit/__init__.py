"""Tests of the demonstration's cockpit."""
