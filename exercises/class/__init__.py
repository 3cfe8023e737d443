"""The slides of the two-hour class (see README.md): their source, their pictures, and what builds both.

python -m exercises.class             slides and a handout with the notes in build/class/, in Korean in build/class/ko/
python -m exercises.class.draw        draw the pictures again
"""
