"""Rung 3: the same VAE as the papers write it, with nn.Module and torch.optim."""
