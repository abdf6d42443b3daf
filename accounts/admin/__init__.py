"""
Admin of people, companies, keys and roles, a file for each noun. Django looks for pages here; each file registers its
own.
"""

from accounts.admin import api_keys, companies, roles, security, users, wording

__all__ = ["api_keys", "companies", "roles", "security", "users", "wording"]
