"""API keys: they are issued, rotated and revoked, and their use is noted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models.functions import Coalesce, Least
from django.utils.translation import gettext as _

from accounts import errors, locks
from accounts.models import ApiKey, User
from accounts.rules import keys
from accounts.scopes import SCOPES
from audit.operations import records
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ReasonMissing, ValidationFailed

OVERLAP: Final = timedelta(days=1)
_LONGEST_NAME: Final = 100
_LONGEST_LIFE: Final = timedelta(days=36_525)


@operation
def create(
    *,
    name: str,
    scopes: Sequence[str],
    owner_id: UUID | None = None,
    expires_in: timedelta | None = None,
    allowed_networks: Sequence[str] = (),
    by: Actor,
    reason: str = "",
) -> tuple[ApiKey, str]:
    """
    Issue a key. The text that comes with it is the key itself, which nobody can see again.

    :param scopes: what it may do, of :data:`accounts.scopes.SCOPES`
    :param owner_id: whose key it is; it works while they are not kept out
    :param expires_in: from now; None for a key without an end
    :param allowed_networks: CIDR from which it works; none means anywhere
    :raises errors.ScopeUnknown: there is no such scope
    :raises errors.UserNotFound: there is no such owner
    :raises core.errors.ValidationFailed: the name, the time or a network is not acceptable
    """
    _check(name=name, scopes=scopes, expires_in=expires_in, networks=allowed_networks)
    if owner_id and not User.objects.filter(pk=owner_id, is_active=True).exists():
        raise errors.UserNotFound
    shown = keys.new()
    row = ApiKey.objects.create(
        name=name.strip(),
        prefix=shown.prefix,
        secret_hash=shown.digest,
        owner_id=owner_id,
        scopes=sorted(set(scopes)),
        allowed_networks=list(allowed_networks),
        expires_at=clock.now() + expires_in if expires_in else None,
    )
    records.record("accounts.api_key.issued", entity=row, by=by, reason=reason, scopes=row.scopes)
    return row, str(shown)


@operation
def revoke(*, key_id: UUID, by: Actor, reason: str) -> ApiKey:
    """
    Put a key out of force, for good. It is refused within a second everywhere. Doing so again changes nothing.

    :raises core.errors.ReasonMissing: no reason is given
    :raises errors.ApiKeyNotFound: there is no such key
    """
    if not reason.strip():
        raise ReasonMissing
    row = locks.api_key(key_id)
    if row.revoked_at is None:
        ApiKey.objects.filter(pk=row.pk).update(revoked_at=CoreNow())
        row.refresh_from_db()
        records.record("accounts.api_key.revoked", entity=row, by=by, reason=reason)
    return row


@operation
def rotate(*, key_id: UUID, overlap: timedelta = OVERLAP, by: Actor, reason: str = "") -> tuple[ApiKey, str]:
    """
    Issue a successor with the same rights and the same end. The old key goes on for the overlap and no longer.

    :param overlap: from now; zero ends the old key at once
    :raises errors.ApiKeyNotFound: there is no such key
    :raises errors.ApiKeyNotInForce: it is revoked or has expired
    :raises core.errors.ValidationFailed: the overlap is negative
    """
    if overlap < timedelta(0):
        raise ValidationFailed(fields={"overlap": [_("It must not be negative.")]})
    old = locks.api_key(key_id)
    now = clock.now()
    if old.revoked_at or (old.expires_at and old.expires_at <= now):
        raise errors.ApiKeyNotInForce
    shown = keys.new()
    row = ApiKey.objects.create(
        name=old.name,
        prefix=shown.prefix,
        secret_hash=shown.digest,
        owner_id=old.owner_id,
        scopes=old.scopes,
        allowed_networks=old.allowed_networks,
        expires_at=old.expires_at,
    )
    end = now + overlap
    ApiKey.objects.filter(pk=old.pk).update(expires_at=Least(Coalesce("expires_at", end), end))
    records.record("accounts.api_key.rotated", entity=old, by=by, reason=reason, successor=row.pk)
    return row, str(shown)


def note_use(*, key_ids: Collection[UUID]) -> None:
    """
    Note that keys were used, at most once a minute each.

    One statement that is its own transaction and waits for nobody: a key whose row is being changed is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_apikey SET last_used_at = core_now() WHERE id IN (
                SELECT id FROM accounts_apikey
                WHERE id = ANY (%s::uuid[])
                    AND (last_used_at IS NULL OR last_used_at <= core_now() - interval '1 minute')
                FOR NO KEY UPDATE SKIP LOCKED)
            """,
            [list(key_ids)],
        )


def _check(*, name: str, scopes: Sequence[str], expires_in: timedelta | None, networks: Sequence[str]) -> None:
    wrong: dict[str, list[str]] = {}
    if not 0 < len(name.strip()) <= _LONGEST_NAME:
        wrong["name"] = [_("It must have 1 to 100 characters.")]
    if not scopes:
        wrong["scopes"] = [_("At least one scope is needed.")]
    if expires_in is not None and not timedelta(0) < expires_in <= _LONGEST_LIFE:
        wrong["expires_in"] = [_("It must lie in the future, and within a hundred years.")]
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            wrong["allowed_networks"] = [_("%(text)s is not a network, like 192.0.2.0/24.") % {"text": network}]
    if wrong:
        raise ValidationFailed(fields=wrong)
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise errors.ScopeUnknown(fields={"scopes": unknown}, known=list(SCOPES))
