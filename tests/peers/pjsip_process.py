"""A telephone by PJSIP in a process of its own: `python -m tests.peers.pjsip_process ADDRESS FOLDER`.

It takes lines (`call URI`, `accept`, `press KEYS`, `hang_up`) and tells lines (`ready`, `RINGING`, `CONFIRMED`,
`DISCONNCTD 200`). It is called at port 5060, says `tone.wav` of the folder and keeps what it hears in `heard.wav`, both
at 16 kHz: only G.722 is offered.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

import pjsua2 as pj

CODEC = "G722/16000/1"
PORT = 5_060
_POLL_MS = 10


def tell(*words: object) -> None:
    """One line."""
    print(*words, flush=True)


class Call(pj.Call):
    """The call; PJSIP calls these methods by name."""

    def __init__(self, account: pj.Account, folder: Path, *number: int) -> None:
        """With the `number` that PJSIP has given to a call of somebody else's."""
        super().__init__(account, *number)
        self._folder = folder
        self._media: list[pj.AudioMedia] = []

    def onCallState(self, _state: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        tell(info.stateText, info.lastStatusCode)

    def onCallMediaState(self, _state: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        if self._media:
            return
        line = self.getAudioMedia(-1)
        tone, ear = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
        tone.createPlayer(str(self._folder / "tone.wav"))
        ear.createRecorder(str(self._folder / "heard.wav"))
        tone.startTransmit(line)
        line.startTransmit(ear)
        self._media = [tone, ear]


class Account(pj.Account):
    """Who calls and is called; `call` is the newest."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.call: Call | None = None

    def make_call(self, uri: str) -> None:
        self.call = Call(self, self._folder)
        self.call.makeCall(uri, pj.CallOpParam(True))

    def onIncomingCall(self, told: pj.OnIncomingCallParam) -> None:  # noqa: N802
        self.call = Call(self, self._folder, told.callId)
        self.answer(pj.PJSIP_SC_RINGING)
        tell("RINGING")

    def answer(self, status: int) -> None:
        assert self.call is not None
        told = pj.CallOpParam()
        told.statusCode = status
        self.call.answer(told)


def endpoint(address: str) -> pj.Endpoint:
    """Without threads of its own, so that Python is never called from elsewhere, and without a sound card."""
    made = pj.Endpoint()
    made.libCreate()
    settings = pj.EpConfig()
    settings.uaConfig.threadCnt = 0
    settings.uaConfig.mainThreadOnly = True
    settings.logConfig.level = settings.logConfig.consoleLevel = 1
    settings.medConfig.noVad = True
    made.libInit(settings)
    transport = pj.TransportConfig()
    transport.boundAddress = transport.publicAddress = address
    transport.port = PORT
    made.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    made.libStart()
    made.audDevManager().setNullDev()
    for codec in made.codecEnum2():
        made.codecSetPriority(codec.codecId, 255 if codec.codecId == CODEC else 0)
    return made


def main(address: str, folder: Path) -> None:
    """Until its input ends."""
    library = endpoint(address)
    settings = pj.AccountConfig()
    settings.idUri = f"sip:0907654321@{address}"
    settings.mediaConfig.transportConfig.boundAddress = address
    account = Account(folder)
    account.create(settings)
    tell("ready")
    while True:
        library.libHandleEvents(_POLL_MS)
        if not select.select([sys.stdin], [], [], 0)[0]:
            continue
        command, _, words = sys.stdin.readline().strip().partition(" ")
        if command == "call":
            account.make_call(words)
        elif command == "accept":
            account.answer(pj.PJSIP_SC_OK)
        elif command == "press" and account.call is not None:
            account.call.dialDtmf(words)
        elif command == "hang_up" and account.call is not None:
            account.call.hangup(pj.CallOpParam())
        elif not command:
            break
    library.hangupAllCalls()
    library.libDestroy()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
