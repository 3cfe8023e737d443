"""The files of a new exercise: a small one that works, whose every part to be replaced is marked with TODO."""
