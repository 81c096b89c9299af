"""Looking at processes from outside, for tests that kill."""

from pathlib import Path

__all__ = ["alive", "descendants", "media_children", "processes_using"]


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def descendants(pid: int) -> set[int]:
    """Pids of all living children of the process, theirs, and so on."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def media_children(pid: int) -> set[int]:
    """Pids of the sandboxed media children of the process itself: a mesh of the tests below it has its own."""

    def is_ours(child: int) -> bool:
        try:
            parent = int(Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            return parent == pid and b"media_child" in Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            return False

    return {child for child in descendants(pid) if is_ours(child)}


def processes_using(folder: Path) -> set[int]:
    """Pids of living processes whose command line names the folder or that work in it."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = (process / "cwd").readlink()
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if here.is_relative_to(folder) or any(str(folder) in word for word in words):
            found.add(int(process.name))
    return {pid for pid in found if alive(pid)}
