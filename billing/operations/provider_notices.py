"""Taking in what providers send by themselves: kept as it came, looked into by a job."""

from __future__ import annotations

from typing import Final

from billing import errors
from billing.gateways import providers
from billing.gateways.notices import SignatureWrong, Teller
from billing.operations import payment_events
from billing.rules.payment_events import Fact, Kind
from core import clock
from core.actors import Actor
from core.errors import NotFound

_TELLS: Final = "webhook"


def take(*, provider: str, body: bytes, by: Actor, signature: str = "") -> bool:
    """
    Take one message in. The same one again does nothing.

    :param provider: whose address was knocked at
    :param body: as it came
    :param signature: what the provider's header says
    :returns: whether it was kept: what is about nothing that could be asked for is not
    :raises core.errors.NotFound: this provider is not set up
    :raises errors.WebhookSignatureWrong: somebody else sent it
    :raises core.api.errors.BodyMalformed: it is no JSON that can be kept
    """
    if not providers.is_set_up(provider):
        raise NotFound
    teller = providers.get(provider)
    if not isinstance(teller, Teller):
        raise NotFound
    try:
        notice = teller.read_notice(body, signature=signature)
    except SignatureWrong as wrong:
        raise errors.WebhookSignatureWrong(str(wrong)) from wrong
    if notice is None:
        return False
    fact = Fact(
        provider=provider,
        event_id=f"notice:{notice.event_id}",
        kind=Kind.NOTICE,
        payment_id="",
        occurred_at=clock.now(),
        source=_TELLS,
        payload=notice.payload,
    )
    payment_events.receive(fact=fact, by=by)
    return True
