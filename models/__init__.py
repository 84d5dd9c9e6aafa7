"""The propensity model: features, training, calibration, evaluation and serving."""
