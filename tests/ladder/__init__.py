"""Tests of the command line and of what compares the rungs."""
