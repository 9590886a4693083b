"""Install what the tests need beside Python packages: browsers, ffmpeg, PostgreSQL and so on, from Debian when we may.

Run by `make test`. It never skips: what cannot be installed is named, and the tests do not start.
"""

import os
import shutil
import subprocess
import sys
from glob import glob

NEEDED = {
    "chromium": (lambda: bool(shutil.which("chromium") or shutil.which("chromium-browser")), "chromium"),
    "Firefox": (lambda: bool(shutil.which("firefox-esr")), "firefox-esr"),
    "gcc": (lambda: bool(shutil.which("gcc")), "gcc libc6-dev"),
    "ip": (lambda: bool(shutil.which("ip")), "iproute2"),
    "ffmpeg": (lambda: bool(shutil.which("ffmpeg") and shutil.which("ffprobe")), "ffmpeg"),
    "nft": (lambda: bool(shutil.which("nft")), "nftables"),
    "coturn": (lambda: bool(shutil.which("turnserver")), "coturn"),
    "HAProxy": (lambda: bool(shutil.which("haproxy")), "haproxy"),
    "certutil": (lambda: bool(shutil.which("certutil")), "libnss3-tools"),
    "baresip": (lambda: bool(shutil.which("baresip")), "baresip-core"),
    "Kamailio": (
        lambda: os.path.exists("/usr/sbin/kamailio") and bool(glob("/usr/lib/*/kamailio/modules/tls.so")),
        "kamailio kamailio-tls-modules",
    ),
    "sipp": (lambda: bool(shutil.which("sipp")), "sip-tester"),
    "Redis": (lambda: bool(shutil.which("redis-server")), "redis-server"),
    "espeak-ng": (lambda: bool(shutil.which("espeak-ng")), "espeak-ng"),
    "strace": (lambda: bool(shutil.which("strace")), "strace"),
    "PostgreSQL": (lambda: bool(glob("/usr/lib/postgresql/*/bin/initdb")), "postgresql"),
}


def main() -> None:
    missing = {name: package for name, (there, package) in NEEDED.items() if not there()}
    if not missing:
        return
    packages = sorted(" ".join(missing.values()).split())
    by_hand = f"The tests need {', '.join(missing)}: apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(by_hand)
    print(f"Installing {', '.join(packages)} for the tests (once) ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(by_hand)
    still = [name for name, (there, _) in NEEDED.items() if not there()]
    if still:
        sys.exit(by_hand)


if __name__ == "__main__":
    main()
