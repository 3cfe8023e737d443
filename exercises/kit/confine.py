"""Confinement of this process on Linux: namespaces of its own, an empty file system, no capabilities, limits.

`enter` is called by the process that is to run an answer, before it does. What it describes is made by
`sandbox`, in the process that starts it. Everything is done by system calls, since a container or a laboratory's
machine may have neither bubblewrap nor the right to install it.

Sources: user_namespaces(7), mount_namespaces(7), pid_namespaces(7), pivot_root(2), capabilities(7), seccomp(2).
"""

import contextlib
import ctypes
import os
import shutil
import signal
import struct
import sys
import threading
from pathlib import Path
from typing import Any

NOBODY = 65534
FIRST_USER = 2_000_000
"""Users from this number on belong to no other user; each process of an answer gets one of its own, and so a count of
processes of its own."""
FAILED = 72
"""Exit code of a process that could not be confined."""
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
APART = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE = 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 24, 38, 22
MOUNT_ATTR_RDONLY, AT_FDCWD, AT_RECURSIVE = 1, -100, 0x8000
SYSTEM_CALLS = {
    "x86_64": {"pivot_root": 155, "mount_setattr": 442, "capset": 126},
    "aarch64": {"pivot_root": 41, "mount_setattr": 442, "capset": 91},
}
DEVICES = ("null", "zero", "full", "random", "urandom")
SCRATCH = "/scratch"
ANSWERS = "/answers"


class ConfinementError(OSError):
    """A step of the confinement that the system does not allow."""


def enter(described: dict[str, Any]) -> Path:
    """Confine this process as described; the folder where it finds the answers then."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if described["kind"] == "namespaces":
        try:
            _leave_the_system(described)
        except OSError as error:
            print(f"confinement: {error}", file=sys.stderr, flush=True)
            os._exit(FAILED)
    if described["kind"] == "user":
        os.setgroups([])
        _become(FIRST_USER + os.getpid())
    if sys.platform == "linux" and described["kind"] != "none":
        forbid_system_calls()
    limit_resources(described)
    return Path(described["answers"])


def limit_resources(described: dict[str, Any]) -> None:
    """Limit memory, files and processes as far as the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        # Data, not addresses, since torch maps gigabytes that it never touches.
        "RLIMIT_DATA": described["megabytes"] << 20,
        "RLIMIT_FSIZE": described["file_megabytes"] << 20,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
    }
    for name, limit in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _, hard = resource.getrlimit(kind)
            limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (limit, limit))
    if described["kind"] in ("namespaces", "user"):
        _limit_processes(described["processes"])


