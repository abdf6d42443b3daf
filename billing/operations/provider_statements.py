"""
Putting our books beside a provider's: what webhooks lost, what stores took back without a word, what never arrived.

Intent, commit, call, result: the statement's row is the intent, and one attempt after another serves it until the
provider has told everything; the comparison is then one transaction. ``billing_statementline_is_one_per_movement``
makes a difference one, however many nights it is found, and its lock lets one decision win.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audit.models import AdminAlert
from audit.operations import alerts, records
from billing import errors, locks
from billing.gateways import providers
from billing.gateways.provider import ProviderRefused, ProviderUnavailable
from billing.models import Payment, PaymentEvent, ProviderStatement, StatementLine
from billing.operations import provider_events
from billing.queries.payments import as_fact
from billing.rules import statements
from billing.rules.payment_events import Fact, Kind
from billing.rules.statements import OVERLAP, Compared, Key, Verdict
from core import clock
from core.actors import Actor
from core.database import operation
from core.errors import ReasonMissing
from core.jobs import enqueue

# Providers that keep books which can be asked for.
KEEPERS: Final = ("telegram_stars", "yookassa")
_MONEY: Final = (Kind.SUCCEEDED, Kind.REFUNDED)
_MOST_AT_ONCE: Final = 1_000

_State = StatementLine.State


@dataclass(frozen=True, slots=True)
class Booked:
    """
    :param line: as it was decided
    :param payment: what it is about; None where nobody here knows what was paid for
    """

    line: StatementLine
    payment: Payment | None


@operation
def request(*, by: Actor) -> int:
    """
    Have the books of every provider that is set up compared, each by a job of its own.

    :returns: how many
    """
    asked = [code for code in KEEPERS if providers.is_set_up(code)]
    for code in asked:
        enqueue("billing.compare_statement", provider=code)
    return len(asked)


def reconcile(*, provider: str, by: Actor) -> ProviderStatement:
    """
    Compare what a provider has written down since shortly before the last comparison with what we have. Differences are
    kept as lines, and an alert tells of new ones; those that have come to agree are closed. Until the provider has told
    all of it nothing is judged: call again, also at once with others.

    :raises errors.ProviderNotOffered: it keeps no books that can be asked for
    :raises billing.gateways.provider.ProviderRefused: it does not tell them
    :raises billing.gateways.provider.ProviderUnavailable: call again later
    """
    if provider not in KEEPERS:
        raise errors.ProviderNotOffered(provider)
    begun = _begin(provider=provider, by=by)
    try:
        # A provider's clock is the world's, also where a test clock has moved ours.
        told = [movement.fact for movement in providers.get(provider).movements(begun.since_at - clock.lead())]
    except (ProviderRefused, ProviderUnavailable) as silence:
        _note(statement_id=begun.pk, error=str(silence), by=by)
        raise
    return _finish(statement_id=begun.pk, told=told, by=by)


@operation
def _begin(*, provider: str, by: Actor) -> ProviderStatement:
    """The statement that is not finished: a new one, or one that was tried before and now reaches until today."""
    moment = clock.now()
    fresh = ProviderStatement(provider=provider, since_at=_since(provider, moment), until_at=moment)
    ProviderStatement.objects.bulk_create([fresh], ignore_conflicts=True)
    statement = ProviderStatement.objects.select_for_update(no_key=True).get(provider=provider, finished_at=None)
    statement.until_at = max(moment, statement.until_at)
    statement.save(update_fields=["until_at"])
    return statement


def _since(provider: str, moment: datetime) -> datetime:
    """Where a comparison begins; the first one with the first money that we have heard of."""
    last = ProviderStatement.objects.filter(provider=provider, finished_at__isnull=False).order_by("-id").first()
    if last is not None:
        return min(last.until_at, moment) - OVERLAP
    heard = PaymentEvent.objects.filter(provider=provider, kind__in=_MONEY).order_by("occurred_at")
    return min(heard.values_list("occurred_at", flat=True).first() or moment, moment) - OVERLAP


@operation
def _note(*, statement_id: UUID, error: str, by: Actor) -> None:
    ProviderStatement.objects.filter(pk=statement_id, finished_at=None).update(error=error[:1_000])


@operation
def _finish(*, statement_id: UUID, told: Sequence[Fact], by: Actor) -> ProviderStatement:
    statement = locks.provider_statement(statement_id)
    if statement.finished_at is not None:
        return statement
    # Play money is no money.
    theirs = {statements.key_of(fact): fact for fact in told if settings.PAYMENTS_ACCEPT_TEST or not fact.is_test}
    lines = _lines_of(statement, theirs)
    for key, line in lines.items():
        if line.fact:
            theirs.setdefault(key, statements.from_json(line.fact))
    ours = _heard(statement, theirs.values())
    found = statements.compare(ours, theirs.values(), since=statement.since_at, until=statement.until_at)
    fresh, settled = _keep(statement, found, lines)
    _tell(statement, fresh)
    _calm({line.statement_id for line in settled}, by=by)
    return statement


def _lines_of(statement: ProviderStatement, theirs: Mapping[Key, Fact]) -> dict[Key, StatementLine]:
    """Known lines that this comparison may be about, locked: the open ones, and those about the same movements."""
    known = StatementLine.objects.select_for_update(no_key=True).order_by("pk").filter(provider=statement.provider)
    lines = list(known.filter(state=_State.OPEN))
    # What we heard later than the provider wrote it down may have had a line long ago.
    heard = _within(statement).values_list("provider_payment_id", "reference")
    references = {reference for reference, _direction in theirs}.union(*heard)
    for part in _parts(references):
        lines.extend(known.filter(reference__in=part).exclude(state=_State.OPEN))
    return {(line.reference, line.direction): line for line in lines}


def _within(statement: ProviderStatement) -> QuerySet[PaymentEvent]:
    """Money of the window, as we have heard of it."""
    known = PaymentEvent.objects.filter(provider=statement.provider, kind__in=_MONEY)
    return known.filter(occurred_at__gte=statement.since_at, occurred_at__lt=statement.until_at)


def _heard(statement: ProviderStatement, theirs: Iterable[Fact]) -> list[Fact]:
    """What we know of the window, and of whatever the provider tells of."""
    events = {event.pk: event for event in _within(statement).defer("payload", "details")}
    known = PaymentEvent.objects.filter(provider=statement.provider, kind__in=_MONEY).defer("payload", "details")
    for payments in _parts({fact.payment_id for fact in theirs}):
        events.update({event.pk: event for event in known.filter(provider_payment_id__in=payments)})
    return [as_fact(event) for event in events.values()]


def _keep(
    statement: ProviderStatement, found: Sequence[Compared], lines: Mapping[Key, StatementLine]
) -> tuple[list[StatementLine], list[StatementLine]]:
    """Write down what was found, and finish. The lines that are new, and those that have come to agree."""
    payments = _payments(statement.provider, found)
    fresh, settled = [], []
    for each in found:
        line = lines.get(each.key)
        if each.verdict == Verdict.MATCHED:
            statement.matched += 1
            if line is not None and line.state == _State.OPEN:
                line.state, line.decided_at = _State.RESOLVED, clock.now()
                line.save(update_fields=["state", "decided_at"])
                settled.append(line)
        elif line is not None and line.state != _State.OPEN:
            statement.decided += 1
        else:
            setattr(statement, each.verdict, getattr(statement, each.verdict) + 1)
            seen = _seen(each, payments)
            if line is None:
                reference, direction = each.key
                line = StatementLine(
                    statement=statement, provider=statement.provider, reference=reference, direction=direction
                )
                line.provider_payment_id, line.occurred_at = each.fact.payment_id, each.fact.occurred_at
                fresh.append(line)
            changed = [name for name, value in seen.items() if getattr(line, name) != value]
            for name in changed:
                setattr(line, name, seen[name])
            if line not in fresh and changed:
                line.save(update_fields=changed)
    StatementLine.objects.bulk_create(fresh)
    statement.error, statement.finished_at = "", clock.now()
    statement.save()
    return fresh, settled


def _seen(each: Compared, payments: Mapping[str, UUID]) -> dict[str, object]:
    ours, theirs = (None if fact is None else fact.amount for fact in (each.ours, each.theirs))
    return {
        "verdict": str(each.verdict),
        "our_amount": ours.amount if ours else None,
        "our_currency": ours.currency if ours else "",
        "their_amount": theirs.amount if theirs else None,
        "their_currency": theirs.currency if theirs else "",
        "payment_id": payments.get(each.fact.payment_id),
        "fact": statements.as_json(each.theirs) if each.theirs else {},
    }


def _payments(provider: str, found: Iterable[Compared]) -> dict[str, UUID]:
    """Our payments that differences are about, by the provider's ids."""
    ids: dict[str, UUID] = {}
    for part in _parts({each.fact.payment_id for each in found if each.verdict != Verdict.MATCHED}):
        known = Payment.objects.filter(provider=provider, provider_payment_id__in=part)
        ids.update(known.values_list("provider_payment_id", "pk"))
    return ids


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    left = iter(values)
    while part := list(islice(left, _MOST_AT_ONCE)):
        yield part


