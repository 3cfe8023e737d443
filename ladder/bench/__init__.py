"""`vae-ladder bench`: the speed of the rungs, against one another and against the limits of the machine."""
