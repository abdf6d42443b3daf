"""What can go wrong with the embedded server, in words an operator can act on."""

from collections.abc import Callable


def marked(text: str) -> str:
    """Mark a text for the catalogue of translations, which nothing here reads; modules call it ``_``."""
    return text


class ServerError(Exception):
    """
    The server could not be made, started, stopped or reached; the message says why and what to do.

    :param text: marked for translation, with places for ``values``
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.values = values

    def said(self, translate: Callable[[str], str]) -> str:
        """The message in another language than English, which ``str()`` gives."""
        text = translate(self.text)
        return text % self.values if self.values else text

    def __str__(self) -> str:
        return self.said(marked)


class DumpRefused(ServerError):
    """The dump is missing, empty, truncated or of an unknown format; nothing was changed."""
