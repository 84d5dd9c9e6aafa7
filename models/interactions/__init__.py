"""A bank's own table of interactions, in whatever shape it lies there: enough to train a model, and to score rows."""
