"""`vae-ladder bench`: how fast the rungs are, against one another and against what the machine can do at best."""
