"""How the HTTP API is wired: DRF, the OpenAPI document, and who stands in front of us."""

from __future__ import annotations

from typing import Any, Final

VERSION: Final = "0.1.0"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.ApiKeyAuthentication",
        "accounts.api.bearer.BearerAuthentication",
    ],
    # A view that forgets to say who may call it is closed to all.
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.MayCall"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["core.api.renderers.AnswerRenderer"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "core.api.exceptions.handle",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
    "FORMAT_SUFFIX_KWARG": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["core.api.renderers.AnswerRenderer"],
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Dvorik",
    "DESCRIPTION": (
        "The back office behind Telegram businesses. Errors are `application/problem+json` (RFC 9457) with a stable "
        "`code`; the catalogue is at `/api/v1/errors`. Money is an integer of minor units with its currency, moments "
        "are RFC 3339 in UTC. Lists are paged by cursors. A POST that moves money or tokens needs an "
        "`Idempotency-Key`."
    ),
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # The body of a PATCH says itself what it needs.
    "COMPONENT_SPLIT_PATCH": False,
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # A tariff's price has fewer currencies than other money; these are the ones that keep the plain name. The others
    # are said in several bodies, each of which would give them a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "CurrencyEnum": "core.money.EXPONENTS",
        "PaymentStatusEnum": "billing.api.vocabulary.PAYMENT_STATUSES",
        "PaymentProviderEnum": "billing.api.vocabulary.PAYMENT_PROVIDERS",
        "PaymentOutcomeEnum": "billing.api.vocabulary.PAYMENT_OUTCOMES",
        "TransactionTypeEnum": "billing.api.vocabulary.TRANSACTION_TYPES",
        "AnnouncementTypeEnum": "billing.api.vocabulary.ANNOUNCEMENT_TYPES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
}
