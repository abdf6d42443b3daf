"""The broker of files: messages appear whole, go to one reader, and outlive their folder's removal."""

from __future__ import annotations

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty

import pytest
from celery import current_app
from kombu import Connection

from core.jobs.filesystem_broker import Channel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "broker"


@pytest.fixture
def channel(folder: Path) -> Channel:
    return open_channel(folder)


def open_channel(folder: Path) -> Channel:
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    channel = Connection("filesystem://localhost", transport_options=options).channel()
    assert isinstance(channel, Channel), "config.celery puts ours in the place of kombu's"
    return channel


def test_makes_its_folders_for_their_owner_only(channel: Channel, folder: Path) -> None:
    channel._put("celery", {"n": 1})
    _ = channel.control_folder
    for made in (folder, folder / "messages", folder / "control"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_gives_messages_out_in_their_order_and_queue_by_queue(channel: Channel) -> None:
    for number in range(5):
        channel._put("celery", {"n": number})
        channel._put("other", {"n": -number})
    assert [channel._get("celery")["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("other") == {"n": 0}


def test_keeps_what_russian_and_emoji_are(channel: Channel) -> None:
    channel._put("celery", {"text": "Привет 🙂"})
    assert channel._get("celery") == {"text": "Привет 🙂"}


def test_survives_the_removal_of_its_folder(channel: Channel, folder: Path) -> None:
    channel._put("celery", {"n": 1})
    shutil.rmtree(folder)
    with pytest.raises(Empty):
        channel._get("celery")
    shutil.rmtree(folder)
    assert channel._size("celery") == 0
    shutil.rmtree(folder)
    channel._put("celery", {"n": 2})
    assert channel._get("celery") == {"n": 2}


def test_passes_over_a_message_that_is_still_being_written(channel: Channel, folder: Path) -> None:
    """A writer killed between opening and renaming leaves a part that nobody takes for a message."""
    channel._put("celery", {"n": 1})
    (folder / "messages" / "0_x.part").write_text("")
    assert channel._get("celery") == {"n": 1}
    with pytest.raises(Empty):
        channel._get("celery")


def test_leaves_nothing_behind(channel: Channel, folder: Path) -> None:
    channel._put("celery", {"n": 1})
    channel._get("celery")
    assert list((folder / "messages").iterdir()) == []


def test_gives_each_message_to_one_of_many_readers(folder: Path) -> None:
    """Readers begin before the writer ends; none meets half a message."""
    total = 300

    def read() -> list[int]:
        channel = open_channel(folder)
        found: list[int] = []
        while True:
            try:
                number = channel._get("celery")["n"]
            except Empty:
                continue
            if number is None:
                return found
            found.append(number)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        writer = open_channel(folder)
        for number in range(total):
            writer._put("celery", {"n": number})
        for _ in readers:
            writer._put("celery", {"n": None})
        found = [number for reader in readers for number in reader.result(60)]
    assert sorted(found) == list(range(total))


def test_takes_json_only() -> None:
    assert current_app.conf.accept_content == ["json"]
    assert current_app.conf.task_serializer == "json"


def test_acknowledges_late_and_gives_back_what_a_lost_worker_held() -> None:
    assert current_app.conf.task_acks_late
    assert current_app.conf.task_reject_on_worker_lost
