from accounts.models.api_key import ApiKey
from accounts.models.company import Company, Membership
from accounts.models.user import User

__all__ = ["ApiKey", "Company", "Membership", "User"]
