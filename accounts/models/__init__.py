from accounts.models.api_key import ApiKey
from accounts.models.company import Company, Membership
from accounts.models.init_data import SpentInitData
from accounts.models.login_token import LoginToken
from accounts.models.second_factor import BackupCode, SecondFactor
from accounts.models.session import RefreshToken, Session
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "BackupCode",
    "Company",
    "LoginToken",
    "Membership",
    "RefreshToken",
    "SecondFactor",
    "Session",
    "SpentInitData",
    "User",
]
