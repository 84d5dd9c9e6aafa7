"""What a model is worth: calibration, baselines, other choices, drift and fairness; nothing in here serves."""
