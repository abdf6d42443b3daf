"""Second factors: staff enrol a phone, show its codes, and lose it."""

from __future__ import annotations

from uuid import UUID

import structlog
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db.models import F

from accounts import errors, locks, superadmins
from accounts.keyring import is_sealed_by_present_key, sealer
from accounts.models import BackupCode, SecondFactor, User
from accounts.rules import second_factors as rules
from audit.operations import records
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing

log = structlog.get_logger(__name__)


@operation
def enrol(*, user_id: UUID, secret: bytes, code: str, replace: bool = False, by: Actor) -> list[str]:
    """
    Bind a phone to a member of staff, who shows that it computes the right code. That code is used up by it.

    :param secret: what the phone was told
    :param replace: whether it may take the place of another phone, whose backup codes end with it
    :return: the backup codes, which nobody can see again
    :raises errors.UserNotFound: there is no such person
    :raises errors.NotStaff: the person does not work here
    :raises errors.SecondFactorExists: they have a phone already
    :raises errors.OtpWrong: the code does not follow from the secret
    """
    user = locks.user(user_id)
    if not user.is_staff or not user.is_active:
        raise errors.NotStaff
    known = SecondFactor.objects.select_for_update(no_key=True).filter(user=user).first()
    if known and not replace:
        raise errors.SecondFactorExists
    step = rules.matching_step(secret, code, now=clock.now(), after=known.last_step if known else 0)
    if step is None:
        raise errors.OtpWrong
    sealed = sealer().encrypt(secret)
    if known:
        SecondFactor.objects.filter(pk=known.pk).update(secret=sealed, last_step=step, confirmed_at=CoreNow())
        factor = known
    else:
        factor = SecondFactor.objects.create(user=user, secret=sealed, last_step=step)
    records.record("second_factor.enrolled", entity=user, by=by)
    return _new_codes(factor)


@operation
def use(*, user_id: UUID, code: str, by: Actor) -> bool:
    """
    Take a code, of the phone or a backup code, once: the factor's lock makes simultaneous tries take turns, and each
    sees what the one before has used up.

    :param code: as typed
    :return: whether it was right. That it was not is remembered, so it is no exception
    :raises errors.NoSecondFactor: the person has none
    """
    factor = locks.second_factor(user_id)
    secret = _opened(factor)
    step = rules.matching_step(secret, code, now=clock.now(), after=factor.last_step) if secret else None
    if step is not None:
        SecondFactor.objects.filter(pk=factor.pk).update(last_step=step)
        return True
    owner = User.objects.get(pk=user_id)
    digest = rules.backup_digest(code)
    if digest and BackupCode.objects.filter(factor=factor, digest=digest, used_at=None).update(used_at=CoreNow()):
        left = BackupCode.objects.filter(factor=factor, used_at=None).count()
        records.record("second_factor.backup_code_used", entity=owner, by=by, left=left)
        return True
    records.record("second_factor.refused", entity=owner, by=by)
    return False


@operation
def renew_backup_codes(*, user_id: UUID, by: Actor) -> list[str]:
    """
    Ten new backup codes, which nobody can see again. The former ones end.

    :raises errors.NoSecondFactor: the person has none
    """
    factor = locks.second_factor(user_id)
    records.record("second_factor.backup_codes_renewed", entity=User.objects.get(pk=user_id), by=by)
    return _new_codes(factor)


@operation
def switch_off(*, user_id: UUID, by: Actor) -> User:
    """
    Do without a second factor from now on. All of the person's sessions end.

    :raises errors.UserNotFound: there is no such person
    :raises errors.SecondFactorNeeded: everybody must have one here
    :raises errors.NoSecondFactor: the person has none
    """
    if settings.REQUIRE_STAFF_2FA:
        raise errors.SecondFactorNeeded
    user = locks.user(user_id)
    forget(locks.second_factor(user_id))
    records.record("second_factor.switched_off", entity=user, by=by)
    return _locked_out(user)


@operation
def reset(*, user_id: UUID, by: Actor, reason: str) -> User:
    """
    Take away a colleague's second factor, who has lost the phone and the codes. All of their sessions end, and where
    everybody must have a factor they set up a new one when they log in.

    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.RoleNotYoursToGive: whoever acts is no superadmin
    :raises errors.NotYourself: it is their own
    :raises errors.UserNotFound: there is no such person
    :raises errors.NoSecondFactor: the person has none
    """
    if not reason.strip():
        raise ReasonMissing
    superadmins.require(by)
    superadmins.require_somebody_else(user_id, by)
    user = locks.user(user_id)
    forget(locks.second_factor(user_id))
    records.record("second_factor.reset", entity=user, by=by, reason=reason)
    return _locked_out(user)


@operation
def seal_anew(*, by: Actor) -> int:
    """Seal by the present SECRET_KEY what a former one has sealed, so that it can be dropped; say how many."""
    sealed_anew = 0
    for user_id in SecondFactor.objects.order_by("user").values_list("user", flat=True):
        factor = SecondFactor.objects.select_for_update(no_key=True).filter(user=user_id).first()
        if factor is None or is_sealed_by_present_key(bytes(factor.secret)):
            continue
        if secret := _opened(factor):
            SecondFactor.objects.filter(pk=factor.pk).update(secret=sealer().encrypt(secret))
            sealed_anew += 1
    return sealed_anew


def forget(factor: SecondFactor) -> None:
    """Delete a factor that the caller, an operation itself, has locked."""
    BackupCode.objects.filter(factor=factor).delete()
    SecondFactor.objects.filter(pk=factor.pk).delete()


def _new_codes(factor: SecondFactor) -> list[str]:
    BackupCode.objects.filter(factor=factor).delete()
    codes = rules.new_backup_codes()
    BackupCode.objects.bulk_create([BackupCode(factor=factor, digest=rules.backup_digest(code)) for code in codes])
    return codes


def _locked_out(user: User) -> User:
    # ``accounts_user_locked_out_has_no_session`` ends their sessions; those of Admin no longer fit.
    User.objects.filter(pk=user.pk).update(lockouts=F("lockouts") + 1)
    user.refresh_from_db()
    return user


def _opened(factor: SecondFactor) -> bytes | None:
    """The secret; None where the key that sealed it has been taken out of the settings."""
    try:
        return sealer().decrypt(bytes(factor.secret))
    except InvalidToken:
        log.error("second_factor_cannot_be_opened", factor=str(factor.pk))
        return None
