"""Our own certificate: made once, kept while it is good, made anew for a new address."""

import ssl
import stat
from pathlib import Path

from server.certificate import own_certificate


def test_it_is_made_once_and_loads(tmp_path: Path) -> None:
    chain, key = own_certificate(tmp_path, ["192.0.2.7"])
    first = chain.read_bytes()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert own_certificate(tmp_path, ["192.0.2.7"]) == (chain, key)
    assert chain.read_bytes() == first


def test_a_new_address_makes_a_new_one(tmp_path: Path) -> None:
    chain, _key = own_certificate(tmp_path, [])
    first = chain.read_bytes()
    own_certificate(tmp_path, ["192.0.2.8", "giaoban.example"])
    assert chain.read_bytes() != first
