"""The event worker: folds events into customers' records, infers needs, and puts aside what it cannot take."""
