"""The models of the papers, a file for each, and what they are made of."""
