"""The project's site: its pages are those of the tree, staged for Sphinx once in each language.

`python -m tools.site` builds it into `build/site`: English at the root, Korean under `ko/`.
"""