def _tell(statement: ProviderStatement, fresh: Sequence[StatementLine]) -> None:
    if fresh:
        alerts.raise_alert(
            f"billing.provider_statement:{statement.pk}",
            severity="critical",
            title=gettext_noop("A provider's books differ from ours"),
            body=f"{statement.provider}: {', '.join(f'{line.verdict} {line.reference}' for line in fresh[:5])}",
            provider=statement.provider,
            statement=str(statement.pk),
            lines=len(fresh),
        )


def _calm(statement_ids: Iterable[UUID], *, by: Actor) -> None:
    """End the alerts of comparisons of which nothing is open any more."""
    for statement_id in sorted(statement_ids):
        if not StatementLine.objects.filter(statement=statement_id, state=_State.OPEN).exists():
            told = AdminAlert.objects.filter(fingerprint=_fingerprint(statement_id))
            for alert_id in told.exclude(status=AdminAlert.Status.RESOLVED).values_list("pk", flat=True):
                alerts.resolve(alert_id=alert_id, by=by)


def _fingerprint(statement_id: UUID) -> str:
    return f"billing.provider_statement:{statement_id}"


@operation
def book(*, line_id: UUID, by: Actor) -> Booked:
    """
    Record what a provider's books say and we have not heard, with all that follows: an invoice is settled, a refund
    takes back.

    :raises errors.StatementLineNotFound: there is no such difference
    :raises errors.StatementLineDecided: it agrees by now, or somebody has decided
    :raises errors.StatementLineNotBookable: it is not missing here: of two words the first one stands
    """
    line = _undecided(line_id)
    if line.verdict != StatementLine.Verdict.MISSING_HERE:
        raise errors.StatementLineNotBookable(verdict=line.verdict)
    heard = provider_events.record(fact=statements.from_json(line.fact), by=by)
    line.payment = heard.payment
    _decide(line, _State.BOOKED, by=by)
    records.record(
        "billing.statement_line.booked",
        entity=line,
        by=by,
        provider=line.provider,
        received=str(line.their_money),
        payment=str(heard.payment.pk) if heard.payment else None,
    )
    return Booked(line, heard.payment)


@operation
def ignore(*, line_id: UUID, reason: str, by: Actor) -> StatementLine:
    """
    Leave a difference as it is. Nothing moves.

    :param reason: why
    :raises core.errors.ReasonMissing: no reason was given
    :raises errors.StatementLineNotFound: there is no such difference
    :raises errors.StatementLineDecided: it agrees by now, or somebody has decided
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(fields={"reason": [ReasonMissing.title]})
    line = _undecided(line_id)
    line.reason = reason
    _decide(line, _State.IGNORED, by=by)
    records.record("billing.statement_line.ignored", entity=line, by=by, reason=reason, provider=line.provider)
    return line


def _undecided(line_id: UUID) -> StatementLine:
    line = locks.statement_line(line_id)
    if line.state != _State.OPEN:
        raise errors.StatementLineDecided(state=line.state)
    return line


def _decide(line: StatementLine, state: StatementLine.State, *, by: Actor) -> None:
    line.state, line.decided_by, line.decided_at = state, by.label or by.kind, clock.now()
    line.save(update_fields=["state", "decided_by", "decided_at", "reason", "payment"])
    _calm([line.statement_id], by=by)
