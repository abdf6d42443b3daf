"""What the floor below announces, made visible: dead jobs become alerts, decisions about jobs become deeds."""

from typing import Final

from django.utils.translation import gettext_noop

from audit.operations import alerts, records
from core.actors import Actor, circumstances, under
from core.exports import Deed
from core.jobs import DeadLetter, Decision
from core.limits import Counted
from core.time_limits import Ended

_ENDED: Final[dict[Ended, str]] = {
    "idle": gettext_noop("A transaction lay open without a statement for too long and was ended."),
    "long": gettext_noop("A transaction took too long and was ended."),
}


def tell_of_dead_letter(letter: DeadLetter, /, *, by: Actor) -> None:
    """
    Tell the operators of a job that ran out of attempts; many of one kind are one trouble.

    It happens in the transaction in which the job dies, so that none dies unheard of.
    """
    with under(actor=by):
        alerts.raise_alert(
            f"core.job_dead:{letter.name}",
            severity="critical",
            title=gettext_noop("A job has failed for the last time."),
            body=letter.error,
            job=letter.job_id,
            name=letter.name,
            key=letter.key,
            attempts=letter.attempts,
        )


def record_decision(decision: Decision, /, *, by: Actor) -> None:
    """Record what a member of staff decided about a job, and why."""
    records.record(
        f"core.job.{decision.deed}",
        entity=("core.job", str(decision.job_id)),
        by=by,
        reason=decision.reason,
        job_name=decision.name,
    )


def record_export(deed: Deed, /, *, by: Actor) -> None:
    """Record who took what out of the house."""
    records.record(
        f"core.export.{deed.deed}",
        entity=("core.export", deed.export_id),
        by=by,
        export=deed.name,
        format=deed.file_format,
        filters=deed.filters,
        rows=deed.rows,
    )


def tell_of_limits_away(store: str, limit: str, /) -> None:
    """Tell the operators that limits cannot be counted: who should be counted is refused until they can."""
    alerts.raise_alert(
        f"core.limits_away:{store}",
        severity="critical",
        title=gettext_noop("Limits cannot be counted: logins and writes that need them are refused."),
        store=store,
        limit=limit,
    )


def tell_of_limit_reached(limit: Counted, subject: str, /) -> None:
    """Tell the operators of somebody who does something too often; whoever else does so is counted with it."""
    alerts.raise_alert(
        f"core.limit_reached:{limit.name}",
        severity="warning",
        title=limit.alert,
        limit=limit.name,
        subject=subject[:200],
    )


def tell_of_ended_transaction(ended: Ended, /) -> None:
    """Tell the operators that PostgreSQL has ended a transaction: what lay open kept others' rows waiting."""
    around = circumstances()
    alerts.raise_alert(
        f"core.transaction_ended:{ended}",
        severity="warning",
        title=_ENDED[ended],
        door=around.door,
        request_id=around.request_id,
        by=str(around.actor or ""),
    )
