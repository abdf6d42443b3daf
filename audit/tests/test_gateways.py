"""The ways out, against real servers that misbehave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.gateways import head_file
from audit.gateways.mail import Mailbox
from audit.gateways.telegram import LONGEST_TEXT, TelegramChat
from audit.gateways.undelivered import Undelivered
from audit.tests.servers import BotApi, Smtp, bot_api, smtp

TOKEN = "123456:CANARY-token"
# What the ways out wait for an answer: for one that comes as long as a busy machine needs, for one that never does
# not long. The servers keep silent for thirty seconds.
PATIENT, IMPATIENT = 60.0, 0.5


@pytest.fixture
def api() -> Iterator[BotApi]:
    with bot_api() as served:
        yield served


@pytest.fixture
def mail() -> Iterator[Smtp]:
    with smtp() as served:
        yield served


def chat(api: BotApi, seconds: float = PATIENT) -> TelegramChat:
    return TelegramChat(api.base, TOKEN, "-100", connect_seconds=seconds, answer_seconds=seconds)


def mailbox(mail: Smtp, seconds: float = PATIENT) -> Mailbox:
    return Mailbox("127.0.0.1", mail.port, "dvorik@office.example", ["a@office.example"], seconds=seconds)


class TestTelegram:
    def test_sends_plain_text_to_its_chat(self, api: BotApi) -> None:
        chat(api).send("<b>_*Trouble*_</b>")

        ((path, body),) = api.asked
        assert path == f"/bot{TOKEN}/sendMessage"
        assert body == {"chat_id": "-100", "text": "<b>_*Trouble*_</b>", "disable_web_page_preview": True}

    def test_cuts_what_is_too_long(self, api: BotApi) -> None:
        chat(api).send("x" * 10_000)
        assert len(api.texts[0]) == LONGEST_TEXT

    @pytest.mark.parametrize(
        ("fault", "is_final", "retry_after"),
        [
            ("400", True, 0),
            ("401", True, 0),
            ("403", True, 0),
            ("404", True, 0),
            ("409", False, 0),
            ("500", False, 0),
            ("429", False, 35),
            ("html", False, 0),
            ("array", False, 0),
            ("redirect", False, 0),
            ("cut", False, 0),
            ("hang", False, 0),
            ("huge", False, 0),
            ("drip", False, 0),
        ],
    )
    def test_says_whether_another_try_makes_sense(
        self, api: BotApi, fault: str, is_final: bool, retry_after: int
    ) -> None:
        api.faults = [fault]
        begun = time.monotonic()
        with pytest.raises(Undelivered) as failure:
            chat(api, IMPATIENT if fault in {"hang", "drip"} else PATIENT).send("Trouble")

        assert (failure.value.is_final, failure.value.retry_after) == (is_final, retry_after)
        assert time.monotonic() - begun < 20, "not as long as the server keeps silent"
        # Who gave up may have done so before the server came to listen.
        assert api.heard.wait(PATIENT)
        assert len(api.asked) == 1, "redirects are not followed, and nothing is tried twice"

    def test_says_when_nobody_is_there(self, api: BotApi) -> None:
        nowhere = TelegramChat("http://127.0.0.1:9", TOKEN, "-100", connect_seconds=0.5)
        with pytest.raises(Undelivered, match="ConnectionError"):
            nowhere.send("Trouble")

    @pytest.mark.parametrize("fault", ["cut", "hang", "500", "html"])
    def test_never_tells_its_token(self, api: BotApi, fault: str) -> None:
        api.faults = [fault]
        with pytest.raises(Undelivered) as failure:
            chat(api, IMPATIENT if fault == "hang" else PATIENT).send("Trouble")
        assert "CANARY" not in f"{failure.value} {failure.value.__cause__} {chat(api)!r}"
        assert failure.value.__suppress_context__ or failure.value.__context__ is None


class TestMail:
    def test_sends_to_every_recipient_on_one_line_of_subject(self, mail: Smtp) -> None:
        mailbox(mail).send("Trouble\r\nBcc: everybody@office.example", "What\nhappened")

        (message,) = mail.messages
        assert "Subject: Trouble Bcc: everybody@office.example\r\n" in message
        assert "To: a@office.example" in message
        assert message.endswith("What\r\nhappened\r\n")

    @pytest.mark.parametrize(
        ("faults", "is_final"),
        [
            ({"RCPT": "550 no such mailbox"}, True),
            ({"RCPT": "450 later"}, False),
            ({"MAIL": "554 never"}, True),
            ({"MAIL": "421 busy"}, False),
            ({"END": "552 too much"}, True),
            ({"END": "451 later"}, False),
            ({"CONNECT": "hang"}, False),
            ({"CONNECT": "cut"}, False),
            ({"DATA": "cut"}, False),
            ({"RCPT": "hang"}, False),
        ],
        ids=str,
    )
    def test_says_whether_another_try_makes_sense(self, mail: Smtp, faults: dict[str, str], is_final: bool) -> None:
        mail.faults = [faults]
        begun = time.monotonic()
        with pytest.raises(Undelivered) as failure:
            mailbox(mail, IMPATIENT if "hang" in faults.values() else PATIENT).send("Trouble", "What happened")

        assert failure.value.is_final is is_final
        assert time.monotonic() - begun < 20, "not as long as the server keeps silent"

    def test_never_tells_its_password(self) -> None:
        nowhere = Mailbox("127.0.0.1", 9, "a@b.example", ["c@d.example"], user="u", password="CANARY")
        with pytest.raises(Undelivered) as failure:
            nowhere.send("Trouble", "")
        assert "CANARY" not in f"{failure.value} {nowhere!r}"


class TestFile:
    def test_is_added_to(self, tmp_path: Path) -> None:
        head_file.append(str(tmp_path / "heads"), "one")
        head_file.append(str(tmp_path / "heads"), "two")
        assert (tmp_path / "heads").read_text() == "one\ntwo\n"

    def test_that_cannot_be_written_is_tried_again(self, tmp_path: Path) -> None:
        with pytest.raises(Undelivered, match="No such file") as failure:
            head_file.append(str(tmp_path / "missing" / "heads"), "one")
        assert not failure.value.is_final
