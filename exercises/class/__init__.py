"""The slides of the class (see README.md): their source with what a speaker says, their pictures, and what builds both.

python -m exercises.class             slides, and a handout with the script in build/class/, Korean in build/class/ko/,
                                      those of the longer plan likewise in build/class/long/
python -m exercises.class.draw        draw the pictures again
"""
