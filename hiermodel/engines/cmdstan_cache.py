"""CmdStan executables, kept by the hash of what they were made from.

An executable is built in a directory of its own and renamed into place when it is complete, so
that an interrupted build leaves nothing that looks finished. A lock per program lets several
processes ask for the same one at once; the first builds, the others wait and find it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from hiermodel.errors import EngineError

_SUFFIX = ".exe" if platform.system() == "Windows" else ""
ENVIRONMENT_VARIABLE = "HIERMODEL_CACHE"

#: Turns a Stan file into an executable beside it; raises ValueError with the compiler's words.
Builder = Callable[[Path, Mapping[str, bool]], None]


def cache_directory() -> Path:
    """Directory of the executables: ``HIERMODEL_CACHE``, else the user's cache directory."""
    from platformdirs import user_cache_path

    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    return (Path(chosen) if chosen else user_cache_path("hiermodel")) / "cmdstan"


def cache_key(code: str, cmdstan: str, options: Mapping[str, bool]) -> str:
    """Hash of everything that an executable depends on: program, CmdStan, flags, machine."""
    machine = f"{platform.system()}-{platform.machine()}"
    parts = [code, cmdstan, json.dumps(dict(options), sort_keys=True), machine]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def executable(
    code: str,
    cmdstan: str,
    options: Mapping[str, bool],
    build: Builder,
    directory: Path | None = None,
) -> Path:
    """Return the executable of a program, building it when there is none yet.

    Parameters
    ----------
    code : str
        Stan program.
    cmdstan : str
        Version and place of CmdStan.
    options : mapping of str to bool
        C++ flags such as ``STAN_THREADS``.
    build : callable
    directory : Path, optional
        By default `cache_directory`.

    Raises
    ------
    EngineError
        If the program does not compile; the compiler's message is kept as it is.
    """
    from filelock import FileLock

    root = cache_directory() if directory is None else directory
    root.mkdir(parents=True, exist_ok=True)
    home = root / cache_key(code, cmdstan, options)
    target = home / f"model{_SUFFIX}"
    if target.is_file():
        return target
    with FileLock(f"{home}.lock"):
        if not target.is_file():
            _build_into(home, code, options, build)
    return target


def _build_into(home: Path, code: str, options: Mapping[str, bool], build: Builder) -> None:
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=home.parent))
    try:
        source = work / "model.stan"
        source.write_text(code, encoding="utf-8")
        try:
            build(source, options)
        except (ValueError, RuntimeError, OSError) as error:
            raise EngineError(f"CmdStan could not build the program:\n{error}") from error
        if not (work / f"model{_SUFFIX}").is_file():
            raise EngineError("CmdStan built no executable, and did not say why")
        if home.exists():
            shutil.rmtree(home)
        os.replace(work, home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
