"""
Errors that name a fact. One cause, one class, one code.

Every refusal of the house is a :class:`DomainError`. Doors turn it into their own form: the API into
problem+json, Admin into a message, a command into a line on stderr.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FieldErrors = Mapping[str, Sequence["str | Promise"]]


class DomainError(Exception):
    """
    A refusal that a caller can understand and act on.

    :cvar code: stable, part of the API's contract (``billing.insufficient_tokens``)
    :cvar status: the HTTP status that says it best
    :cvar title: what happened, translatable, the same for every occurrence
    :cvar constraints: the database constraints whose violation means this error
    :param detail: this occurrence in words
    :param fields: what is wrong, by field name
    :param retry_after: seconds after which trying again makes sense
    :param data: the error's own facts (``required=5, available=2``), JSON-serialisable
    """

    code: ClassVar[str]
    status: ClassVar[int] = 409
    title: ClassVar[str | Promise]
    constraints: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        detail: str | Promise = "",
        *,
        fields: FieldErrors | None = None,
        retry_after: int | None = None,
        **data: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields: FieldErrors = fields or {}
        self.retry_after = retry_after
        self.data = data

    def __str__(self) -> str:
        said = " ".join(str(part) for part in (self.title, self.detail) if part)
        per_field = "; ".join(f"{name}: {' '.join(map(str, why))}" for name, why in self.fields.items())
        return f"{self.code}: {said}" + (f" ({per_field})" if per_field else "")


class ValidationFailed(DomainError):
    code = "common.validation_error"
    status = 400
    title = _("The request is not valid.")


class NotFound(DomainError):
    code = "common.not_found"
    status = 404
    title = _("There is no such thing.")


class PermissionDenied(DomainError):
    code = "auth.permission_denied"
    status = 403
    title = _("This is not allowed to you.")


class NotAuthenticated(DomainError):
    code = "auth.token_missing"
    status = 401
    title = _("Say who you are.")


class CredentialsInvalid(DomainError):
    code = "auth.token_invalid"
    status = 401
    title = _("The credentials are not valid.")


class StepUpRequired(DomainError):
    code = "auth.step_up_required"
    status = 403
    title = _("Show your second factor again: send a code to POST /api/v1/auth/otp, then repeat the request.")


class RateLimited(DomainError):
    code = "common.rate_limited"
    status = 429
    title = _("Too many requests.")


class IdempotencyKeyMissing(DomainError):
    code = "common.idempotency_key_missing"
    status = 400
    title = _("This request needs an Idempotency-Key header.")


class IdempotencyKeyInvalid(DomainError):
    code = "common.idempotency_key_invalid"
    status = 400
    title = _("The idempotency key must be 1 to 255 printable ASCII characters.")


class IdempotencyMismatch(DomainError):
    code = "common.idempotency_mismatch"
    status = 422
    title = _("This idempotency key was used with another request.")


class IdempotencyInProgress(DomainError):
    code = "common.idempotency_in_progress"
    status = 409
    title = _("The first request with this idempotency key is still running.")


class Unavailable(DomainError):
    code = "common.unavailable"
    status = 503
    title = _("The service is busy. Try again soon.")


class ReasonMissing(DomainError):
    code = "common.reason_missing"
    status = 400
    title = _("A reason is required.")


class JobIsNotDead(DomainError):
    code = "core.job_is_not_dead"
    title = _("Only a dead job can be run again.")


class JobIsNotQueued(DomainError):
    code = "core.job_is_not_queued"
    title = _("Only a queued job can be given up.")


class SettingUnknown(DomainError):
    code = "core.setting_unknown"
    status = 404
    title = _("There is no such setting.")


class SettingInvalid(DomainError):
    code = "core.setting_invalid"
    status = 400
    title = _("The value does not fit the setting.")


class ExportNotFound(DomainError):
    code = "core.export_not_found"
    status = 404
    title = _("There is no such file, or it is kept no longer.")


class ClockIsFixed(DomainError):
    code = "core.clock_is_fixed"
    title = _("This clock is production's: nobody moves it.")


class ClockIsMoving(DomainError):
    code = "core.clock_is_moving"
    title = _("Somebody is moving the clock. Try again when it has arrived.")


def _descendants(error: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in error.__subclasses__():
        yield child
        yield from _descendants(child)


def catalogue() -> list[type[DomainError]]:
    """Every error of the house, by code. Two classes with one code are a defect and raise."""
    known: dict[str, type[DomainError]] = {}
    for error in _descendants(DomainError):
        if known.setdefault(error.code, error) is not error:
            raise RuntimeError(f"{error.code} belongs to two classes")
        if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", error.code):
            raise RuntimeError(f"{error.code} is not an error code")
    return [known[code] for code in sorted(known)]


@cache
def by_constraint() -> Mapping[str, type[DomainError]]:
    """The error that each constraint means when it fires."""
    return {name: error for error in catalogue() for name in error.constraints}
