"""Tests of rung 1."""
