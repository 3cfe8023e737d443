"""`vae-ladder doctor`: measures the loss of a VAE in a file, and says whether it is right."""
