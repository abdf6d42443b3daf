"""Accounts' jobs. Each makes calls that are safe to run twice and at once."""

from accounts.operations import login_tokens, logins, sessions
from core.actors import Actor
from core.jobs import periodic


@periodic("accounts.purge_sessions", every_seconds=3600)
def purge_sessions(*, by: Actor) -> None:
    """Delete what nobody can come in with any more."""
    while sessions.purge_over(by=by) == sessions.PURGE_BATCH:
        pass
    login_tokens.purge_expired(by=by)
    logins.purge_spent(by=by)
