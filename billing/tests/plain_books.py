"""
The books once more, in plain Python: what wallets, holds, invoices and codes must be after each deed.

Written from the rules, not from the code: no table, no SQL, nothing of ``billing.rules``. Time is in whole seconds
since the story began. Everything that is due is settled before each deed, as if a sweeper ran without a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class Refused(Exception):  # it names the fact
    """The deed is refused with this code, and nothing moves."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class PlainLot:
    given: int
    left: int
    expires: float
    taken_back: int = 0


@dataclass
class PlainHold:
    tokens: int
    expires: int
    state: str = "open"


@dataclass
class PlainWallet:
    """Lots stand in the order in which they came."""

    lots: list[PlainLot] = field(default_factory=list)
    holds: list[PlainHold] = field(default_factory=list)
    used_keys: dict[str, int] = field(default_factory=dict)
    is_frozen: bool = False

    @property
    def balance(self) -> int:
        return sum(lot.left for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(hold.tokens for hold in self.holds if hold.state == "open")

    @property
    def available(self) -> int:
        return self.balance - self.held

    @property
    def in_spending_order(self) -> list[PlainLot]:
        """What is left, soonest expiry first; among equals the oldest, since sorting is stable."""
        return sorted((lot for lot in self.lots if lot.left), key=lambda lot: lot.expires)

    def settle(self, now: int) -> None:
        """Close the holds that ran out; then let expire what is due and no hold needs."""
        for hold in self.holds:
            if hold.state == "open" and hold.expires <= now:
                hold.state = "expired"
        needed = self.held
        for lot in self.in_spending_order:
            if lot.expires <= now:
                kept = min(lot.left, needed)
                lot.left, needed = kept, needed - kept

    def credit(self, tokens: int, expires: float) -> PlainLot:
        lot = PlainLot(tokens, tokens, expires)
        self.lots.append(lot)
        return lot

    def charge(self, tokens: int, key: str) -> None:
        if key in self.used_keys:
            if self.used_keys[key] != tokens:
                raise Refused("billing.idempotency_mismatch")
            return
        self._refuse_unpayable(tokens)
        self.used_keys[key] = tokens
        self._spend(tokens)

    def hold(self, tokens: int, expires: int) -> PlainHold:
        self._refuse_unpayable(tokens)
        hold = PlainHold(tokens, expires)
        self.holds.append(hold)
        return hold

    def capture(self, hold: PlainHold, tokens: int) -> None:
        if tokens > hold.tokens:
            raise Refused("billing.capture_exceeds_hold")
        if hold.state != "open":
            raise Refused("billing.hold_closed")
        hold.state = "captured"
        self._spend(tokens)

    def release(self, hold: PlainHold) -> None:
        if hold.state == "released":
            return
        if hold.state != "open":
            raise Refused("billing.hold_closed")
        hold.state = "released"

    def take_back(self, lot: PlainLot, tokens: int) -> int:
        """:returns: how many could be taken"""
        if tokens > lot.given - lot.taken_back:
            raise Refused("billing.reversal_exceeds_lot")
        taken = min(tokens, lot.left, self.available)
        lot.left -= taken
        lot.taken_back += taken
        return taken

    def _refuse_unpayable(self, tokens: int) -> None:
        if self.is_frozen:
            raise Refused("billing.wallet_frozen")
        if tokens > self.available:
            raise Refused("billing.insufficient_tokens")

    def _spend(self, tokens: int) -> None:
        for lot in self.in_spending_order:
            taken = min(lot.left, tokens)
            lot.left -= taken
            tokens -= taken
        assert not tokens, "the model itself overspends"


@dataclass
class PlainCode:
    """``off`` in percent; ``bonus`` in tokens."""

    most: int
    most_per_wallet: int
    off: int = 0
    bonus: int = 0
    uses: list[PlainInvoice] = field(default_factory=list)


@dataclass
class PlainInvoice:
    wallet: PlainWallet
    amount: int
    bonus: int
    expires: int
    code: PlainCode | None
    status: str = "pending"
    provider_ids: dict[str, int] = field(default_factory=dict)

    def close(self, status: str) -> None:
        self.status = status
        if self.code is not None:
            self.code.uses.remove(self)

    def cancel(self) -> None:
        if self.status == "cancelled":
            return
        if self.status != "pending":
            raise Refused("billing.invoice_not_pending")
        self.close("cancelled")


@dataclass(frozen=True)
class PlainTariff:
    price: int
    tokens: int
    validity: float

    def invoice(self, wallet: PlainWallet, code: PlainCode | None, *, now: int, lifetime: int) -> PlainInvoice:
        amount, bonus = self.price, 0
        if code is not None:
            if len(code.uses) >= code.most:
                raise Refused("billing.promo_code_exhausted")
            if sum(use.wallet is wallet for use in code.uses) >= code.most_per_wallet:
                raise Refused("billing.promo_code_already_used")
            # Half a kopeck goes up.
            amount -= (self.price * code.off * 2 + 100) // 200
            bonus = code.bonus
        invoice = PlainInvoice(wallet, amount, bonus, now + lifetime, code)
        if code is not None:
            code.uses.append(invoice)
        if not amount:
            self._settle(invoice, now)
        return invoice

    def pay(self, invoice: PlainInvoice, provider_id: str, amount: int, *, now: int) -> str:
        """:returns: what the payment did"""
        if provider_id in invoice.provider_ids:
            if invoice.provider_ids[provider_id] != amount:
                raise Refused("billing.idempotency_mismatch")
            return "replayed"
        invoice.provider_ids[provider_id] = amount
        if invoice.status not in ("pending", "expired"):
            return "surplus"
        if amount != invoice.amount:
            return "mismatch"
        self._settle(invoice, now)
        return "credited"

    def _settle(self, invoice: PlainInvoice, now: int) -> None:
        invoice.status = "paid"
        for tokens in (self.tokens, invoice.bonus):
            if tokens:
                invoice.wallet.credit(tokens, now + self.validity)
