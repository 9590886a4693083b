"""Coverage-guided fuzzing of what strangers and participants send: `python -m tests.fuzz TARGET [--seconds N]`.

It needs atheris, which is no test dependency: 34 MB, for Linux on x86-64 and some versions of Python only.
What is found beside the kept corpus lands in build/fuzz/TARGET, an input that broke something as crash-*; --minimise
then keeps in tests/fuzz/corpus what reaches a line the others do not. `test_corpus` replays the corpus.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from server.config import ROOT
from server.errors import ProtocolError
from tests.fuzz import corpus
from tests.fuzz.targets import NAMES

ATHERIS = "atheris==3.0.0"
LARGEST = 6_000  # octets of an input: several packets
SLOWEST = 10  # s for one input


def _fuzz(target: str, seconds: int) -> None:
    try:
        import atheris  # type: ignore[import-not-found]
    except ImportError:
        sys.exit(f"This needs atheris: {sys.executable} -m pip install {ATHERIS}")

    looked_at = ["server.media", "server.telephony", "server.directives", "aioice", "aiortc.rtcdtlstransport"]
    with atheris.instrument_imports(include=looked_at):
        module = importlib.import_module(f"tests.fuzz.targets.{target}")
    found = ROOT / "build" / "fuzz" / target
    found.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(module.seeds()):
        (found / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            module.one(data)
        except ProtocolError:
            return

    options = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", f"-timeout={SLOWEST}", "-rss_limit_mb=1500"]
    kept = corpus.folder(target)
    kept.mkdir(parents=True, exist_ok=True)
    command = ["fuzz", *options, f"-artifact_prefix={found}/", "-print_final_stats=1", str(found), str(kept)]
    atheris.Setup(command, one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=int, default=600, help="how long (600)")
    parser.add_argument("--minimise", action="store_true", help="keep the telling inputs of build/fuzz, fuzz nothing")
    options = parser.parse_args()
    if options.minimise:
        kept = corpus.minimise(options.target, ROOT / "build" / "fuzz" / options.target)
        print(f"{options.target}: {len(kept)} inputs, {sum(map(len, kept))} octets")
        return
    _fuzz(options.target, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
