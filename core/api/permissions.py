"""
Who may knock on which route. A view declares its callers once; the door holds to the declaration, and the OpenAPI
document and ``docs/roles.md`` are written from it.

Servers act by the scopes of their keys. Staff act by the permissions that their roles have, asked anew for each
request. People, staff or not, see and do what is their own. Everybody else is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, runtime_checkable
from uuid import UUID

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.actors import Actor
from core.errors import DomainError, NotAuthenticated, NotFound, PermissionDenied, StepUpRequired

if TYPE_CHECKING:
    # DRF's views read their default permissions, which are these, while they are being imported.
    from rest_framework.views import APIView

# A server with this scope sees what staff see.
STAFF: Final = "staff"
_ANY_METHOD: Final = ""


@runtime_checkable
class Credentials(Protocol):
    """
    What an authentication class leaves in ``request.auth``.

    :cvar scopes: what the caller may do (``billing:write``); people have none
    :cvar actor: who the caller is, for the audit log
    """

    @property
    def scopes(self) -> Collection[str]: ...

    @property
    def actor(self) -> Actor: ...


@runtime_checkable
class Person(Credentials, Protocol):
    """
    Credentials of a person in a session of theirs.

    :cvar is_staff_here: whether they may act as staff in this session
    """

    @property
    def user_id(self) -> UUID: ...

    @property
    def is_staff_here(self) -> bool: ...

    def holds(self, permission: str) -> bool:
        """Whether they may act as staff here, and a role of theirs has the permission now."""

    def is_lately_verified(self) -> bool:
        """Whether a second factor was shown so lately that grave deeds need not ask; true where there is none."""


@dataclass(frozen=True, slots=True)
class Own:
    """
    People, for what is their own.

    :param named_by: the address's parameter that must be the person's own id; empty where the view narrows what it
        asks for to :attr:`Admission.only_of`
    :param otherwise: the refusal of any other id, somebody's or nobody's
    """

    named_by: str = ""
    otherwise: type[DomainError] = NotFound


OWN: Final = Own()


@dataclass(frozen=True, slots=True)
class Callers:
    """
    :param scopes: of which a server's key needs one; none lets no server in
    :param permission: what lets staff in, as ``app.codename``; none lets nobody in as staff
    :param own: what lets people in, for their own; None lets them in only as staff
    """

    scopes: tuple[str, ...] = ()
    permission: str = ""
    own: Own | None = None

    def admit(self, auth: object, address: Mapping[str, Any]) -> Admission:
        """
        As whom a caller is let in.

        :param auth: what the authentication left
        :param address: the parameters in the route's address
        :raises core.errors.NotAuthenticated: nobody knocks
        :raises core.errors.PermissionDenied: this caller may not do this; also what :attr:`own` says of others' things
        """
        if not isinstance(auth, Credentials):
            raise NotAuthenticated
        if any(scope in auth.scopes for scope in self.scopes):
            return Admission(is_staff=STAFF in auth.scopes)
        if not isinstance(auth, Person):
            raise PermissionDenied(required_scopes=list(self.scopes)) if self.scopes else PermissionDenied
        if self.permission and auth.is_staff_here and auth.holds(self.permission):
            return Admission(is_staff=True)
        if self.own is None:
            # What staff lack is said to staff alone.
            is_told = self.permission and auth.is_staff_here
            raise PermissionDenied(required_permission=self.permission) if is_told else PermissionDenied
        if self.own.named_by and address[self.own.named_by] != auth.user_id:
            raise self.own.otherwise
        return Admission(only_of=auth.user_id)


@dataclass(frozen=True, slots=True)
class Admission:
    """
    As whom a caller was let in.

    :param is_staff: whether they see what only staff see
    :param only_of: whose things they may see and change, and nobody else's; None where everybody's
    """

    is_staff: bool = False
    only_of: UUID | None = None


class MayCall(BasePermission):
    """Whoever the declaration names. Made by :func:`may` and :func:`by_method`; by itself it lets nobody in."""

    methods: ClassVar[Mapping[str, Callers]] = MappingProxyType({})

    @classmethod
    def callers(cls, method: str) -> Callers:
        """Who may call a method; nobody where nothing is declared."""
        name = "GET" if method == "HEAD" else method
        return cls.methods.get(name) or cls.methods.get(_ANY_METHOD) or Callers()

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Always true for whom the declaration lets in; the view learns as whom.

        :raises core.errors.NotAuthenticated: nobody knocks
        :raises core.errors.PermissionDenied: this caller may not do this
        """
        callers = self.callers(str(request.method))
        view.admission = callers.admit(request.auth, view.kwargs)  # type: ignore[attr-defined]  # ApiView has it
        return True


class LatelyVerified(BasePermission):
    """
    People who have shown their second factor lately, for grave changes; reading asks nobody, and servers have none. Who
    has none is not asked: where everybody must have one, who has none is no staff in the first place.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Always true for whom the factor counts.

        :raises core.errors.StepUpRequired: the second factor was shown too long ago, or never
        """
        is_change = request.method not in SAFE_METHODS
        if is_change and isinstance(request.auth, Person) and not request.auth.is_lately_verified():
            raise StepUpRequired
        return True


def may(*, scopes: tuple[str, ...] = (), permission: str = "", own: Own | None = None) -> type[MayCall]:
    """
    Declare a route's callers: ``permission_classes = [may(scopes=("billing:read",), permission="billing.view_hold")]``.

    :param scopes: servers whose key has at least one of them
    :param permission: staff with a role that has it
    :param own: people, for what is their own
    :raises ValueError: nobody is named
    """
    if not (scopes or permission or own):
        raise ValueError("a declaration of callers names somebody")
    return _declared({_ANY_METHOD: Callers(scopes, permission, own)})


def by_method(**each: type[MayCall]) -> type[MayCall]:
    """
    Declare the callers of each method of a route: ``[by_method(GET=may(...), PATCH=may(...))]``. A method that is left
    out is nobody's.
    """
    return _declared({method: declared.callers(method) for method, declared in each.items()})


def callers_of(view: APIView, method: str) -> Callers | None:
    """Who may call a view's method; None where everybody may."""
    declared = [permission for permission in view.get_permissions() if isinstance(permission, MayCall)]
    return declared[0].callers(method) if declared else None


def _declared(methods: Mapping[str, Callers]) -> type[MayCall]:
    return type("DeclaredCallers", (MayCall,), {"methods": MappingProxyType(dict(methods))})
