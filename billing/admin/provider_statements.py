"""Our books beside providers' own: each night's comparison, and what people have to decide about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing.admin.search import by_id
from billing.models import PaymentEvent, ProviderStatement, StatementLine
from billing.operations import provider_statements
from billing.queries.provider_statements import find_heard
from billing.rules import statements
from core.actors import Actor
from core.admin.deeds import Outcome, Warned, deed
from core.admin.display import NOTHING, Text, Tone, badge, code, list_url, moment, money, number, object_link
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonForm
from core.admin.panels import Column, Panel
from core.admin.views import ViewFilter, ViewsAdmin

_SHOWN: Final = 50
_VERDICTS: Final[dict[str, Tone]] = {"missing_here": "bad", "missing_there": "bad", "amount_differs": "warn"}
_STATES: Final[dict[str, Tone]] = {"open": "warn", "booked": "good", "resolved": "good"}


def verdict_badge(line: StatementLine) -> SafeString:
    """What does not agree, in a word."""
    return badge(line.get_verdict_display(), _VERDICTS.get(line.verdict, "quiet"))


def line_badge(line: StatementLine) -> SafeString:
    """What was decided about it, in a word."""
    return badge(line.get_state_display(), _STATES.get(line.state, "quiet"))


@admin.register(ProviderStatement)
class ProviderStatementAdmin(FactsAdmin[ProviderStatement]):
    """Made by the nightly job alone."""

    list_display = ("when", "provider", "window", "found", "ended")
    list_filter = ("provider",)
    search_fields = ("id",)
    search_help_text = _("The id of a comparison")
    shows_history = False

    def find(self, term: str) -> Q:
        return by_id(term)

    def get_facts(self, request: HttpRequest, row: ProviderStatement) -> Sequence[tuple[Text, object]]:
        return (
            (_("provider"), row.get_provider_display()),
            (_("window"), self.window(row)),
            (_("found"), self.found(row)),
            (_("started"), self.when(row)),
            (_("finished"), self.ended(row)),
            (_("error"), row.error or NOTHING),
        )

    def get_panels(self, request: HttpRequest, row: ProviderStatement) -> Sequence[Panel]:
        lines = row.lines.order_by("-id")[:_SHOWN]
        return [
            Panel(
                title=_("Differences that it found first"),
                columns=(
                    Column(_("difference")),
                    Column(_("payment or refund")),
                    Column(_("here"), numeric=True),
                    Column(_("there"), numeric=True),
                    Column(_("state")),
                ),
                rows=[
                    (
                        object_link(line, verdict_badge(line)),
                        code(line.reference),
                        money(line.our_money),
                        money(line.their_money),
                        line_badge(line),
                    )
                    for line in lines
                ],
                empty=_("None."),
                more_url=list_url(StatementLine, view="all", q=row.pk) if len(lines) == _SHOWN else "",
            )
        ]

    @admin.display(description=_("started"))
    def when(self, row: ProviderStatement) -> SafeString | str:
        return moment(row.started_at)

    @admin.display(description=_("window"))
    def window(self, row: ProviderStatement) -> SafeString:
        return format_html_join(" – ", "{}", [(moment(row.since_at),), (moment(row.until_at),)])

    @admin.display(description=_("found"))
    def found(self, row: ProviderStatement) -> SafeString | str:
        """As many badges as there is to tell."""
        counted: Sequence[tuple[Text, int, Tone]] = (
            (_("matched"), row.matched, "good"),
            (_("missing here"), row.missing_here, "bad"),
            (_("missing there"), row.missing_there, "bad"),
            (_("amount differs"), row.amount_differs, "warn"),
            (_("decided before"), row.decided, "quiet"),
        )
        badges = [(badge(f"{title}: {number(count)}", tone),) for title, count, tone in counted if count]
        return format_html_join(" ", "{}", badges) if badges else NOTHING

    @admin.display(description=_("finished"))
    def ended(self, row: ProviderStatement) -> SafeString | str:
        if row.finished_at is not None:
            return moment(row.finished_at)
        return badge(_("to be tried again"), "bad") if row.error else badge(_("running"), "info")


class LineViews(ViewFilter):
    views = (
        ("open", _("Open")),
        ("booked", _("Booked")),
        ("ignored", _("Ignored")),
        ("resolved", _("Agree by now")),
        ("all", _("All")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(state=view)


class BookForm(DeedForm):
    """Nothing is asked: what is booked is what the provider's books say."""


