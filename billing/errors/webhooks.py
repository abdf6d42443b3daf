"""Why other systems are not told."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class WebhookEndpointNotFound(DomainError):
    code = "billing.webhook_endpoint_not_found"
    status = 404
    title = _("There is no such webhook endpoint.")


class WebhookEndpointInactive(DomainError):
    code = "billing.webhook_endpoint_inactive"
    status = 409
    title = _("The webhook endpoint is switched off.")


class WebhookDeliveryNotFound(DomainError):
    code = "billing.webhook_delivery_not_found"
    status = 404
    title = _("There is no such webhook delivery.")
