"""Short versions of the scripted proofs: what they find is asserted, how fast the machine is stays theirs to judge."""
