"""Talking to Stripe by its official SDK: no redirects, bounded answers, and each answer judged once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, Final, TypeVar

import requests
import stripe
from django.conf import settings

from billing.gateways.answers import CONNECT_SECONDS, READ_SECONDS, bounded
from billing.gateways.provider import ProviderRefused, ProviderUnavailable

T = TypeVar("T")
Said = Mapping[str, Any]

_TOLERANCE_SECONDS: Final = 300
# After these a repetition may do better.
_PASSING: Final = (
    stripe.APIConnectionError,
    stripe.AuthenticationError,
    stripe.RateLimitError,
    stripe.IdempotencyError,
)


class _Session(requests.Session):
    """No redirects, and no answer without an end."""

    def request(self, *args: Any, **options: Any) -> requests.Response:
        deadline = monotonic() + CONNECT_SECONDS + READ_SECONDS
        response = super().request(*args, **{**options, "allow_redirects": False, "stream": True})
        with response:
            response._content = bounded(response, deadline)
        return response


def client() -> stripe.StripeClient:
    """Made anew for each call: what it costs is little beside the call, and credentials may have changed."""
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        # Whoever calls us repeats, with the same key.
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS), session=_Session()),
    )


def asked_of(call: Callable[[], stripe.StripeObject]) -> Said:
    """
    What a call answers, as plain values.

    :raises ProviderRefused: it says no
    :raises ProviderUnavailable: it says nothing, or nothing that is its own
    """
    return _judged(call).to_dict(for_json=True)


def found(call: Callable[[], stripe.StripeObject]) -> Said | None:
    """The same, and None for what is not there."""
    try:
        return asked_of(call)
    except ProviderRefused as refusal:
        if refusal.code != "resource_missing":
            raise
        return None


def paged(call: Callable[[], Any]) -> Iterator[Said]:
    """The rows of a list, page after page. Raises what :func:`asked_of` does."""
    rows = _judged(lambda: call().auto_paging_iter())
    while (row := _judged(lambda: next(rows, None))) is not None:
        yield row.to_dict(for_json=True)


def _judged(call: Callable[[], T]) -> T:
    try:
        return call()
    except _PASSING as failure:
        raise ProviderUnavailable(type(failure).__name__) from None
    except stripe.StripeError as error:
        is_refusal = error.http_status is not None and 400 <= error.http_status < 500 and error.error is not None
        if not is_refusal:
            raise ProviderUnavailable(f"it answered {error.http_status}") from None
        code = getattr(error.error, "decline_code", None) or error.code or type(error).__name__
        raise ProviderRefused(str(code)[:64], str(error.user_message or "")[:500]) from None


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """
    Whether a message is Stripe's, and of these minutes.

    :param signature: the header ``Stripe-Signature``
    :param secret: the endpoint's
    """
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True
