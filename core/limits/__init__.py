"""
How often something may be done: every limit of the house, in one registry, each counted where it says.

    LOGINS_FROM_AN_ADDRESS = register("auth.login.ip", 100, 900, what=_("logins, right or wrong"), whom=_("address"))
    LOGINS_FROM_AN_ADDRESS.count(subject)

Each app registers its own in its ``limits`` module; ``docs/limits.md`` is written from the registry. A limit is a
bucket of the generic cell rate algorithm (ITU-T I.371), which fills again evenly: whoever runs into it waits, and is
never locked out for good.
"""

from core.limits.outages import Counted, on_outage, on_reached
from core.limits.registry import Bound, Keeping, Limit, WhenDown, bound, bounds, limits, register

__all__ = [
    "Bound",
    "Counted",
    "Keeping",
    "Limit",
    "WhenDown",
    "bound",
    "bounds",
    "limits",
    "on_outage",
    "on_reached",
    "register",
]
