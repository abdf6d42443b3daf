"""The house's own word that nothing is to be paid: a discount covers it all."""

from __future__ import annotations

from billing.gateways.manual import Manual
from billing.gateways.provider import Provider


class Promo(Manual):
    code = "promo"


def make() -> Provider:
    return Promo()
