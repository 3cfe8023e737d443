"""What a trained model is worth: its bound and log p(x), the latents in use, disentanglement, and how well it ranks."""
