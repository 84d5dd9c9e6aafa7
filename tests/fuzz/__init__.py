"""Coverage-guided fuzzing of the rule compiler: `make fuzz ARGS="--seconds 60"`."""
