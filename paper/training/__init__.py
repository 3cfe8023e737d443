"""What the training loop needs of torch."""
