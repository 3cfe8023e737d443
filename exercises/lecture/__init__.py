"""The slides of the two-hour class (see ../CLASS.md): their source, their pictures, and what builds both.

python -m exercises.lecture             slides as HTML and PDF, and a handout with the notes, in build/class/
python -m exercises.lecture.draw        draw the pictures again
"""
