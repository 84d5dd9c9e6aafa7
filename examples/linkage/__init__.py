"""Source records with known truth, for judging linkages: of the Berka tables and of the demonstration bank."""
