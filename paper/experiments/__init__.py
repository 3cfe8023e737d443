"""Nine questions, each answered by a table and a picture: `vae-ladder experiment NAME`.

Every file is one experiment and reads like a page of a lab notebook: what is asked, what is varied, what is held, what
is measured. `lab.py` is the bench that they share, `plain.py` the networks without latents that they compare with.
"""
