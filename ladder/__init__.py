"""What looks across the rungs: the command line, parity, climbing, figures and the report."""
