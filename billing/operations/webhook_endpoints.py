"""Where other systems hear of what has happened: endpoints are made, changed, given new secrets and removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.keyring import sealer
from audit.operations import records
from billing import errors
from billing.models import WebhookEndpoint
from billing.rules.announcements import SECRET_BYTES, TYPES, shown_secret
from billing.rules.webhook_addresses import Refused, parse
from core import clock
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ValidationFailed

PURPOSE: Final = "webhook secrets"
LONGEST_OVERLAP: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Secretive:
    """
    :param secret: as its receiver keeps it; nobody can see it again
    """

    endpoint: WebhookEndpoint
    secret: str


@operation
def create(*, url: str, events: Iterable[str], description: str = "", by: Actor) -> Secretive:
    """
    Let an address hear of what happens from now on.

    :param events: types of announcements, at least one
    :raises core.errors.ValidationFailed: the address leads nowhere outside, or an event is none
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    endpoint = WebhookEndpoint.objects.create(
        url=_checked_url(url),
        events=_checked_events(events),
        description=description,
        secret=sealer(PURPOSE).encrypt(secret),
    )
    records.record("billing.webhook_endpoint.created", entity=endpoint, by=by, url=endpoint.url)
    return Secretive(endpoint, shown_secret(secret))


@operation
def change(
    *,
    endpoint_id: UUID,
    by: Actor,
    url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
    is_active: bool | None = None,
) -> WebhookEndpoint:
    """
    Change an endpoint. None leaves a value as it is. What is on its way goes to the address as it is then.

    :raises errors.WebhookEndpointNotFound: there is no such endpoint
    :raises core.errors.ValidationFailed: the address leads nowhere outside, or an event is none
    """
    endpoint = _locked(endpoint_id)
    if url is not None:
        endpoint.url = _checked_url(url)
    if events is not None:
        endpoint.events = _checked_events(events)
    if description is not None:
        endpoint.description = description
    if is_active is not None:
        endpoint.is_active = is_active
    endpoint.save(update_fields=["url", "events", "description", "is_active"])
    return endpoint


@operation
def rotate_secret(*, endpoint_id: UUID, overlap: timedelta = timedelta(days=1), by: Actor) -> Secretive:
    """
    Give an endpoint a new secret. The previous one signs beside it for a while, so that no message is refused while the
    receiver changes over; one from before that ends at once.

    :param overlap: for how long; zero where the secret has leaked
    :raises errors.WebhookEndpointNotFound: there is no such endpoint
    :raises core.errors.ValidationFailed: the overlap is out of range
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationFailed(fields={"overlap": [f"0 … {LONGEST_OVERLAP.days} d"]})
    endpoint = _locked(endpoint_id)
    secret = secrets.token_bytes(SECRET_BYTES)
    if overlap:
        endpoint.previous_secret = bytes(endpoint.secret)
        endpoint.previous_secret_ends_at = clock.now() + overlap
    else:
        endpoint.previous_secret = endpoint.previous_secret_ends_at = None
    endpoint.secret = sealer(PURPOSE).encrypt(secret)
    endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_ends_at"])
    records.record(
        "billing.webhook_endpoint.secret_rotated",
        entity=endpoint,
        by=by,
        overlap_hours=int(overlap.total_seconds() // 3600),
    )
    return Secretive(endpoint, shown_secret(secret))


@operation
def remove(*, endpoint_id: UUID, by: Actor) -> None:
    """
    Let an address hear of nothing any more, not of what is on its way either.

    :raises errors.WebhookEndpointNotFound: there is no such endpoint
    """
    endpoint = _locked(endpoint_id)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        is_active=False, removed_at=CoreNow(), previous_secret=None, previous_secret_ends_at=None
    )
    records.record("billing.webhook_endpoint.removed", entity=endpoint, by=by, url=endpoint.url)


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id, removed_at=None).first()
    if found is None:
        raise errors.WebhookEndpointNotFound(str(endpoint_id))
    return found


def _checked_url(url: str) -> str:
    try:
        parse(url, allow_http=settings.WEBHOOK_ALLOW_HTTP, allow_private=settings.WEBHOOK_ALLOW_PRIVATE)
    except Refused as refused:
        raise ValidationFailed(fields={"url": [refused.why]}) from refused
    return url


def _checked_events(events: Iterable[str]) -> list[str]:
    wanted = sorted(set(events))
    unknown = [each for each in wanted if each not in TYPES]
    if not wanted or unknown:
        raise ValidationFailed(fields={"events": [_("Choose among: %s.") % ", ".join(TYPES)]})
    return wanted
