"""Which people may do what."""

from __future__ import annotations

from typing import Final

from core.api.permissions import OWN, may

# People in a session of theirs, whoever they are, for what is their own. Servers have none.
IsPerson: Final = may(own=OWN)

# Who hires, dismisses and gives roles. No server: whoever stole a key must not be able to make himself a colleague.
ManagesStaff: Final = may(permission="accounts.manage_staff")
