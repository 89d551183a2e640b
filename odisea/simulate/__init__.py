"""What we assume about the world: simulated people, weeks, measurements and losses. Reads `simulate/`."""
