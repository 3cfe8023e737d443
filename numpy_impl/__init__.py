"""Rung 1: the VAE in NumPy, its backward pass written by hand."""
