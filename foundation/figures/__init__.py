"""Figures for a book: one look (`style`), pictures made of pictures (`galleries`), plots of numbers (`charts`)."""
