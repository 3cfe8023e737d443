#!/usr/bin/env bash
# Prepares Gradescope's container, once when the autograder is uploaded: Python with VAE Ladder, in a folder of its own.
set -euo pipefail
cd /autograder/source
apt-get update
apt-get install -y --no-install-recommends bubblewrap ca-certificates python3-pip python3-venv
# The course needs Python 3.11 or later; where the container's is older, uv brings one.
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python3 -m venv /autograder/venv
else
    python3 -m venv /autograder/tools
    /autograder/tools/bin/pip install uv
    UV_PYTHON_INSTALL_DIR=/opt/python /autograder/tools/bin/uv venv --seed --python 3.12 /autograder/venv
fi
/autograder/venv/bin/pip install ./*.whl
