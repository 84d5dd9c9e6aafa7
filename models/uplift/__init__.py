"""What offers change: estimated from trials in which some customers went without, and served where surely better."""