def _limit_processes(count: int) -> None:
    """Limit the number of processes, where the system counts those of this confinement alone.

    Before Linux 5.14 it counts all that the user has; then a thread cannot be started, and the limit is given up.
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_NPROC)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (count, before[1]))
        try:
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            resource.setrlimit(resource.RLIMIT_NPROC, (count, count))
        except RuntimeError:
            resource.setrlimit(resource.RLIMIT_NPROC, before)


def _leave_the_system(described: dict[str, Any]) -> None:
    """Return in a process that sees its own files, processes and network only, and has no rights over others."""
    was_root, user = os.geteuid() == 0, FIRST_USER + os.getpid()
    if not (was_root and _unshare(APART, required=False)):
        was_root = False
        maps = {"setgroups": "deny", "uid_map": f"1000 {os.geteuid()} 1", "gid_map": f"1000 {os.getegid()} 1"}
        _unshare(APART | CLONE_NEWUSER)
        for name, text in maps.items():
            Path("/proc/self", name).write_text(text)
    _become_first_process()
    _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _mount_files(described)
    if was_root:
        os.setgroups([])
        _become(user)
    else:
        _drop_capabilities()
    _check(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def _become(user: int) -> None:
    try:
        os.setresgid(user, user, user)
    except OSError:  # in a container that has fewer users
        user = NOBODY
        os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise ConfinementError(number, f"{what}: {os.strerror(number)}")


def _unshare(flags: int, required: bool = True) -> bool:
    result = _libc().unshare(flags)
    if result != 0 and required:
        _check(result, "unshare")
    return bool(result == 0)


def _become_first_process() -> None:
    """Fork twice: this process waits, its child reaps as the first of its namespace, and the grandchild returns.

    The exit code is passed on; 128 and more stands for a signal, as in a shell. When the first process of a namespace
    ends, the system ends all others in it, daemons included.
    """
    for first in (True, False):
        child = os.fork()
        if child == 0:
            _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            continue
        _close_all_but_errors()
        os._exit(_wait_for(child, reap_others=not first))


def _close_all_but_errors() -> None:
    """The pipes belong to the process that runs the answer: when it ends, the other end reads the end of the stream."""
    os.closerange(0, 2)
    os.closerange(3, 256)


def _wait_for(child: int, reap_others: bool) -> int:
    while True:
        try:
            ended, status = os.waitpid(-1 if reap_others else child, 0)
        except ChildProcessError:
            return FAILED
        if ended == child:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


# Files


def _mount_files(described: dict[str, Any]) -> None:
    """Make a file system of Python, the course's copy and the answers the only one that this process sees."""
    root = described["root"]
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    size = f"size={described['disk_megabytes']}m,mode=755"
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, size)
    for folder in ("tmp", "dev", "proc", SCRATCH[1:], ANSWERS[1:]):
        os.makedirs(f"{root}/{folder}", mode=0o755)
    for link, target in described["links"]:
        os.makedirs(os.path.dirname(f"{root}{link}"), exist_ok=True)
        os.symlink(target, f"{root}{link}")
    for source in described["binds"]:
        _bind(source, root + source)
    for source in described["masks"]:
        _mount("tmpfs", root + source, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=4k,mode=755")
    _bind(described["course"], root + described["course"])
    for device in DEVICES:
        _bind(f"/dev/{device}", f"{root}/dev/{device}", read_only=False)
    os.makedirs(f"{root}/dev/shm")
    _mount("tmpfs", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, f"size={described['disk_megabytes']}m,mode=1777")
    with contextlib.suppress(OSError):  # a container may not mount it; hardly anything needs it
        _mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    shutil.copytree(described["files"], root + ANSWERS, dirs_exist_ok=True)
    _hand_over(root)
    _pivot(root)


def _hand_over(root: str) -> None:
    """Give what may be written to the user that the answer runs as."""
    os.chmod(f"{root}/tmp", 0o1777)
    os.chmod(f"{root}{SCRATCH}", 0o777)
    for parent, folders, files in os.walk(root + ANSWERS):
        os.chmod(parent, 0o777)
        for name in files:
            os.chmod(os.path.join(parent, name), 0o666)
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(parent, name))]


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    arguments = (source.encode(), os.fsencode(target), kind.encode() if kind else None)
    _check(_libc().mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def _bind(source: str, target: str, read_only: bool = True) -> None:
    """Show a folder or file of the system at another place, with all that is mounted below it."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "a").close()
    result = _libc().mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(MS_BIND | MS_REC), None)
    _check(result, f"bind {source}")
    if read_only:
        _make_read_only(target)


def _make_read_only(target: str) -> None:
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    arguments = (AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, len(attributes))
    if _system_call("mount_setattr", *arguments) == 0:
        return
    found = os.statvfs(target).f_flag  # before Linux 5.12: the flags that are set already must be repeated
    kept = found & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_RELATIME | os.ST_NODIRATIME)
    flags = ctypes.c_ulong(MS_BIND | MS_REMOUNT | MS_RDONLY | MS_REC | kept)
    _check(_libc().mount(None, os.fsencode(target), None, flags, None), f"read-only {target}")


def _pivot(root: str) -> None:
    """Make `root` the root, and unmount the old one."""
    os.makedirs(f"{root}/old")
    _check(_system_call("pivot_root", os.fsencode(root), os.fsencode(f"{root}/old")), "pivot_root")
    os.chdir("/")
    _check(_libc().umount2(b"/old", MNT_DETACH), "umount")
    os.rmdir("/old")


def _system_call(name: str, *arguments: Any) -> int:
    numbers = SYSTEM_CALLS.get(os.uname().machine)
    if numbers is None:
        raise ConfinementError(0, f"no number of {name} for {os.uname().machine}")
    return int(_libc().syscall(ctypes.c_long(numbers[name]), *arguments))


# Rights


def _drop_capabilities() -> None:
    libc = _libc()
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _check(_system_call("capset", header, nothing), "capset")


FORBIDDEN = {
    "x86_64": (
        *(165, 166, 155, 272, 308, 161, 169, 246, 320, 175, 313, 176, 321, 298, 323, 101, 310, 311, 425, 426, 427),
        *(248, 249, 250, 304, 319, 428, 429, 430, 431, 432, 442, 435),
    ),
    "aarch64": (
        *(40, 39, 41, 97, 268, 51, 142, 104, 294, 105, 273, 106, 280, 241, 282, 117, 270, 271, 425, 426, 427),
        *(217, 218, 219, 265, 279, 428, 429, 430, 431, 432, 442, 435),
    ),
}
"""Numbers of system calls that no answer needs, and that could reach other processes, mounts or the kernel: mount,
umount2, pivot_root, unshare, setns, chroot, reboot, kexec (2), init_module, finit_module, delete_module, bpf,
perf_event_open, userfaultfd, ptrace, process_vm_readv, process_vm_writev, io_uring (3), add_key, request_key, keyctl,
open_by_handle_at, memfd_create, open_tree, move_mount, fsopen, fsconfig, fsmount, mount_setattr, and clone3, for which
the C library falls back on clone. memfd_create holds memory that no limit counts."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, REFUSE, NOT_THERE = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435


def forbid_system_calls() -> None:
    """Let the system refuse the calls in FORBIDDEN from now on, in this process and in those that it starts."""
    machine = os.uname().machine
    if machine not in FORBIDDEN:
        return
    numbers = FORBIDDEN[machine]
    instructions = [(0x20, 0, 0, 4), (0x15, 1, 0, ARCHITECTURES[machine]), (0x06, 0, 0, REFUSE), (0x20, 0, 0, 0)]
    for number in numbers:
        answer = NOT_THERE if number == CLONE3 else REFUSE
        instructions += [(0x15, 0, 1, number), (0x06, 0, 0, answer)]
    if machine == "x86_64":
        instructions += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, REFUSE)]  # the same calls by their x32 numbers
    # clone is for threads and forks, not for namespaces, in which a process would have all rights again.
    instructions += [(0x15, 0, 3, CLONE[machine]), (0x20, 0, 0, 16), (0x45, 0, 1, APART | CLONE_NEWUSER)]
    instructions += [(0x06, 0, 0, REFUSE), (0x06, 0, 0, ALLOW)]
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    text = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(text))
    libc = _libc()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0), "seccomp")
