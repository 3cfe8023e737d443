"""Thirteen experiments, each a question answered by a table and figures: `vae-ladder experiment NAME`.

Every file named after an experiment is one question and its answer: what is varied, what is held fixed, what is
measured. `experiment.py` is what they share, `baseline.py` the networks without latents that they compare with.
"""
