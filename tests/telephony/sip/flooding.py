"""What a stranger's INVITE costs the process that turns it away."""

from __future__ import annotations

import asyncio
import socket
import time

from server.telephony.sip.endpoint import Endpoint
from tests.telephony.sip.making import SDP, request

STRANGER = "127.0.0.2"
_VOLLEYS, _INVITES = 20, 200
_TURNS = 8  # of the loop, in which a volley is read


async def cost_of_a_stranger(endpoint: Endpoint, host: str) -> float:
    """CPU of this process in s for each INVITE, from the socket to the refusal, sending left out. Each is counted."""
    invite, spent, before = request(body=SDP), 0.0, endpoint.admission.turned_away
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((STRANGER, 0))
        for _ in range(_VOLLEYS):
            for _ in range(_INVITES):
                stranger.sendto(invite, (host, endpoint.port("udp")))
            began = time.process_time()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            spent += time.process_time() - began
    turned_away = endpoint.admission.turned_away - before
    assert turned_away == _VOLLEYS * _INVITES
    return spent / turned_away
