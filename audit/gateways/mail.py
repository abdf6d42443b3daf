"""E-mail to the operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from audit.gateways.undelivered import Undelivered


@dataclass(frozen=True, slots=True)
class Mailbox:
    """
    :param security: ``starttls``, ``ssl`` or empty
    :param seconds: how long to wait for each answer of the server
    """

    host: str
    port: int
    sender: str
    recipients: Sequence[str]
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = ""
    seconds: float = 15

    def send(self, subject: str, text: str) -> None:
        """
        Send one message to all recipients.

        :raises Undelivered: it did not get through, or nobody knows
        """
        message = EmailMessage(" ".join(subject.split())[:200], text, self.sender, list(self.recipients))
        backend = EmailBackend(
            host=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.security == "starttls",
            use_ssl=self.security == "ssl",
            timeout=self.seconds,
        )
        try:
            backend.send_messages([message])
        except SMTPRecipientsRefused as refusal:
            codes = [code for code, _why in refusal.recipients.values()]
            raise Undelivered(f"The mail server refused the recipients: {codes}", is_final=_are_final(codes)) from None
        except SMTPResponseException as refusal:
            is_final = _are_final([refusal.smtp_code])
            raise Undelivered(f"The mail server answered {refusal.smtp_code}", is_final=is_final) from None
        except (SMTPException, OSError) as failure:
            raise Undelivered(f"The mail server could not be reached: {type(failure).__name__}") from None


def _are_final(codes: Sequence[int]) -> bool:
    return all(500 <= code < 600 for code in codes)
