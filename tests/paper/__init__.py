"""Tests of rung 3 and its family."""
