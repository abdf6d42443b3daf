"""Where webhooks lead: outside, and nowhere else, whatever a URL looks like or a name resolves to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import parse_headers
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.test import override_settings
from django.utils import translation

from billing.gateways import webhooks
from billing.operations import webhook_endpoints
from billing.rules.webhook_addresses import LONGEST_URL, Refused, is_outside, parse
from billing.tests.factories import TESTER
from billing.tests.hooks import REACHABLE, Receiver, receiver
from billing.tests.snapshots import Unmoved
from core.errors import ValidationFailed

PUBLIC: Final = "93.184.216.34"

# However they are written, they lead inside.
INSIDE: Final = (
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104  nobody listens
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001:0:1::1",
    "100::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
)
OUTSIDE: Final = (PUBLIC, "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8")

# Refused before anybody is asked where they lead.
MISSHAPEN: Final = (
    "",
    "shop.example",
    "//shop.example",
    "ftp://shop.example",
    "file:///etc/passwd",
    "gopher://shop.example",
    "javascript:alert(1)",
    "http://shop.example",
    "https://",
    "https:///path",
    "https://user@shop.example",
    "https://user:pass@shop.example",
    "https://shop.example@127.0.0.1",
    "https://shop.example#fragment",
    "https://shop.example:22",
    "https://shop.example:25",
    "https://shop.example:6379",
    "https://shop.example:5432",
    "https://shop.example:0",
    "https://shop.example:99999",
    "https://shop.example:port",
    "https://shop .example",
    "https://shop.example/\r\nX-Injected: 1",
    "https://shop.example\\@127.0.0.1",
    "https://shop.example/\x00",
    "https://[::1",
    "https://[not-an-address]/",
    "https://-shop.example",
    "https://shop..example",
    "https://" + "a" * 300,
    "https://shop.example/" + "a" * LONGEST_URL,
)

# What only a resolver unravels.
NAMES_OF_INSIDE: Final = (
    "localhost",
    "localhost.",
    "LOCALHOST",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "127.1",
    "0177.0.0.1",
)


def strict(url: str) -> Any:
    return parse(url, allow_http=False, allow_private=False)


@pytest.mark.parametrize("address", INSIDE)
def test_the_inside_is_told_from_the_outside(address: str) -> None:
    assert not is_outside(ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_outside_is_let_through(address: str) -> None:
    assert is_outside(ip_address(address))


@pytest.mark.parametrize("url", MISSHAPEN)
def test_what_is_no_address_of_a_web_server_outside_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        strict(url)


@pytest.mark.parametrize("address", [each for each in INSIDE if "%" not in each])
def test_an_address_that_leads_inside_is_refused_as_it_is_typed(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with translation.override("en"), pytest.raises(Refused, match="leads inside"):
        strict(f"https://{host}/hooks")
    allowed = parse(f"https://{host}/hooks", allow_http=False, allow_private=True)
    assert ip_address(allowed.host) == ip_address(address)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://shop.example", "shop.example", 443, "/", "shop.example"),
        ("https://Shop.Example:8443/a?b=c", "shop.example", 8443, "/a?b=c", "shop.example:8443"),
        ("https://магазин.рф/заказ", "xn--80aairftm.xn--p1ai", 443, "/%D0%B7%D0%B0%D0%BA%D0%B0%D0%B7", None),
        ("https://bücher.example/?q=ü", "xn--bcher-kva.example", 443, "/?q=%C3%BC", None),
        (f"https://{PUBLIC}/", PUBLIC, 443, "/", PUBLIC),
        ("https://[2606:2800::1]:443/", "2606:2800::1", 443, "/", "[2606:2800::1]"),
        ("https://shop.example/a%20b", "shop.example", 443, "/a%20b", None),
    ],
)
def test_others_are_read(url: str, host: str, port: int, path: str, authority: str | None) -> None:
    target = strict(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert authority is None or target.authority == authority


class TestEndpoints:
    @pytest.mark.parametrize("url", ["http://shop.example", "https://127.0.0.1/", "https://shop.example:22/", "x"])
    def test_are_not_made_of_others(self, unmoved: Unmoved, url: str) -> None:
        with unmoved(ValidationFailed) as refusal:
            webhook_endpoints.create(url=url, events=["wallet.low"], by=TESTER)
        assert set(refusal.value.fields) == {"url"}

    @pytest.mark.parametrize("events", [[], ["wallet.low", "moon.rises"]])
    def test_are_told_of_what_there_is(self, unmoved: Unmoved, events: list[str]) -> None:
        with unmoved(ValidationFailed) as refusal:
            webhook_endpoints.create(url="https://shop.example", events=events, by=TESTER)
        assert set(refusal.value.fields) == {"events"}


@pytest.fixture
def inside() -> Iterator[Receiver]:
    """A server on this machine that must hear nothing."""
    with receiver() as found:
        yield found


def port_of(there: Receiver) -> int:
    return int(there.url.rsplit(":", 1)[1].partition("/")[0])


def send(url: str) -> webhooks.Answer:
    return webhooks.send(url, body=b"{}", headers={})


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the operating system's resolver answer so, one answer after the other; the names that it was asked for."""
    asked: list[str] = []
    in_store = list(answers)

    def resolve(host: str, service: int, **_options: object) -> list[Any]:
        asked.append(host)
        addresses = in_store.pop(0) if len(in_store) > 1 else in_store[0]
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(family[ip_address(each).version], socket.SOCK_STREAM, 6, "", (each, service)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def connecting(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Let nobody out; the addresses to which a connection was wanted."""
    wanted: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], **_options: object) -> socket.socket:
        wanted.append(address)
        raise ConnectionRefusedError("nobody is let out")

    monkeypatch.setattr(socket, "create_connection", connect)
    return wanted


class TestSending:
    @pytest.mark.parametrize("name", NAMES_OF_INSIDE)
    @override_settings(WEBHOOK_ALLOW_HTTP=True)
    def test_to_a_name_of_the_inside_is_refused_when_connecting(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        wanted = connecting(monkeypatch)
        answer = send(f"http://{name}:8080/hooks")
        assert answer.status is None
        assert "leads inside" in answer.error
        assert wanted == []

    @pytest.mark.parametrize("name", NAMES_OF_INSIDE)
    def test_to_the_same_names_would_get_there(self, inside: Receiver, name: str) -> None:
        """The control: the address is what is refused, and nothing else stands in the way."""
        with REACHABLE:
            assert send(f"http://{name}:{port_of(inside)}/hooks").is_taken
        assert len(inside.received) == 1

    @pytest.mark.parametrize("address", [each for each in INSIDE if "%" not in each])
    def test_to_a_name_that_means_the_inside_is_refused(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        resolving(monkeypatch, [address])
        wanted = connecting(monkeypatch)
        assert "leads inside" in send("https://shop.example/").error
        assert wanted == []

    def test_to_a_name_that_means_both_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolving(monkeypatch, [PUBLIC, "10.0.0.1"])
        wanted = connecting(monkeypatch)
        assert "leads inside" in send("https://shop.example/").error
        assert wanted == []

    def test_goes_to_the_very_address_that_was_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that means the outside when it is looked at, and this machine a moment later."""
        asked = resolving(monkeypatch, [PUBLIC], ["127.0.0.1"])
        wanted = connecting(monkeypatch)
        assert send("https://shop.example/").status is None
        assert asked == ["shop.example"]
        assert wanted == [(PUBLIC, 443)]

    def test_by_name_would_go_where_the_name_leads_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: the same resolver, asked twice."""
        resolving(monkeypatch, [PUBLIC], ["127.0.0.1"])
        assert is_outside(ip_address(socket.getaddrinfo("shop.example", 443)[0][4][0]))
        assert socket.getaddrinfo("shop.example", 443)[0][4][0] == "127.0.0.1"

    def test_tries_the_next_address_where_one_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolving(monkeypatch, ["2606:2800::1", PUBLIC])
        wanted = connecting(monkeypatch)
        assert "ConnectionRefusedError" in send("https://shop.example/").error
        assert wanted == [("2606:2800::1", 443), (PUBLIC, 443)]

    def test_to_a_name_that_nobody_knows_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_asked: object, **_options: object) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        assert "gaierror" in send("https://shop.example/").error

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_no_redirect(self, inside: Receiver, status: int) -> None:
        with REACHABLE, receiver() as there:
            there.location, there.answers = inside.url, [status]
            answer = send(there.url)
        assert (answer.status, answer.is_taken) == (status, False)
        assert len(there.received) == 1
        assert inside.received == []

    def test_without_tls_is_refused_where_it_is_not_allowed(self, inside: Receiver) -> None:
        with override_settings(WEBHOOK_ALLOW_PRIVATE=True):
            assert "https://" in send(inside.url).error
        assert inside.received == []


class TestTls:
    def test_a_receiver_shows_who_it_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with REACHABLE, tls_server(tmp_path, "localhost") as (port, taken):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
            assert send(f"https://localhost:{port}/").status == 204
        assert taken == [b"POST / HTTP/1.1"]

    def test_one_that_cannot_hears_nothing(self, tmp_path: Path) -> None:
        with REACHABLE, tls_server(tmp_path, "localhost") as (port, taken):
            assert "SSLCertVerificationError" in send(f"https://localhost:{port}/").error
        assert taken == []

    def test_one_that_is_somebody_else_hears_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with REACHABLE, tls_server(tmp_path, "other.example") as (port, taken):
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
            assert "SSLCertVerificationError" in send(f"https://localhost:{port}/").error
        assert taken == []


class tls_server:  # noqa: N801  a context manager
    """A server with a certificate that it made itself: its port, and the first lines of what it was sent."""

    def __init__(self, folder: Path, name: str) -> None:
        _write_certificate(folder, name)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        self.taken: list[bytes] = []

    def __enter__(self) -> tuple[int, list[bytes]]:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self.listening.getsockname()[1], self.taken

    def __exit__(self, *_ended: object) -> None:
        self.thread.join(timeout=30)
        self.listening.close()

    def _serve(self) -> None:
        line, _address = self.listening.accept()
        with line:
            try:
                with self.context.wrap_socket(line, server_side=True) as shown, shown.makefile("rb") as said:
                    if first := said.readline():
                        self.taken.append(first.rstrip(b"\r\n"))
                        # To its end: a server that closes with something unread resets the connection, answer and all.
                        said.read(int(parse_headers(said)["Content-Length"]))
                        shown.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except (ssl.SSLError, OSError):
                return


def _write_certificate(folder: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
