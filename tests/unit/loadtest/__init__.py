"""The load test: its promises, mix, profiles, thresholds, report and command line."""
