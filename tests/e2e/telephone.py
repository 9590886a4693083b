"""A telephone for browser tests: SIP and RTP on sockets of its own, in a thread, with keys by RFC 4733 and a tone."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from playwright.sync_api import Page

from server.accounts import service as accounts
from server.accounts.tokens import load_key
from server.calls import numbers, pins
from server.media.phone.codecs import codec
from server.media.phone.events import press
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp
from server.store import Store
from server.telephony import agreement, sdp
from server.telephony.agreement import Ours
from server.telephony.sip.call import Call, CallState
from tests.calls.making import Handsets
from tests.e2e.harness import App
from tests.sounds import tones_of

HOST = "127.0.0.1"
_KEY_PACKETS = 4
_TICK = 0.02  # s


def give_pin(app: App, username: str, number: str) -> str:
    """A person gets a number and a PIN, which is given."""
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    who = store.read_now(accounts.principal_of, username)
    store.write_now(numbers.give, who.account_id, number)
    made = store.write_now(pins.make, load_key(app.folder / "data" / "secret.key"), who, [who.account_id])
    store.close()
    return made[0].pin


def seat(page: Page) -> dict[str, Any] | None:
    """The telephone in the roster, the last that came of those that are there."""
    found: dict[str, Any] | None = page.evaluate(
        """() => {
          const people = [...document.querySelector('[data-room]').room.state.people.values()];
          const phones = people.filter((one) => one.phone);
          return phones.findLast((one) => one.present) ?? phones.at(-1) ?? null;
        }"""
    )
    return found


class Telephone(Handsets):
    """`say` is the tone in Hz that it makes, or several at once, 0 for silence. With `sounds_keys` it sends the tones
    of a key, too, just before and while it tells of it, as some telephones do. One of `loses` packets does not come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.say: float | tuple[float, ...] = 0.0
        self.sounds_keys = False
        self.loses = 0
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((HOST, 0))
        self.rtp.setblocking(False)
        self._sdp = agreement.offer(Ours.new(HOST, self.rtp.getsockname()[1], [agreement.PCMA]))
        self.answers = lambda call, now: call.answer(self._answer(call.offer), now)
        self._codec = codec("PCMA")
        self._to: tuple[str, int] | None = None
        self._events = 101
        self._pressed: list[str] = []
        self._sequence = 0
        self._lock = threading.Lock()
        self._heard: list[np.ndarray] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._do(self._start())

    # ---- for tests, in their own thread

    def dial(self, port: int, number: str = "0901234567") -> Call:
        """Call the server, and wait until it has answered."""

        async def make() -> Call:
            return self.call(port, number, self._sdp)

        call = self._do(make())
        self.wait(lambda: call.state in (CallState.UP, CallState.ENDED))
        assert call.state is CallState.UP, self.endings
        return call

    def press(self, keys: str) -> None:
        """Press keys, each for a tenth of a second."""
        self._pressed += keys
        self.wait(lambda: not self._pressed)

    def hang_up(self, call: Call) -> None:
        """Say goodbye."""

        async def end() -> None:
            call.hang_up(self.endpoint.now)

        self._do(end())

    def listen(self, seconds: float) -> np.ndarray:
        """What is heard from now on for so long."""
        with self._lock:
            self._heard.clear()
        time.sleep(seconds)
        with self._lock:
            return np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)

    def wait(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Until it is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the telephone waits in vain"
            time.sleep(0.02)

    def close(self) -> None:
        """Put it away."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self.rtp.close()

    # ---- in its thread

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def _run(self) -> None:
        self._loop.run_forever()

    async def _start(self) -> None:
        self.endpoint.start()
        self._loop.add_reader(self.rtp.fileno(), self._read)
        self._ticker = self._loop.create_task(self._tick())

    async def _stop(self) -> None:
        self._ticker.cancel()
        self._loop.remove_reader(self.rtp.fileno())
        await self.endpoint.close()

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        super().on_up(call, description, now)
        if description:
            self._agreed(description)

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        return self._answer(description)

    def _answer(self, offer: bytes) -> bytes:
        sound, body = agreement.answer(sdp.read(offer), Ours.new(HOST, self.rtp.getsockname()[1], [agreement.PCMA]))
        self._to, self._events = (sound.host, sound.port), sound.events or 101
        return body

    def _agreed(self, description: bytes) -> None:
        sound = agreement.accept(sdp.read(description), Ours.new(HOST, 1, [agreement.PCMA]))
        self._to, self._events = (sound.host, sound.port), sound.events or 101

    def _read(self) -> None:
        while True:
            try:
                data = self.rtp.recv(2_048)
            except BlockingIOError:
                return
            if is_rtcp(data):
                continue
            packet = RtpPacket.parse(data)
            samples = self._codec.decode(packet.payload)
            if samples is not None:
                with self._lock:
                    self._heard.append(samples)

    async def _tick(self) -> None:
        number, held, due = 0, 0, self._loop.time()
        while True:
            due += _TICK
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            number += 1
            if self._to is None:
                continue
            if self._pressed and held < _KEY_PACKETS + 3:
                if held < _KEY_PACKETS:
                    if self.sounds_keys:
                        self._send_sound(number, tones_of(self._pressed[0]))
                    self._send_key(self._pressed[0], number, held)
                held += 1
            elif self._pressed:
                self._pressed.pop(0)
                held = 0
            else:
                self._send_sound(number, self.say)

    def _send_key(self, key: str, number: int, held: int) -> None:
        last = held == _KEY_PACKETS - 1
        self._send(self._events, press(key, 160 * (held + 1), last), (number - held) * 160, first=held == 0)

    def _send_sound(self, number: int, hertz: float | tuple[float, ...]) -> None:
        at = np.arange(number * 160, number * 160 + 160) / 8_000
        tones = np.sin(2 * np.pi * np.outer(np.atleast_1d(hertz), at))
        self._send(8, self._codec.encode((8_000 * tones.mean(axis=0)).astype(np.int16)), number * 160)

    def _send(self, kind: int, payload: bytes, timestamp: int, *, first: bool = False) -> None:
        self._sequence += 1
        if self.loses and self._sequence % self.loses == 0:
            return
        header = build_header(kind, 0x80 if first else 0, self._sequence & 0xFFFF, timestamp, 7)
        self.rtp.sendto(header + payload, self._to or (HOST, 9))
