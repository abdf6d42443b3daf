"""The one failure that all ways out have."""


class Undelivered(Exception):
    """
    A message did not get through, or nobody knows whether it did.

    :param is_final: whether trying again is in vain
    :param retry_after: seconds for which the other side wants to be left alone
    """

    def __init__(self, why: str, *, is_final: bool = False, retry_after: int = 0) -> None:
        super().__init__(why)
        self.is_final = is_final
        self.retry_after = retry_after
