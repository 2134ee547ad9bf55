"""What holds for every test: no network, and property tests that give the same answer on every machine."""

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from models.tagger import Tagger

# A test that would ask a model hub fails at once, with a clear message, before it opens a connection.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# A shell that starts the tests in the background has its children ignore Ctrl-C; those that test it must not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples are drawn from a fixed seed and may take as long as a busy machine needs.
settings.register_profile("huiyin", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("huiyin")


class NetworkUsed(Exception):
    """A test tried to leave the machine."""


def _stays_here(address: object) -> bool:
    if not isinstance(address, tuple):  # a Unix socket
        return True
    host = str(address[0])
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuses every connection that leaves the machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if not _stays_here(address):
            raise NetworkUsed(f"a test connects to {address!r}; tests must work without a network")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with seeded weights, made by the real export and calibration; not to be written to."""
    from tests import small_model

    return small_model.small_bundle(tmp_path_factory.mktemp("small")).folder


@pytest.fixture(scope="session")
def small_tagger(small_bundle: Path) -> Tagger:
    """The tagger of `small_bundle`."""
    return Tagger.load(small_bundle, threads=1)


@pytest.fixture(scope="session")
def word_tagger(tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """The tagger of a bundle whose weights are set by hand: see `tests.small_model.WORDS`."""
    from tests import small_model

    return Tagger.load(small_model.word_bundle(tmp_path_factory.mktemp("words")).folder, threads=1)
