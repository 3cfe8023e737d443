"""The checker behind the exercises: the parts of one, its check, the diagnosis, and the learner's answers."""
