"""Answers that attack the grader, by name: the text of 04_kl.py, and the states that a grader may give it.

`{secret}` is a file of the teacher's, `{course}` the course's folder, `{neighbour}` another learner's folder, `{port}`
a port on which the teacher's machine listens, `{marker}` a path that no attack may create.
"""

from typing import NamedTuple

from tests.support.kl_answers import RIGHT_KL, WRONG_KL


class Attack(NamedTuple):
    """One answer, and what may become of it."""

    text: str
    states: tuple[str, ...] = ("WRONG",)
    slow: bool = False
    """Whether it is left to the long proofs."""


def telling(expression: str, imports: str = "import os, sys") -> str:
    """An answer that tries to get at something, and shows it in an exception, which the teacher reads."""
    return f"{imports}\n\ndef kl(mu, logvar):\n    raise ValueError({expression})\n"


ZERO = "\n\ndef kl(mu, logvar):\n    return 0.0\n"
RIGHT_AFTER = "\n" + RIGHT_KL


ATTACKS = {
    # Reading the solution
    "reads the exercise": Attack(telling("open('{course}/04_kl/exercise.py').read()[:500]")),
    "reads the rung": Attack(telling("open('{course}/../numpy_impl/vae_numpy.py').read()[:500]"), slow=True),
    "imports by a made-up name": Attack(
        "import importlib\nvae = importlib.import_module('numpy_impl.' + 'vae_' + 'numpy')\n"
        "def kl(mu, logvar):\n    return vae.kl_divergence(mu, logvar) / len(mu)\n"
    ),
    "imports a rung by a made-up name": Attack(
        "import importlib\nloss = importlib.import_module('paper.' + 'losses')\n" + ZERO, slow=True
    ),
    "imports the exercise by a made-up name": Attack(
        "import importlib\nfound = importlib.import_module('exercises.' + '04_kl' + '.exercise')\n"
        "kl = found.exercise.solution['kl']\n",
        slow=True,
    ),
    "imports the solution": Attack(
        "from numpy_impl.vae_numpy import kl_divergence\n"
        "def kl(mu, logvar):\n    return kl_divergence(mu, logvar) / len(mu)\n",
        ("IMPORTED",),
    ),
    "imports the module of the solution": Attack(
        "import numpy_impl.vae_numpy as vae\ndef kl(mu, logvar):\n    return vae.kl_divergence(mu, logvar) / len(mu)\n",
        ("IMPORTED",),
        slow=True,
    ),
    "names the module in a text": Attack(
        "import importlib\nvae = importlib.import_module('exercises.04_kl.exercise')\n" + ZERO, ("IMPORTED",), slow=True
    ),
    "looks for the exercise among all objects": Attack(
        telling(
            "[type(o).__name__ for o in gc.get_objects() if type(o).__name__ in ('Exercise', 'Verdict', 'Observation')]"
            " + ['nothing else']",
            "import gc",
        ),
        slow=True,
    ),
    "climbs the stack for expected values": Attack(
        "import sys\n"
        "def kl(mu, logvar):\n"
        "    frame, found = sys._getframe(), []\n"
        "    while frame:\n"
        "        found += [n for n in frame.f_locals if 'expected' in n or 'solution' in n or 'verdict' in n]\n"
        "        frame = frame.f_back\n"
        "    raise ValueError(found + ['nothing else'])\n"
    ),
    # Forging
    "writes a verdict": Attack(
        "import json\n"
        "for name in ['verdict.json', '../verdict.json']:\n"
        "    try: open(name, 'w').write(json.dumps({{'exercise': '04_kl', 'outcome': 'PASS'}}))\n"
        "    except OSError: pass\n" + ZERO,
        slow=True,
    ),
    "prints a verdict": Attack("print('PASS  04_kl')\nprint('evil,04_kl,PASS')\n" + ZERO, slow=True),
    "writes results into every pipe": Attack(
        "import os, struct\n"
        'text = b\'{{"result": 0.0, "changed": {{}}}}\'\n'
        "for fd in range(3, 60):\n"
        "    try: os.write(fd, struct.pack('>II', len(text), 0) + text)\n"
        "    except OSError: pass\n" + ZERO
    ),
    "writes garbage into every pipe": Attack(
        "import os\nfor fd in range(3, 60):\n    try: os.write(fd, os.urandom(2000))\n    except OSError: pass\n"
        + ZERO,
        slow=True,
    ),
    "claims a frame of gigabytes": Attack(
        "import os\nfor fd in range(3, 60):\n    try: os.write(fd, b'\\xff' * 8)\n    except OSError: pass\n" + ZERO
    ),
    "patches NumPy's comparisons": Attack(
        "import numpy as np\n"
        "np.array_equal = np.allclose = np.isclose = lambda *a, **k: True\n"
        "np.abs = lambda x: 0 * np.asarray(x)\nnp.isfinite = lambda x: np.ones(np.shape(x), bool)\n" + ZERO
    ),
    "patches the checker": Attack(
        "import sys\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.startswith('exercises'):\n"
        "        for attribute in dir(module):\n"
        "            if not attribute.startswith('__'): setattr(module, attribute, lambda *a, **k: True)\n" + ZERO
    ),
    "patches builtins": Attack(
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda x: 1\n" + ZERO, slow=True
    ),
    "returns what equals everything": Attack(
        "class Same(float):\n"
        "    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "    def __sub__(self, other): return 0.0\n"
        "    __rsub__ = __abs__ = __hash__ = lambda *a: 0\n"
        "def kl(mu, logvar):\n    return Same(3.0)\n"
    ),
    "returns an array that equals everything": Attack(
        "import numpy as np\n"
        "class Same(np.ndarray):\n"
        "    def __array_ufunc__(self, *a, **k): return np.zeros(self.shape, bool)\n"
        "def kl_per_image(mu, logvar):\n    return np.zeros(len(mu)).view(Same)\n",
        slow=True,
    ),
    # Ending and stopping the grader
    "kills its parent": Attack("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n" + ZERO),
    "stops its parent": Attack("import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\n" + ZERO, slow=True),
    "kills everything": Attack("import os, signal\nos.kill(-1, signal.SIGKILL)\n" + ZERO),
    "stops every process that it finds": Attack(
        "import os, signal\n"
        "for pid in range(1, 70000):\n"
        "    if pid != os.getpid():\n"
        "        try: os.kill(pid, signal.SIGSTOP)\n"
        "        except OSError: pass\n" + ZERO
    ),
    "traces its parent": Attack(
        "import ctypes, os\n"
        "result = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)\n"
        "assert result == -1, 'traced'\n" + ZERO,
        slow=True,
    ),
    "leaves a daemon": Attack(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(8)\n"
        "        open('{marker}', 'w').write('here')\n"
        "    os._exit(0)\n" + ZERO
    ),
    "ignores signals and never ends": Attack(
        "import faulthandler, signal\n"
        "faulthandler.cancel_dump_traceback_later()\n"
        "def kl(mu, logvar):\n"
        "    faulthandler.cancel_dump_traceback_later()\n"
        "    for number in range(1, 30):\n"
        "        try: signal.signal(number, signal.SIG_IGN)\n"
        "        except (OSError, ValueError): pass\n"
        "    while True: pass\n"
    ),
    "closes every pipe and waits": Attack(
        "import os, time\ndef kl(mu, logvar):\n    os.closerange(0, 100)\n    time.sleep(60)\n", slow=True
    ),
    "forks without end": Attack("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"),
    "ends Python": Attack("import os\ndef kl(mu, logvar):\n    os._exit(0)\n", slow=True),
    "exits": Attack("import sys\nsys.exit(0)\n", slow=True),
    "exits in a function": Attack("import sys\ndef kl(mu, logvar):\n    sys.exit(0)\n", slow=True),
    "crashes": Attack("import ctypes\ndef kl(mu, logvar):\n    ctypes.string_at(0)\n", slow=True),
    # Memory and disk
    "takes memory": Attack("def kl(mu, logvar):\n    return len(bytearray(3 << 30))\n", slow=True),
    "takes memory by children": Attack(
        "import os, time\n"
        "def kl(mu, logvar):\n"
        "    for _ in range(8):\n"
        "        if os.fork() == 0:\n"
        "            held = bytearray(os.urandom(1 << 20) * 300)\n"
        "            time.sleep(30)\n"
        "    time.sleep(30)\n",
        slow=True,
    ),
    "takes shared memory": Attack(
        "import mmap\n"
        "def kl(mu, logvar):\n"
        "    held = mmap.mmap(-1, 3 << 30, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)\n"
        "    for n in range(0, 3 << 30, 4096): held[n] = 1\n"
        "    return 0.0\n",
        slow=True,
    ),
    "takes memory by a file without a name": Attack(
        "import os\n"
        "def kl(mu, logvar):\n"
        "    held = [os.memfd_create(str(n)) for n in range(100)]\n"
        "    for fd in held: os.write(fd, bytes(64 << 20))\n"
        "    return 0.0\n"
    ),
    "fills the disk": Attack(
        "def kl(mu, logvar):\n"
        "    for n in range(100):\n"
        "        with open(f'file{{n}}', 'wb') as file: file.write(bytes(30 << 20))\n"
        "    return 0.0\n",
        slow=True,
    ),
    "fills /dev/shm": Attack(
        "def kl(mu, logvar):\n"
        "    for n in range(100):\n"
        "        with open(f'/dev/shm/file{{n}}', 'wb') as file: file.write(bytes(30 << 20))\n"
        "    return 0.0\n",
        slow=True,
    ),
    "returns gigabytes": Attack("import numpy as np\ndef kl(mu, logvar):\n    return np.zeros(1 << 27)\n", slow=True),
    "returns a million values": Attack("def kl(mu, logvar):\n    return list(range(10**6))\n"),
    "returns itself in itself": Attack("def kl(mu, logvar):\n    x = []\n    x.append(x)\n    return x\n", slow=True),
    "raises a text of megabytes": Attack("def kl(mu, logvar):\n    raise ValueError('x' * (50 << 20))\n", slow=True),
    "raises what has no text": Attack(
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__\n"
        "def kl(mu, logvar):\n    raise Mute\n",
        slow=True,
    ),
    "prints without end": Attack("def kl(mu, logvar):\n    while True: print('x' * 1000)\n", slow=True),
    # The teacher's files, environment and network
    "reads the environment": Attack(telling("str(dict(os.environ))[:1500]")),
    "reads the parent's environment": Attack(telling("open(f'/proc/{{os.getppid()}}/environ').read()[:1500]")),
    "reads the teacher's file": Attack(telling("open('{secret}').read()")),
    "lists the teacher's home": Attack(telling("os.listdir(os.path.dirname('{secret}'))"), slow=True),
    "writes into the course": Attack("open('{course}/04_kl/exercise.py', 'a').write('# here')\n" + ZERO),
    "writes a new file": Attack("open('{marker}', 'w').write('here')\n" + ZERO, slow=True),
    "writes into a neighbour's answer": Attack("open('{neighbour}/04_kl.py', 'w').write('')\n" + ZERO),
    "removes all that it may": Attack("import shutil\nshutil.rmtree('/', ignore_errors=True)\n" + ZERO, slow=True),
    "connects to the teacher's machine": Attack(
        "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2).send(b'here')\n" + ZERO
    ),
    "makes namespaces of its own": Attack(
        "import ctypes\n"
        "result = ctypes.CDLL(None).unshare(0x10000000 | 0x20000)\n"
        "assert result == -1, 'unshared'\n" + ZERO
    ),
    "mounts": Attack(
        "import ctypes\n"
        "result = ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None)\n"
        "assert result == -1, 'mounted'\n" + ZERO,
        slow=True,
    ),
    "changes the kernel's settings": Attack(
        "import glob\n"
        "for name in glob.glob('/proc/sys/kernel/*'):\n"
        "    try: open(name, 'r+').close()\n"
        "    except OSError: continue\n"
        "    raise AssertionError(f'writable: {{name}}')\n" + ZERO,
        slow=True,
    ),
    "spoils the terminal": Attack("def kl(mu, logvar):\n    raise ValueError('\\x1b[9A\\x1b[32mPASS')\n"),
    "injects lines into the table": Attack(
        "def kl(mu, logvar):\n    raise ValueError('x\\nevil,04_kl,PASS,,,,,,1,1\\n')\n"
    ),
    "is a formula in the table": Attack("def kl(mu, logvar):\n    return '=1+1'\n", slow=True),
    # Bystanders: neither of these is an attack
    "is right": Attack(RIGHT_KL, ("PASS",)),
    "is wrong": Attack(WRONG_KL, ("WRONG",), slow=True),
    "is right and noisy": Attack("print('PASS' * 10**5)\n" + RIGHT_AFTER, ("PASS",), slow=True),
}
