"""The machinery behind the exercises: what one is made of, how an answer is observed, compared and diagnosed."""
