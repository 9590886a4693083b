"""Who may speak SIP to us: the addresses of our trunks. Everybody else is turned away before a word is read.

A stranger gets no answer: none could be told from a reflection at somebody else, and a scanner learns nothing.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable

log = logging.getLogger(__name__)

_MOST_REMEMBERED = 10_000  # addresses; a flood from forged ones must not fill the memory
_TELL_EVERY = 60.0  # s


class Admission:
    """`turned_away` counts what strangers sent."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Addresses or networks, such as `203.0.113.0/28`. Raises ValueError when one is neither."""
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._remembered: dict[str, bool] = {}
        self.turned_away = 0
        self._told_at, self._told = float("-inf"), 0

    def allows(self, host: str) -> bool:
        """Whether a numeric address is a trunk's."""
        known = self._remembered.get(host)
        if known is None:
            known = self._look(host)
        return known

    def _look(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        known = any(address in network for network in self._networks)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[host] = known
        return known

    def stranger(self, host: str, now: float) -> None:
        """Count one, and say so in the log at most once a minute."""
        self.turned_away += 1
        if now - self._told_at >= _TELL_EVERY:
            log.warning("SIP from %s, which is no trunk (%d turned away)", host, self.turned_away - self._told)
            self._told_at, self._told = now, self.turned_away
