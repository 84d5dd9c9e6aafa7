"""The event worker: folding, partitions, timers and the loop around them."""
