"""What holds for every test."""

import os

os.environ["VAE_LADDER_LANG"] = "en"  # messages are compared in English, whatever the system speaks
