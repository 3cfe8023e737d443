"""What makes rung 1 fast and refuses bad arguments: recycled memory, cores that share a batch, checks."""
