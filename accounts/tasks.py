"""Accounts' jobs. Each makes calls that are safe to run twice and at once."""

from accounts.operations import login_tokens, logins, second_factors, sessions
from core.actors import Actor
from core.jobs import periodic


@periodic("accounts.purge_sessions", every_seconds=3600)
def purge_sessions(*, by: Actor) -> None:
    """Delete what nobody can come in with any more."""
    while sessions.purge_over(by=by) == sessions.PURGE_BATCH:
        pass
    login_tokens.purge_expired(by=by)
    logins.purge_spent(by=by)


@periodic("accounts.seal_factors_anew", every_seconds=3600)
def seal_factors_anew(*, by: Actor) -> None:
    """Have second factors no longer need the former keys of SECRET_KEY_FALLBACKS."""
    second_factors.seal_anew(by=by)
