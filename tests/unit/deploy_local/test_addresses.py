import os
import socket

import pytest

from deploy.local.addresses import Address, AddressBook, claim, free_address, holder_of, is_taken
from deploy.local.errors import AddressTaken


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Address("127.0.0.1", server.getsockname()[1])


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:0", "localhost:65535"])
def test_an_address_is_printed_as_it_was_written(text):
    assert str(Address.parse(text)) == text


def test_a_bare_port_means_loopback():
    assert Address.parse(":9000") == Address("127.0.0.1", 9000)


@pytest.mark.parametrize("text", ["", "8080", "host:", "host:port", "host:65536", "host:-1", "host:٣"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        Address.parse(text)


def test_a_taken_port_is_refused_and_names_port_holder_and_variable(listener):
    with pytest.raises(AddressTaken) as refusal:
        claim(listener, "HEIMDEX_HTTP_ADDR")

    assert f"port {listener.port}" in str(refusal.value)
    assert f"(pid {os.getpid()})" in str(refusal.value)
    assert "HEIMDEX_HTTP_ADDR" in str(refusal.value)
    assert is_taken(listener)


def test_a_free_port_has_no_holder():
    address = free_address()

    assert holder_of(address.port) is None
    assert not is_taken(address)
    assert claim(address, "X") == address


def test_port_zero_is_settled_by_the_operating_system():
    assert claim(Address("127.0.0.1", 0), "X").port > 0


def test_a_chosen_port_that_was_lost_is_chosen_again_and_a_wanted_one_is_not(listener):
    book = AddressBook()
    book.claim("wanted", free_address(), "X")
    book.claim("chosen", None, "X")
    wanted, kept = book["wanted"], book["chosen"]

    assert not book.replace_lost("wanted", "chosen")
    with socket.create_server((wanted.host, wanted.port)), socket.create_server((kept.host, kept.port)):
        assert book.replace_lost("wanted", "chosen")
    assert book["wanted"] == wanted
    assert book["chosen"] != kept


def test_no_two_entries_share_a_port():
    book = AddressBook()
    for number in range(200):
        book.claim(str(number), None, "")

    assert len({address for _, address in book.items()}) == 200


def test_a_wildcard_is_reached_on_loopback():
    assert Address("0.0.0.0", 80).reachable == Address("127.0.0.1", 80)  # noqa: S104
