"""The operating system's user that the server runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.postgres.errors import ServerError
from core.postgres.errors import marked as _

OWN_USER = "dvorik-pg"
FALLBACK_USER = "nobody"


@dataclass(frozen=True)
class Identity:
    """A user of the operating system. ``switched`` means: not the one this process runs as."""

    name: str
    uid: int
    gid: int
    switched: bool

    def run(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str], timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, from ``/``, with nothing but ``environment``; capture its output."""
        return subprocess.run(
            [os.fspath(part) for part in command],
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            umask=0o077,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this user may walk down to ``folder``; asked of the system itself, so that ACLs count."""
        if not self.switched:
            return os.access(folder, os.X_OK)
        # The shell's own "cd" is the check: a Python below /root could not even be started by this user.
        shell = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        return self.run(shell, environment={"PATH": os.defpath}).returncode == 0

    def take(self, path: Path, *, mode: int) -> None:
        """Make ``path`` belong to this user, with ``mode``."""
        if self.switched:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)


def for_new_cluster() -> Identity:
    """Who owns a cluster made by this process: itself, or for root an unprivileged user kept for it alone."""
    if os.geteuid() != 0:
        return _identity(os.geteuid())
    return _named(OWN_USER) or _created(OWN_USER) or _required(FALLBACK_USER)


def for_existing(data: Path) -> Identity:
    """
    Who runs a cluster that exists: its owner.

    :raises ServerError: this process is neither that user nor root
    """
    owner = _identity(data.stat().st_uid)
    if owner.uid == 0:
        raise ServerError(
            _("%(data)s belongs to root, and PostgreSQL refuses to run as root: give it to another user"), data=data
        )
    if owner.switched and os.geteuid() != 0:
        raise ServerError(
            _("%(data)s belongs to the user %(user)s: run this as %(user)s or as root"), data=data, user=owner.name
        )
    return owner


def _identity(uid: int) -> Identity:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise ServerError(
            _(
                "The user id %(uid)s has no entry in the system's user list, and initdb asks for one: "
                "add the user, or set DATABASE_URL to a server of your own"
            ),
            uid=uid,
        ) from None
    return Identity(name=entry.pw_name, uid=uid, gid=entry.pw_gid, switched=uid != os.geteuid())


def _named(name: str) -> Identity | None:
    try:
        return _identity(pwd.getpwnam(name).pw_uid)
    except KeyError:
        return None


def _created(name: str) -> Identity | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    shell = ["--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *options, *shell, name], capture_output=True, check=False, timeout=60)
    # Whatever useradd said: another process may have made the user a moment ago.
    return _named(name)


def _required(name: str) -> Identity:
    if found := _named(name):
        return found
    raise ServerError(
        _(
            "PostgreSQL refuses to run as root, and neither %(own)s nor %(fallback)s exists: "
            "add a system user %(own)s, or set DATABASE_URL to a server of your own"
        ),
        own=OWN_USER,
        fallback=FALLBACK_USER,
    )
