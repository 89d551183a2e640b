"""Operating characteristics: the replicate loop, performance measures, and what they are compared with."""
