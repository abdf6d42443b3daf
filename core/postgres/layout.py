"""Where the server's parts lie on disk, and the file that remembers it."""

import fcntl
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.postgres.errors import ServerError
from core.postgres.errors import marked as _
from core.postgres.identity import Identity

SYSTEM_HOME = Path("/var/lib/dvorik")
# A socket's address holds 107 bytes on Linux and 103 on macOS; the lock file's name is the longest below it.
LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432.lock")
# libpq splits host names at commas and takes a leading @ for an abstract socket.
SAFE_FOR_LIBPQ = re.compile(r"/[^,@'\"\\\n]*")
_BELONGS_TO_ANOTHER = _(
    "%(path)s belongs to another user: run this as that user or as root, or set DVORIK_HOME to a folder of your own"
)


@dataclass(frozen=True)
class State:
    """
    What other processes must know of a server: ``server.json``, mode 0600, no superuser's secret in it.

    :param user: owns the database and its tables
    :param application_user: reads and writes them; empty until a server of an older release is started anew
    """

    root: str
    socket_directory: str
    port: int
    user: str
    password: str
    database: str
    application_user: str = ""
    application_password: str = ""

    @property
    def data(self) -> Path:
        """The cluster itself."""
        return Path(self.root, "data")

    @property
    def log(self) -> Path:
        """The folder of the server's own log."""
        return Path(self.root, "log")


@dataclass(frozen=True)
class Layout:
    """
    The files of one server, as seen from the installation's home.

    :param system_home: holds the clusters of those homes that the servers' user cannot enter
    """

    home: Path
    system_home: Path = SYSTEM_HOME

    @property
    def folder(self) -> Path:
        """Everything about the server that its clients read."""
        return self.home / "pg"

    @property
    def state_file(self) -> Path:
        """The connection, for settings and for the other commands."""
        return self.folder / "server.json"

    @property
    def superuser_secret(self) -> Path:
        """The superuser's password; only the launcher reads it."""
        return self.folder / "superuser.secret"

    @property
    def fingerprint(self) -> str:
        """A short name for this home among others."""
        return hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]

    def make_folder(self) -> None:
        """Make the home, enterable (but not listable) by the server's user whatever the umask was."""
        for folder in (self.home, self.folder):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o711)

    def read(self) -> State | None:
        """
        The remembered state, or nothing where no server was made yet.

        :raises ServerError: it belongs to another user, or is damaged
        """
        try:
            state = State(**json.loads(self.state_file.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except PermissionError:
            raise ServerError(_BELONGS_TO_ANOTHER, path=self.state_file) from None
        except (ValueError, TypeError) as error:
            raise ServerError(
                _("%(file)s is damaged (%(why)s): restore it from a backup of %(folder)s"),
                file=self.state_file,
                why=error,
                folder=self.folder,
            ) from error
        # The home may have been moved, and its data with it.
        return replace(state, root=str(self.folder)) if (self.folder / "data").exists() else state

    def write(self, state: State) -> None:
        """Remember ``state``, in one step."""
        self._write_private(self.state_file, json.dumps(asdict(state), indent=2) + "\n")

    def write_superuser_secret(self, secret: str) -> None:
        """Keep the superuser's password, readable by the folder's owner alone."""
        self._write_private(self.superuser_secret, secret + "\n")

    def read_superuser_secret(self) -> str:
        """
        The superuser's password.

        :raises ServerError: it is not there or may not be read
        """
        try:
            return self.superuser_secret.read_text("utf-8").strip()
        except OSError as error:
            raise ServerError(
                _("%(path)s cannot be read: %(why)s"), path=self.superuser_secret, why=error.strerror
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time makes, starts or stops this server; the others wait."""
        self.make_folder()
        path = self.folder / "lock"
        try:
            # Python's descriptors are not inherited: the server itself never holds this lock.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError:
            raise ServerError(_BELONGS_TO_ANOTHER, path=self.folder) from None
        try:
            self._give_to_folder_owner(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def choose_root(self, identity: Identity) -> Path:
        """
        The folder that holds the cluster: the home's, where its user can enter it, else one below the system home.

        A home below ``/root`` is closed to every other user, and PostgreSQL does not run as root.
        """
        if identity.can_enter(self.folder):
            return self.folder
        root = self.system_home / self.fingerprint
        root.mkdir(parents=True, exist_ok=True)
        for folder in (self.system_home, root):
            folder.chmod(0o711)
        if not identity.can_enter(root):
            raise ServerError(
                _(
                    "The user %(user)s, whom the server runs as, can enter neither %(folder)s nor %(root)s: "
                    "set DVORIK_HOME to a folder that every user can reach, such as /srv/dvorik"
                ),
                user=identity.name,
                folder=self.folder,
                root=root,
            )
        return root

    def socket_folder(self, root: Path, identity: Identity) -> Path:
        """
        A folder for the server's socket, mode 0700, with a path that fits into a socket's address.

        :raises ServerError: every candidate is taken by somebody else
        """
        temporary = [Path("/tmp"), Path(tempfile.gettempdir())]  # noqa: S108 -- checked below: ours alone, not a link
        for candidate in (root / "run", *(folder / f"dvorik-{self.fingerprint}" for folder in temporary)):
            path = os.fspath(candidate)
            if len(os.fsencode(path)) > LONGEST_SOCKET_FOLDER or not SAFE_FOR_LIBPQ.fullmatch(path):
                continue
            if self._own_folder(candidate, identity):
                return candidate
        raise ServerError(_("No folder for the server's socket: set DVORIK_HOME to a shorter path"))

    @staticmethod
    def _own_folder(path: Path, identity: Identity) -> bool:
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            # In a shared folder anyone may have made this name first.
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {identity.uid, os.geteuid()}:
                return False
        except OSError:
            return False
        identity.take(path, mode=0o700)
        return True

    def _write_private(self, path: Path, text: str) -> None:
        partial = path.with_name(path.name + ".new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._give_to_folder_owner(partial)
        partial.replace(path)

    def _give_to_folder_owner(self, path: Path) -> None:
        # Root may look after an ordinary user's server; what it writes must stay that user's.
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.chown(path, owner.st_uid, owner.st_gid)