@admin.register(StatementLine)
class StatementLineAdmin(ViewsAdmin[StatementLine], FactsAdmin[StatementLine]):
    """Found by comparisons, closed by them or decided by people, once."""

    view_filter = LineViews
    list_display = ("when", "provider", "difference", "way", "shown_reference", "here", "there", "paid", "state_now")
    list_filter: ClassVar[Any] = (LineViews, "provider", "verdict", "direction")
    list_select_related = ("payment",)
    search_fields = ("reference",)
    search_help_text = _("A provider's id, whole, or the id of a difference or a comparison")
    actions_detail = ("book", "ignore")

    def find(self, term: str) -> Q:
        return Q(reference=term) | by_id(term) | by_id(term, "statement")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementLine]:
        return super().get_queryset(request).select_related("payment", "statement")

    def is_offered(self, request: HttpRequest, row: StatementLine, name: str) -> bool:
        is_bookable = row.verdict == StatementLine.Verdict.MISSING_HERE
        return row.state == StatementLine.State.OPEN and (name != "book" or is_bookable)

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_statementline")

    @deed(
        title=_("Book it"),
        permission="decide",
        form=BookForm,
        icon="playlist_add_check",
        variant="primary",
        explanation=_(
            "What the provider's books say is recorded as if its message had come: money that arrived settles its "
            "invoice, money that went back takes back what it had bought."
        ),
    )
    def book(self, request: HttpRequest, row: StatementLine, form: BookForm, by: Actor) -> Outcome:
        booked = provider_statements.book(line_id=row.pk, by=by)
        if booked.payment is None:
            return Warned(_("It is recorded, but nobody here knows what was paid for. An alert tells of it."))
        return _("It is booked.")

    @deed(
        title=_("Ignore, because …"),
        permission="decide",
        icon="visibility_off",
        variant="danger",
        explanation=_("Nothing moves, and no comparison tells of it again."),
    )
    def ignore(self, request: HttpRequest, row: StatementLine, form: ReasonForm, by: Actor) -> Outcome:
        provider_statements.ignore(line_id=row.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The difference is ignored.")

    def get_heading(self, row: StatementLine) -> str:
        return f"{row.get_provider_display()}: {row.get_verdict_display()}"

    def get_facts(self, request: HttpRequest, row: StatementLine) -> Sequence[tuple[Text, object]]:
        return (
            (_("difference"), self.difference(row)),
            (_("state"), self.state_now(row)),
            (_("provider"), row.get_provider_display()),
            (_("direction"), self.way(row)),
            (_("payment or refund"), self.shown_reference(row)),
            (_("payment"), self.paid(row)),
            (_("found"), self.when(row)),
            (_("comparison"), object_link(row.statement, moment(row.statement.started_at))),
            (_("decided by"), row.decided_by or NOTHING),
            (_("decided"), moment(row.decided_at)),
            (_("reason"), row.reason or NOTHING),
        )

    def get_panels(self, request: HttpRequest, row: StatementLine) -> Sequence[Panel]:
        """Both sides beside each other."""
        heard = find_heard(row)
        told = statements.from_json(row.fact) if row.fact else None
        payer = (told.details.get("payer") if told else None) or NOTHING
        invoice = told.invoice_id if told else None
        return [
            Panel(
                title=_("Both sides"),
                columns=(Column(""), Column(_("here")), Column(_("in the provider's books"))),
                rows=[
                    (_("amount"), money(row.our_money), money(row.their_money)),
                    (
                        _("when"),
                        moment(heard.occurred_at if heard else None),
                        moment(told.occurred_at if told else None),
                    ),
                    (
                        _("event"),
                        object_link(heard),
                        PaymentEvent.Kind(told.kind).label if told else NOTHING,
                    ),
                    (
                        _("invoice"),
                        object_link(heard.invoice if heard else None),
                        code(invoice) if invoice else NOTHING,
                    ),
                    (_("payer"), NOTHING, payer),
                ],
                empty="",
            )
        ]

    @admin.display(description=_("found"))
    def when(self, row: StatementLine) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("difference"))
    def difference(self, row: StatementLine) -> SafeString:
        return verdict_badge(row)

    @admin.display(description=_("direction"))
    def way(self, row: StatementLine) -> str:
        return row.get_direction_display()

    @admin.display(description=_("payment or refund"))
    def shown_reference(self, row: StatementLine) -> SafeString:
        return code(row.reference)

    @admin.display(description=_("here"))
    def here(self, row: StatementLine) -> str:
        return money(row.our_money)

    @admin.display(description=_("there"))
    def there(self, row: StatementLine) -> str:
        return money(row.their_money)

    @admin.display(description=_("payment"))
    def paid(self, row: StatementLine) -> SafeString | str:
        return object_link(row.payment)

    @admin.display(description=_("state"))
    def state_now(self, row: StatementLine) -> SafeString:
        return line_badge(row)
