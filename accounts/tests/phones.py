"""Authenticator apps, for tests: they learn a secret and show codes by the database's clock."""

from __future__ import annotations

from typing import Final

from accounts.keyring import sealer
from accounts.models import BackupCode, SecondFactor, User
from accounts.rules import second_factors as rules
from core import clock


class Phone:
    """
    A phone that has learnt a secret.

    :param secret: by default one of its own
    """

    def __init__(self, secret: bytes = b"") -> None:
        self.secret: Final = secret or rules.new_secret()

    def shows(self, steps: int = 0) -> str:
        """The code of this moment, or of so many steps later."""
        return rules.code_of(self.secret, rules.step_of(clock.now()) + steps)

    def shows_not(self) -> str:
        """Six digits that are no code of these minutes."""
        right = {self.shows(steps) for steps in range(-3, 4)}
        return next(code for number in range(10) if (code := f"{number:06d}") not in right)


def enrolled(user: User) -> Phone:
    """A person's phone, as it has been set up."""
    phone = Phone()
    SecondFactor.objects.create(user=user, secret=sealer().encrypt(phone.secret))
    return phone


def backup_codes(user: User) -> list[str]:
    """A person's backup codes, as they have written them down."""
    codes = rules.new_backup_codes()
    factor = SecondFactor.objects.get(user=user)
    BackupCode.objects.bulk_create([BackupCode(factor=factor, digest=rules.backup_digest(code)) for code in codes])
    return codes
