"""Tests of the authors' tools and of the pages."""
