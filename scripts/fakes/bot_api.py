"""
A made-up Bot API under ``/telegram``: ``/bot{token}/{method}`` as the real one has it, the page behind an invoice's
link, and ``POST /_deeds`` for what people and Telegram do by themselves.

``POST /telegram/_deeds`` takes ``{"deed": …}``: ``pay`` (``invoice``, ``user``, and what
:meth:`~scripts.fakes.bot_api_world.World.pay` may change), ``renew``, ``refund`` and ``chargeback`` (``charge_id``),
``cancel``, ``resume`` and ``fail`` (the ``charge_id`` that began a subscription), ``tell`` (``update``), ``block`` and
``unblock`` (``user``). ``bot`` names the token where there are several.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from scripts.fakes.bot_api_checks import METHODS, BadRequestError, check_invoice, check_text, parameters
from scripts.fakes.bot_api_pages import invoice_page, outcome_page
from scripts.fakes.bot_api_world import Charge, Invoice, Paid, Payer, World
from scripts.fakes.faults import Fault
from scripts.fakes.server import Answer, Request, Route, Service

_TOKEN: Final = re.compile(r"\d{3,15}:[\w-]{5,}")
_WORDS: Final[Mapping[int, str]] = {
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    429: "Too Many Requests: retry after {0.retry_after}",
    500: "Internal Server Error",
}
Said = Mapping[str, Any]


class BotApi(Service):
    """Every token of the right shape is a bot of its own."""

    name = "telegram"

    def __init__(self) -> None:
        self._worlds: dict[str, World] = {}
        self._lock = Lock()
        self._last_payer = ""
        self._methods: dict[str, Callable[[World, Request, Said], Any]] = {
            "getMe": lambda world, _request, _said: {
                "id": world.bot_id,
                "is_bot": True,
                "first_name": "Dvorik",
                "username": "dvorik_dummy_bot",
            },
            "getChat": self._get_chat,
            "sendMessage": self._send_message,
            "createInvoiceLink": self._create_invoice_link,
            "answerPreCheckoutQuery": self._answer_pre_checkout,
            "refundStarPayment": self._refund,
            "editUserStarSubscription": self._edit_subscription,
            "getStarTransactions": self._star_transactions,
            "getMyStarBalance": self._star_balance,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getUpdates": self._get_updates,
        }

    def routes(self) -> Sequence[Route]:
        bot = r"/bot(?P<token>[^/]+)/(?P<method>\w+)"
        page = r"/invoice/(?P<slug>[\w-]+)"
        return [
            Route("POST", bot, self._call),
            Route("GET", bot, self._call),
            Route("GET", r"/file/bot[^/]+/(?P<path>.+)", self._file),
            Route("GET", page, self._page),
            Route("POST", f"{page}/pay", self._pay),
            Route("POST", f"{page}/decline", self._decline),
            Route("POST", "/_deeds", self._deed),
        ]

    def refusal(self, fault: Fault) -> Answer:
        says = fault.says or _WORDS.get(fault.status, "Bad Request: made up").format(fault)
        body: dict[str, Any] = {"ok": False, "error_code": fault.status, "description": says}
        parameters = {"retry_after": fault.retry_after, "migrate_to_chat_id": fault.moved_to}
        if told := {name: value for name, value in parameters.items() if value}:
            body["parameters"] = told
        return Answer.json(body, status=fault.status)

    def reset(self) -> None:
        with self._lock:
            worlds, self._worlds = self._worlds, {}
        for world in worlds.values():
            world.close()

    def close(self) -> None:
        self.reset()

    def connect(self, token: str, *, url: str, secret: str) -> None:
        """Have a bot's updates sent to an address, as ``setWebhook`` does."""
        world = self.world(token)
        with world.turn:
            world.webhook = {"url": url, "secret_token": secret}

    def world(self, token: str) -> World:
        """What a bot sees of Telegram."""
        with self._lock:
            return self._worlds.setdefault(token, World(token))

    def _call(self, request: Request, *, token: str, method: str) -> Answer:
        if not _TOKEN.fullmatch(token):
            return self.refusal(Fault("status", status=401))
        name = next((each for each in METHODS if each.lower() == method.lower()), "")
        if not name:
            return self.refusal(Fault("status", status=404))
        try:
            result = self._methods[name](self.world(token), request, parameters(request, METHODS[name]))
        except BadRequestError as refusal:
            return self.refusal(Fault("status", status=refusal.status, says=refusal.says))
        return Answer.json({"ok": True, "result": result})

    def _file(self, _request: Request, *, path: str) -> Answer:
        return Answer(f"made up: {path}".encode(), content_type="application/octet-stream")

    # Methods.

    def _get_chat(self, world: World, _request: Request, said: Said) -> Any:
        if said["chat_id"] in world.blocked:
            raise BadRequestError("chat not found")
        return {"id": said["chat_id"], "type": "private", "first_name": "Anna", "accent_color_id": 0}

    def _send_message(self, world: World, _request: Request, said: Said) -> Any:
        check_text(said["text"], said.get("parse_mode", ""))
        if said["chat_id"] in world.blocked:
            raise BadRequestError("Forbidden: bot was blocked by the user", status=403)
        if said["chat_id"] == 0:
            raise BadRequestError("chat not found")
        message = world.message(Payer(said["chat_id"] if isinstance(said["chat_id"], int) else 1), text=said["text"])
        return {**message, "from": {"id": world.bot_id, "is_bot": True, "first_name": "Dvorik"}}

    def _create_invoice_link(self, world: World, request: Request, said: Said) -> Any:
        total = check_invoice(said)
        invoice = Invoice(
            slug=secrets.token_urlsafe(12),
            title=said["title"],
            description=said["description"],
            payload=said["payload"],
            currency=said["currency"],
            total=total,
            period=said.get("subscription_period"),
        )
        world.add(invoice)
        return f"{request.host}/{self.name}/invoice/{invoice.slug}"

    def _answer_pre_checkout(self, world: World, _request: Request, said: Said) -> Any:
        if not said["ok"] and not said.get("error_message"):
            raise BadRequestError("error_message must be non-empty")
        world.answer(said["pre_checkout_query_id"], ok=said["ok"], says=said.get("error_message", ""))
        return True

    def _refund(self, world: World, _request: Request, said: Said) -> Any:
        world.give_back(self._charge_of(world, said))
        return True

    def _edit_subscription(self, world: World, _request: Request, said: Said) -> Any:
        charge = self._charge_of(world, said)
        if charge.expires is None:
            raise BadRequestError("SUBSCRIPTION_NOT_FOUND")
        charge.is_cancelled = said["is_canceled"]
        return True

    def _charge_of(self, world: World, said: Said) -> Charge:
        charge = world.charge(said["telegram_payment_charge_id"])
        if charge.payer.id != said["user_id"] or charge.currency != "XTR":
            raise BadRequestError("CHARGE_NOT_FOUND")
        return charge

    def _star_transactions(self, world: World, _request: Request, said: Said) -> Any:
        offset, limit = said.get("offset", 0), said.get("limit", 100)
        if offset < 0 or not 1 <= limit <= 100:
            raise BadRequestError("limit must be 1 to 100")
        with world.turn:
            return {"transactions": world.transactions[offset : offset + limit]}

    def _star_balance(self, world: World, _request: Request, _said: Said) -> Any:
        with world.turn:
            return {"amount": sum(-t["amount"] if "receiver" in t else t["amount"] for t in world.transactions)}

    def _set_webhook(self, world: World, _request: Request, said: Said) -> Any:
        secret = said.get("secret_token", "")
        if secret and not re.fullmatch(r"[\w-]+", secret, re.ASCII):
            raise BadRequestError("secret token contains unallowed characters")
        with world.turn:
            world.webhook = dict(said) if said["url"] else {}
            waiting = list(world.waiting)
            world.waiting.clear()
        for update in [] if said.get("drop_pending_updates") else waiting:
            world.tell(update)
        return True

    def _delete_webhook(self, world: World, _request: Request, said: Said) -> Any:
        with world.turn:
            world.webhook = {}
            if said.get("drop_pending_updates"):
                world.waiting.clear()
        return True

    def _webhook_info(self, world: World, _request: Request, _said: Said) -> Any:
        with world.turn:
            info = {"url": world.webhook.get("url", ""), "has_custom_certificate": False}
            if allowed := world.webhook.get("allowed_updates"):
                info["allowed_updates"] = allowed
            return {**info, "pending_update_count": len(world.waiting) + world.courier.waiting}

    def _get_updates(self, world: World, _request: Request, said: Said) -> Any:
        if world.webhook:
            says = "Conflict: can't use getUpdates method while webhook is active"
            raise BadRequestError(says, status=409)
        with world.turn:
            while world.waiting and world.waiting[0]["update_id"] < said.get("offset", 0):
                world.waiting.popleft()
            world.turn.wait_for(lambda: world.waiting, min(said.get("timeout", 0), 50))
            return list(world.waiting)[: said.get("limit", 100)]

    # People.

    def _page(self, request: Request, *, slug: str) -> Answer:
        _world, invoice = self._invoice(slug)
        return invoice_page(invoice, payer=request.query.get("as", self._last_payer)) if invoice else _gone()

    def _pay(self, request: Request, *, slug: str) -> Answer:
        world, invoice = self._invoice(slug)
        said = request.form().get("user", "")
        if world is None or invoice is None or not re.fullmatch(r"[0-9]{1,18}", said):
            return _gone()
        self._last_payer = said
        return outcome_page(invoice, world.pay(invoice, Payer(int(said)), {}))

    def _decline(self, _request: Request, *, slug: str) -> Answer:
        _world, invoice = self._invoice(slug)
        return outcome_page(invoice, Paid("none")) if invoice else _gone()

    def _invoice(self, slug: str) -> tuple[World | None, Invoice | None]:
        with self._lock:
            worlds = list(self._worlds.values())
        return next(((world, world.invoices[slug]) for world in worlds if slug in world.invoices), (None, None))

    def _deed(self, request: Request) -> Answer:
        try:
            return Answer.json(self._done(dict(request.json())))
        except BadRequestError as refusal:
            return Answer.json({"error": refusal.says}, status=400)
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            return Answer.json({"error": f"{type(error).__name__}: {error}"}, status=400)

    def _done(self, said: Said) -> object:
        token = said.get("bot") or next(iter(self._worlds))
        world = self.world(str(token))
        match said["deed"]:
            case "pay":
                payer = Payer(int(said["user"]), language_code=str(said.get("language_code", "en")))
                return world.pay(world.find(str(said["invoice"])), payer, said).as_json()
            case "renew":
                return world.renew(world.charge(str(said["charge_id"])), said).as_json()
            case "refund" | "chargeback" as deed:
                world.give_back(world.charge(str(said["charge_id"])), is_told=deed == "refund")
                return {"ok": True}
            case "cancel" | "resume" | "fail" as deed:
                state = {"cancel": "canceled", "resume": "active", "fail": "failed"}[deed]
                return {"update_id": world.turn_subscription(world.charge(str(said["charge_id"])), state, said)}
            case "tell":
                return {"update_id": world.tell(said["update"], times=int(said.get("times", 1)))}
            case "block" | "unblock" as deed:
                (world.blocked.add if deed == "block" else world.blocked.discard)(int(said["user"]))
                return {"ok": True}
        raise ValueError(f"{said['deed']!r} is no deed")


def _gone() -> Answer:
    return Answer.page("<!DOCTYPE html><title>Not found</title><h1>There is no such invoice.</h1>", status=404)
