"""What people, roles and keys refuse."""

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError


class UserNotFound(DomainError):
    code = "accounts.user_not_found"
    status = 404
    title = _("There is no such user.")


class UserAnonymised(DomainError):
    code = "accounts.user_anonymised"
    title = _("This person was forgotten. Nothing about them can be changed.")


class ReferralCodeUnknown(DomainError):
    code = "accounts.referral_code_unknown"
    status = 400
    title = _("There is no such referral code.")


class LoginTaken(DomainError):
    code = "accounts.login_taken"
    title = _("This login belongs to somebody else.")
    constraints = ("accounts_user_login_key",)


class PasswordTooWeak(DomainError):
    code = "accounts.password_too_weak"
    status = 400
    title = _("The password is too easy to guess.")


class RoleUnknown(DomainError):
    code = "accounts.role_unknown"
    status = 400
    title = _("There is no such role.")


class RoleNotYoursToGive(DomainError):
    code = "accounts.role_not_yours_to_give"
    status = 403
    title = _("Only a superadmin gives roles and takes them away.")


class NotStaff(DomainError):
    code = "accounts.not_staff"
    title = _("Only staff have roles.")


class LastSuperadmin(DomainError):
    code = "accounts.last_superadmin"
    title = _("Nobody would be superadmin any more. Make somebody else one first.")
    constraints = (
        "accounts_user_has_a_superadmin_left",
        "accounts_user_gone_has_a_superadmin_left",
        "accounts_user_groups_has_a_superadmin_left",
        "auth_group_has_a_superadmin_left",
    )


class NotYourself(DomainError):
    code = "accounts.not_yourself"
    title = _("Nobody takes their own rights away, or keeps themselves out. A colleague does.")


class ApiKeyNotFound(DomainError):
    code = "accounts.api_key_not_found"
    status = 404
    title = _("There is no such API key.")


class ApiKeyNotInForce(DomainError):
    code = "accounts.api_key_not_in_force"
    title = _("The API key is revoked or has expired.")


class ApiKeyElsewhere(DomainError):
    code = "accounts.api_key_elsewhere"
    status = 403
    title = _("This API key may not be used from this address.")


class ScopeUnknown(DomainError):
    code = "accounts.scope_unknown"
    status = 400
    title = _("There is no such scope.")


class LoginRefused(DomainError):
    code = "auth.login_refused"
    status = 401
    title = _("The login or the password is wrong.")


class PasswordWrong(DomainError):
    code = "auth.password_wrong"
    status = 403
    title = _("The present password is wrong.")


class OtpRequired(DomainError):
    code = "auth.otp_required"
    status = 401
    title = _("A code of the second factor is needed.")


class OtpWrong(DomainError):
    code = "auth.otp_wrong"
    status = 403
    title = _("The code is wrong, or was used before.")


class EnrolmentRequired(DomainError):
    code = "auth.enrolment_required"
    status = 403
    title = _("Staff need a second factor here. Log in to Admin once, which sets it up.")


class NoSecondFactor(DomainError):
    code = "auth.no_second_factor"
    title = _("There is no second factor. It is set up in Admin, under Security.")


class SecondFactorExists(DomainError):
    code = "accounts.second_factor_exists"
    title = _("A second factor is set up already.")


class SecondFactorNeeded(DomainError):
    code = "accounts.second_factor_needed"
    title = _("Staff need a second factor here, so it cannot be switched off.")


class UserKeptOut(DomainError):
    code = "auth.user_kept_out"
    status = 403
    title = _("This person may not come in.")


class RefreshTokenInvalid(DomainError):
    code = "auth.refresh_token_invalid"
    status = 401
    title = _("The refresh token is not valid. Log in anew.")


class RefreshTokenReused(DomainError):
    code = "auth.refresh_token_reused"
    status = 401
    title = _("The refresh token was used before, so the session has been closed. Log in anew.")


class SessionNotFound(DomainError):
    code = "auth.session_not_found"
    status = 404
    title = _("There is no such session.")


class InitDataInvalid(DomainError):
    code = "auth.init_data_invalid"
    status = 401
    title = _("This is not a Mini App login that Telegram has just signed, or it was used before.")
    constraints = ("accounts_spentinitdata_digest_key",)


class LoginTokenInvalid(DomainError):
    code = "auth.login_token_invalid"
    status = 401
    title = _("The login token is unknown, expired, or another browser's.")


class LoginTokenUsed(DomainError):
    code = "auth.login_token_used"
    title = _("The login token was used before.")


class LoginTokenNotFound(DomainError):
    code = "accounts.login_token_not_found"
    status = 404
    title = _("There is no such login token, or it has expired.")


class LoginTokenConfirmed(DomainError):
    code = "accounts.login_token_confirmed"
    title = _("Somebody else has confirmed this login.")


class TelegramNotConfigured(DomainError):
    code = "auth.telegram_not_configured"
    status = 503
    title = _("Logging in through Telegram is not set up here.")
