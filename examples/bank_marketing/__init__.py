"""The calls of a Portuguese bank (Moro, Cortez and Rita, 2014): a term-deposit model on real answers."""
