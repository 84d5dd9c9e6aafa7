"""How events come in, by whatever way: one check and one intake for HTTP, Kafka and what was put aside."""
