"""Asking a provider after many things, one after another, none of which stands in the others' way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from django.db import OperationalError

from audit.operations import alerts
from billing.gateways.provider import ProviderUnavailable

logger = logging.getLogger(__name__)

# So many in a row, each as long as a time-out, and whoever is silent is left alone.
_SILENCES: Final = 3


def ask_each(ids: Iterable[UUID], ask: Callable[[UUID], object], *, stuck: str, title: str) -> int:
    """
    Ask one provider after each of many things. One that fails is logged and alerted, and the others go on; after three
    silences in a row the provider is left alone until somebody calls again.

    :param stuck: what the alert about an id that fails begins with: ``billing.refund_stuck``
    :param title: of that alert
    :returns: how many were asked after
    """
    asked = silences = 0
    for each in ids:
        try:
            ask(each)
        except ProviderUnavailable as silence:
            silences += 1
            if silences == _SILENCES:
                logger.warning("A provider is left alone for now: %s", silence)
                break
            continue
        except OperationalError:
            # The database's, not the row's: the whole job is tried again.
            raise
        except Exception as defect:
            logger.exception("Asking a provider after %s failed", each)
            alerts.raise_alert(
                f"{stuck}:{each}", severity="critical", title=title, body=f"{type(defect).__name__}: {defect}"
            )
        else:
            asked += 1
        silences = 0
    return asked
