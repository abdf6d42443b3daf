"""The view that every route of the API stands on."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from core.actors import Actor
from core.api import exceptions
from core.api.declarations import Declared, declared_of
from core.api.errors import MethodNotAllowed
from core.api.pagination import Keyset
from core.api.parsers import StrictJSONParser, bound_body
from core.api.permissions import Admission, Credentials
from core.api.renderers import AnswerRenderer
from core.api.serializers import NoBody, QueryParams, kept
from core.errors import NotAuthenticated

M = TypeVar("M", bound=Model)

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ApiView(APIView):
    """
    One address of the API. Its methods are declared with :func:`core.api.declarations.documented`.

    It checks who knocks, reads strictly, and makes one call to an operation or a query; it opens no transaction.
    """

    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    parser_classes = [StrictJSONParser]
    renderer_classes = [AnswerRenderer]
    metadata_class = None

    # As whom the caller was let in; where everybody is, there is none.
    admission: Admission

    @property
    def actor(self) -> Actor:
        """
        Who is calling.

        :raises core.errors.NotAuthenticated: nobody showed credentials
        """
        if not isinstance(self.request.auth, Credentials):
            raise NotAuthenticated
        return self.request.auth.actor

    @property
    def declared(self) -> Declared:
        """What the method that runs now has declared about itself."""
        return declared_of(self, str(self.request.method))

    def body(self) -> dict[str, Any]:
        """
        The request's body, read by the serializer that the method declared.

        :raises rest_framework.exceptions.ValidationError: a field is missing, unknown or wrong
        """
        return self.read(self.declared.body or NoBody)

    def read(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """
        The request's body, read by another serializer than the declared one, for callers who may say less.

        :raises rest_framework.exceptions.ValidationError: a field is missing, unknown or wrong
        """
        # Where a form was announced and nothing came, DRF gives an empty form, in which a missing flag means false.
        sent = {} if isinstance(self.request.data, QueryDict) else self.request.data
        try:
            return kept(serializer).run_validation(sent)  # type: ignore[no-any-return]  # DRF leaves it untyped
        except ValidationError:
            # One of its own has the errors in the shape that DRF gives them.
            data = serializer(data=sent)
            data.is_valid(raise_exception=True)
            raise

    def query(self) -> dict[str, Any]:
        """
        The query string's parameters, read by the class that the method declared.

        :raises rest_framework.exceptions.ValidationError: a parameter is unknown, given twice, or wrong
        """
        return self._query

    def page(self, rows: QuerySet[M], order: Keyset, serializer: type[Serializer[Any]], **context: Any) -> Response:
        """The page of ``rows`` that the query string asks for (``limit``, ``cursor``)."""
        page = order.page(rows, limit=self._query["limit"], cursor=self._query.get("cursor"))
        return Response(page.as_answer(serializer(context=context).to_representation))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check everything that can be checked before the method runs."""
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed
        bound_body(request._request)
        super().initial(request, *args, **kwargs)
        self._query = (self.declared.query or QueryParams).read(request.query_params)
        # A hostile body is refused on every route, also where the method never looks at it.
        if request.method in _WITH_BODY and self.declared.body is None:
            self.read(NoBody)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # DRF's is a subclass of it
        """The answer to a refusal. A defect goes on to Django, which logs it and answers 500."""
        response = exceptions.handle(exc, {"request": self.request, "view": self})
        if response is None:
            raise exc
        return response

    def http_method_not_allowed(self, request: HttpRequest | Request, *args: Any, **kwargs: Any) -> NoReturn:
        """
        :raises core.api.errors.MethodNotAllowed: always
        """
        raise MethodNotAllowed
