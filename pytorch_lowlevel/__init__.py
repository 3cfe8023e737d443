"""Rung 2: the same VAE with torch tensors and autograd, no nn.Module."""
