"""What all made-up services share: routes, faults on demand, the log of calls, and a courier that does not give up."""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import pytest
import requests

from scripts.fakes.courier import Courier, Parcel
from scripts.fakes.server import Answer, House, Request, Route, Service, running


class Till(Service):
    """Counts what it takes."""

    name = "till"

    def __init__(self) -> None:
        self.taken = 0
        self._lock = Lock()

    def routes(self) -> Sequence[Route]:
        return [Route("POST", r"/take/(?P<amount>\d+)", self.take)]

    def take(self, request: Request, *, amount: str) -> Answer:
        with self._lock:
            self.taken += int(amount)
        return Answer.json({"taken": self.taken, "fault": request.fault.kind if request.fault else None})

    def reset(self) -> None:
        self.taken = 0


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def house(till: Till) -> Iterator[House]:
    with running(till) as house:
        yield house


def take(house: House, amount: int = 5, *, timeout: float = 10) -> requests.Response:
    return requests.post(f"{house.address}/till/take/{amount}", json={"for": "tea"}, timeout=timeout)


def script(house: House, match: str = "take", times: int = 1, **fault: Any) -> None:
    said = {"match": match, "times": times, "fault": fault}
    requests.post(f"{house.address}/_script", json=said, timeout=10).raise_for_status()


def test_answers_and_remembers_what_was_asked(house: House) -> None:
    assert take(house).json() == {"taken": 5, "fault": None}
    (call,) = requests.get(f"{house.address}/_calls", timeout=10).json()
    assert (call["method"], call["path"], call["body"], call["status"]) == (
        "POST",
        "/till/take/5",
        {"for": "tea"},
        200,
    )


@pytest.mark.parametrize("path", ["/till/nothing", "/nobody/take/5", "/"])
def test_knows_nothing_else(house: House, path: str) -> None:
    assert requests.post(house.address + path, timeout=10).status_code == 404


def test_answers_with_errors_as_often_as_it_was_told(house: House, till: Till) -> None:
    script(house, times=2, kind="status", status=503)
    assert [take(house).status_code for _ in range(3)] == [503, 503, 200]
    assert till.taken == 5


@pytest.mark.parametrize(("performed", "taken"), [(True, 5), (False, 0)])
@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "hang", "seconds": 0.05}, {"kind": "truncate"}])
def test_breaks_off_before_or_after_it_did_as_asked(
    house: House, till: Till, fault: dict[str, Any], performed: bool, taken: int
) -> None:
    script(house, **fault, performed=performed)
    with pytest.raises(requests.RequestException):
        take(house)
    assert till.taken == taken


def test_answers_with_a_page_and_with_megabytes(house: House) -> None:
    script(house, kind="html", status=502)
    assert take(house).text.startswith("<!DOCTYPE html>")
    script(house, kind="huge")
    assert len(take(house).content) > 1_000_000


def test_leaves_some_faults_to_the_service(house: House) -> None:
    script(house, kind="wrong_amount", by=3)
    assert take(house).json()["fault"] == "wrong_amount"


def test_matches_by_method_and_path(house: House) -> None:
    script(house, match="^POST /till/take/7$", kind="status", status=500)
    assert [take(house, amount).status_code for amount in (5, 7)] == [200, 500]


@pytest.mark.parametrize(
    "said",
    [[{"fault": {"kind": "unheard"}}], {}, {"fault": {"kind": "drop", "colour": 1}}, {"match": "(", "fault": {}}, 5],
)
def test_refuses_a_script_that_says_nothing(house: House, said: object) -> None:
    assert requests.post(f"{house.address}/_script", json=said, timeout=10).status_code == 400


def test_forgets_everything(house: House, till: Till) -> None:
    take(house)
    script(house, kind="drop")
    requests.post(f"{house.address}/_reset", timeout=10)
    assert house.calls() == []
    assert till.taken == 0
    assert take(house).status_code == 200


def test_a_courier_carries_in_order_until_heard(house: House) -> None:
    courier = Courier()
    script(house, match="take/1", times=2, kind="status", status=500)
    for amount, times in ((1, 1), (2, 2)):
        courier.send(Parcel(f"{house.address}/till/take/{amount}", b"{}", {"X-Secret": "s"}, times))
    assert courier.wait_until_idle()
    courier.close()
    assert [call.path[-1] for call in house.calls()] == ["1", "1", "1", "2", "2"]
    assert all(call.headers["x-secret"] == "s" for call in house.calls())


def test_a_courier_that_is_closed_gives_up(house: House) -> None:
    courier = Courier()
    courier.send(Parcel("http://127.0.0.1:1/nobody", b"{}", {}))
    courier.close()
    assert not courier.wait_until_idle(0)
