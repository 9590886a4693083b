"""Where the nodes live."""

from __future__ import annotations

from pathlib import Path

import msgspec

from server.config import Media, Settings
from server.meetings.places import place, surplus


def test_the_first_node_has_the_names_of_the_settings_and_each_further_one_its_own(tmp_path: Path) -> None:
    media = Media(nodes=3, udp_port=40_000, socket=str(tmp_path / "media.sock"), addresses=["192.0.2.7"])
    settings = Settings(media=media)
    first, third = place(settings, 1), place(settings, 3)
    assert (first.socket, first.udp_port, first.log_file.name) == (tmp_path / "media.sock", 40_000, "media.log")
    assert (third.socket, third.udp_port, third.log_file.name) == (tmp_path / "media-3.sock", 40_002, "media-3.log")
    assert third.addresses == ("192.0.2.7",)
    any_port = msgspec.structs.replace(settings, media=msgspec.structs.replace(media, udp_port=0))
    assert place(any_port, 3).udp_port == 0


def test_sockets_above_the_number_of_nodes_are_surplus(tmp_path: Path) -> None:
    for name in ("media.sock", "media-2.sock", "media-3.sock", "media-12.sock", "media-x.sock", "other-4.sock"):
        (tmp_path / name).touch()
    settings = Settings(media=Media(nodes=2, socket=str(tmp_path / "media.sock")))
    assert surplus(settings) == [3, 12]
