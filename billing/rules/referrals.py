"""What a referral earns (docs/adr/0022)."""


def reward(*, tokens: int, amount: int, list_price: int, percent: int) -> int:
    """
    A percentage of what the net payment bought in tokens, rounded down: of the tokens sold, without bonus ones, the
    share that was paid for after all discounts.

    :param tokens: what the invoice sold
    :param amount: what it asked for after discounts, in minor units
    :param list_price: what it asked for before them, in the same
    :param percent: of what was paid for
    """
    return tokens * amount * percent // (list_price * 100)
