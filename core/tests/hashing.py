"""How passwords are hashed in tests."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickHasher(Argon2PasswordHasher):
    """
    Argon2 with little work, so that a thousand logins fit into a test; enough of it that whether somebody's password
    was hashed at all is seen by the time it takes.
    """

    time_cost = 1
    memory_cost = 8192
    parallelism = 1
