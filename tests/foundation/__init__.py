"""Tests of what all rungs agree on."""
