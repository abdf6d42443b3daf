"""What can go wrong with the embedded server, in words an operator can act on."""


class ServerError(Exception):
    """The server could not be made, started, stopped or reached; the message says why and what to do."""


class DumpRefused(ServerError):
    """The dump is missing, empty, truncated or of an unknown format; nothing was changed."""
