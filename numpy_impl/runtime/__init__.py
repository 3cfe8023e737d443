"""Speed and safety of rung 1: recycled memory, batches shared among the cores, checks of arguments."""
