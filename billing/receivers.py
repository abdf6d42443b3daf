"""What billing does when accounts announce something."""

from uuid import UUID

from billing.operations import referrals, wallets
from core.actors import Actor


def open_wallet(user_id: UUID, by: Actor) -> None:
    """
    Give a new person a wallet, within the transaction that makes the person: a first message makes one user and one
    wallet, or neither.
    """
    wallets.open_for_user(user_id=user_id, by=by)


def bind_referral(user_id: UUID, by: Actor) -> None:
    """Bind a new person to whoever brought them, within the transaction that makes the person."""
    referrals.bind_new(user_id=user_id, by=by)
