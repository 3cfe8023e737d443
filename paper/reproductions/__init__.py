"""Tables of papers made again: the paper's value, ours, their difference, and what was spent on it.

A reproduction has its module, with the rows, the full protocol and what a budget may shorten; all have their training,
their run folder and their record in common.
"""
