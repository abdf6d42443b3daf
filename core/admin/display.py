"""How values look in Admin: amounts, moments, people, links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.money import Money

if TYPE_CHECKING:
    # The kind of promise that forms and titles want: one of a text.
    from django.utils.functional import _StrPromise

    Text = str | _StrPromise
else:
    from django.utils.functional import Promise

    Text = str | Promise

Tone = Literal["good", "warn", "bad", "info", "quiet"]

NOTHING: Final = "—"


def number(value: int | None) -> str:
    """``1 234 567``, with spaces that do not break."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u00a0")


def signed(value: int) -> SafeString:
    """``+50`` and ``−30``, coloured by their sign."""
    tone = "good" if value > 0 else "bad"
    return format_html('<span class="dv-signed dv-{}">{}{}</span>', tone, "+" if value > 0 else "−", number(abs(value)))


def money(value: Money | None) -> str:
    """``1 499 ₽``; a sum of nothing is shown as such."""
    return NOTHING if value is None else str(value)


def moment(value: datetime | None) -> SafeString | str:
    """A moment in the house's time zone, to the minute; its tooltip has the seconds and the zone."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}" class="dv-moment">{}</time>',
        local.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}",
        date_format(local, "DATETIME_FORMAT"),
    )


def badge(text: Text, tone: Tone = "quiet") -> SafeString:
    """A short state, coloured."""
    return format_html('<span class="dv-badge dv-badge-{}">{}</span>', tone, text)


def code(value: object) -> SafeString:
    """An identifier, in letters of one width."""
    return format_html('<code class="dv-code">{}</code>', value)


def link(url: str, text: Text) -> SafeString:
    """A link as it stands in a text."""
    return format_html('<a class="dv-link" href="{}">{}</a>', url, text)


def change_url(model: type[Model] | Model, pk: object) -> str:
    """The Admin page of one object."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def list_url(model: type[Model], **narrowed: object) -> str:
    """The Admin list of a model, narrowed by query parameters."""
    query = urlencode({name: str(value) for name, value in narrowed.items()})
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{query}" if query else url


def object_link(row: Model | None, text: Text = "") -> SafeString | str:
    """A link to an object's Admin page, under its own name unless another is given."""
    return NOTHING if row is None else link(change_url(row, row.pk), text or str(row))


def short(value: object, length: int = 60) -> SafeString:
    """A text on one line, cut; its tooltip has all of it."""
    return format_html('<span class="dv-short" title="{}">{}</span>', value, Truncator(str(value)).chars(length))


def pairs(values: Mapping[str, object] | Iterable[tuple[str, object]]) -> SafeString | str:
    """Names and values, one pair a line."""
    items = values.items() if isinstance(values, Mapping) else values
    lines = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", items)
    return format_html('<dl class="dv-pairs">{}</dl>', lines) if lines else NOTHING
