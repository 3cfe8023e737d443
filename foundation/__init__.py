"""What every rung stands on: architecture, objective, data, runs and the training loop. NumPy only."""
