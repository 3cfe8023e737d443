"""`vae-ladder doctor`: measures the loss of anybody's VAE, and says what it means."""
