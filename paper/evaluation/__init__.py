"""Measures a trained model: the ELBO, log p(x), the latents in use, disentanglement, and the ROC curve of a score."""
