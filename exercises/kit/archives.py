"""Archives from strangers, unpacked with limits: no path outside, no links, no devices, no bombs."""

import contextlib
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNREAD_ENDINGS = (".rar", ".7z", ".gz", ".bz2", ".xz", ".zst", ".dmg", ".iso")
LARGEST_FILE, LARGEST_TOTAL, MOST_FILES = 64 << 20, 512 << 20, 20_000
LONGEST_NAME = 200


class Member(NamedTuple):
    """One entry of an archive."""

    name: str
    size: int
    is_folder: bool
    is_file: bool
    stream: IO[bytes] | None


class Budget:
    """What may still be unpacked in one grading, all archives together."""

    def __init__(self) -> None:
        self.bytes, self.files = LARGEST_TOTAL, MOST_FILES


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ENDINGS)


def stem_of(name: str) -> str:
    """An archive's name without its ending."""
    ending = max((ending for ending in ENDINGS if name.lower().endswith(ending)), key=len, default="")
    return name[: len(name) - len(ending)] or name


def unpack(archive: Path, folder: Path, budget: Budget) -> list[tuple[str, str]]:
    """Unpack into a new folder; what was left out, as (name, reason). Nothing outside of `folder` is written."""
    left_out = []
    try:
        with contextlib.closing(_members(archive)) as members:
            for member in members:
                if reason := _unpack_member(member, folder, budget):
                    left_out.append((member.name[:LONGEST_NAME], reason))
                if budget.files <= 0 or budget.bytes <= 0:
                    return [*left_out, ("", f"more than {MOST_FILES:,} files or {LARGEST_TOTAL >> 20} MB unpacked")]
    except Exception as error:  # those of zipfile and tarfile, and of zlib, lzma and bz2 below them
        left_out.append(("", f"a damaged or encrypted archive ({error})"))
    return left_out


def _unpack_member(member: Member, folder: Path, budget: Budget) -> str:
    """Unpack one entry; the reason where it is left out, else nothing."""
    budget.files -= 1
    parts = PurePosixPath(member.name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0] or "\0" in member.name:
        return "a path that leads outside of the archive"
    if any(len(part) > LONGEST_NAME for part in parts) or len(parts) > 40:
        return "too long a path"
    target = folder.joinpath(*parts)
    if member.is_folder:
        target.mkdir(parents=True, exist_ok=True)
        return ""
    if not member.is_file or member.stream is None:
        return "a link or a device"
    if member.size > LARGEST_FILE:
        return f"more than {LARGEST_FILE >> 20} MB"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            return _copy(member.stream, file, budget)
    except (FileExistsError, NotADirectoryError):
        return "a second entry of that name"


def _copy(source: IO[bytes], target: IO[bytes], budget: Budget) -> str:
    """Copy with limits that hold whatever size the archive claims."""
    written = 0
    while part := source.read(1 << 16):
        written += len(part)
        budget.bytes -= len(part)
        if written > LARGEST_FILE or budget.bytes < 0:
            target.truncate(0)
            return f"more than {LARGEST_FILE >> 20} MB"
        target.write(part)
    return ""


def _members(archive: Path) -> Generator[Member]:
    return _zip_members(archive) if archive.name.lower().endswith(".zip") else _tar_members(archive)


def _zip_members(archive: Path) -> Generator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            mode = info.external_attr >> 16
            regular = not mode or stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0
            name = _zip_name(info)
            if info.is_dir() or not regular:
                yield Member(name, 0, info.is_dir(), False, None)
                continue
            with file.open(info) as stream:
                yield Member(name, info.file_size, False, True, stream)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without saying so, which Python reads as code page 437; Korean Windows writes 949."""
    if info.flag_bits & 0x800:
        return info.filename
    for encoding in ("utf-8", "cp949"):
        with contextlib.suppress(UnicodeError):
            return info.filename.encode("cp437").decode(encoding)
    return info.filename


def _tar_members(archive: Path) -> Generator[Member]:
    with tarfile.open(archive) as file:
        for info in file:
            stream = file.extractfile(info) if info.isreg() else None
            yield Member(info.name, info.size, info.isdir(), info.isreg(), stream)


def copy_limited(files: list[tuple[Path, Path]], most_bytes: int, most_files: int) -> list[tuple[Path, str]]:
    """Copy regular files; those that were left out, with the reason. Links, pipes and devices are not opened."""
    left_out: list[tuple[Path, str]] = []
    for source, target in files:
        try:
            found = source.lstat()
            if not stat.S_ISREG(found.st_mode):
                left_out.append((source, "a link, pipe or device"))
            elif found.st_size > most_bytes or most_files <= 0:
                left_out.append((source, "too large, or too many files, to be copied for an answer"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                most_bytes, most_files = most_bytes - found.st_size, most_files - 1
        except OSError as error:
            left_out.append((source, f"cannot be read ({error.strerror or error})"))
    return left_out
