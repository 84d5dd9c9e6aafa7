"""The demonstration's cockpit: a day to play through, and plugs to pull. There is none outside a demonstration."""
