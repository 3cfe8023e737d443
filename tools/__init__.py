"""For the authors of the project, never installed: links, tables, notebooks, translations."""
