"""What the HTTP door itself refuses, before any operation is asked."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class BadRequest(DomainError):
    code = "common.bad_request"
    status = 400
    title = _("The request is malformed.")


class BodyMalformed(DomainError):
    code = "common.body_malformed"
    status = 400
    title = _("The body is not acceptable JSON.")


class MethodNotAllowed(DomainError):
    code = "common.method_not_allowed"
    status = 405
    title = _("This method is not allowed here.")


class NotAcceptable(DomainError):
    code = "common.not_acceptable"
    status = 406
    title = _("The answer cannot be given in the form that Accept asks for.")


class LengthRequired(DomainError):
    code = "common.length_required"
    status = 411
    title = _("The body needs a Content-Length.")


class BodyTooLarge(DomainError):
    code = "common.body_too_large"
    status = 413
    title = _("The body is too large.")


class UriTooLong(DomainError):
    code = "common.uri_too_long"
    status = 414
    title = _("The address is too long.")


class UnsupportedMediaType(DomainError):
    code = "common.unsupported_media_type"
    status = 415
    title = _("Send application/json in UTF-8, not compressed.")


class HeadersTooLarge(DomainError):
    code = "common.headers_too_large"
    status = 431
    title = _("The headers are too large or too many.")


class InternalError(DomainError):
    code = "common.internal_error"
    status = 500
    title = _("Something broke on our side. It has been written down.")
