"""The explorer: a trained model in one page, computed in the browser by the same VAE in JavaScript."""
