"""In which capacity a document is signed, as it stands over the signer's position: pure.

Nghị định 30/2020/NĐ-CP, Phụ lục I, Phần I, mục II.7: TM. before the name of the organ; KT., TL., TUQ. and Q. before the
post of its head; a head who decides alone signs in the own name. The Party writes T/M, K/T and T/L, the last before its
standing committee.
"""

from __future__ import annotations

import re
from enum import StrEnum

from server.units.rules import Bloc

AUTHORITY_LENGTH = 200


class Capacity(StrEnum):
    """For whom somebody signs."""

    TM = "TM"
    KT = "KT"
    TL = "TL"
    TUQ = "TUQ"
    Q = "Q"
    OWN = "OWN"


HEADS = {
    Bloc.PARTY: "Bí thư",
    Bloc.GOVERNMENT: "Chủ tịch",
    Bloc.FRONT: "Chủ tịch",
    Bloc.MASS_ORG: "Chủ tịch",
    Bloc.CENTRAL_AGENCY: "Thủ trưởng",
}
"""The usual post of an organ's head, in blocs whose organs have the same."""
_YOUTH = re.compile(
    r"((tỉnh|thành|quận|huyện|thị|thị trấn|xã|phường) )?đoàn\b|.*\bđoàn (thanh niên|tncs)\b", re.IGNORECASE
)
"""The youth union is the one mass organisation that a secretary heads."""
_ALONE = frozenset({Bloc.CENTRAL_AGENCY})
"""Led by one head; other organs decide together."""
_TOGETHER = frozenset({Bloc.PARTY, Bloc.FRONT, Bloc.MASS_ORG})
"""Where a deputy, too, signs for all: in a people's committee for its chair."""
_PARTY = {Capacity.TM: "T/M", Capacity.KT: "K/T", Capacity.TL: "T/L"}
_POSTS = r"chủ tịch|bí thư|chủ nhiệm|thủ trưởng|(?:tổng )?giám đốc|(?:chi )?cục trưởng|viện trưởng|chánh án|trưởng \w+"
_FOR_HEAD = re.compile(rf"(?:phó|quyền|q\.) ({_POSTS})", re.IGNORECASE)
_OFFICE = re.compile(r"(phó )?(chánh )?văn phòng", re.IGNORECASE)


def usual(bloc: Bloc, position: str) -> Capacity:
    """In which capacity somebody signs for an organ unless they say otherwise, by their position."""
    said = position.strip().casefold()
    if said.startswith(("quyền ", "q. ")):
        return Capacity.Q
    if _OFFICE.match(said):
        return Capacity.TL
    if said.startswith("phó ") and bloc not in _TOGETHER:
        return Capacity.KT
    return Capacity.OWN if bloc in _ALONE else Capacity.TM


def authority(capacity: Capacity, bloc: Bloc, organ: str, position: str) -> str:
    """The line over the signer's position: “KT. CHỦ TỊCH”; empty in the own name."""
    if capacity is Capacity.OWN:
        return ""
    whose = _full_name(bloc, organ) if capacity is Capacity.TM else _head(bloc, organ, position)
    mark = _PARTY.get(capacity) if bloc is Bloc.PARTY else None
    if bloc is Bloc.PARTY and capacity is Capacity.TL:
        whose = "Ban Thường vụ"
    return f"{mark or capacity.value + '.'} {whose.upper()}"[:AUTHORITY_LENGTH]


def _full_name(bloc: Bloc, organ: str) -> str:
    """A government's unit is often called by its place alone: Xã Cam Thủy."""
    if bloc is not Bloc.GOVERNMENT or "ban nhân dân" in organ.casefold() or "ubnd" in organ.casefold():
        return organ
    return f"Ủy ban nhân dân {organ}"


def head_of(bloc: Bloc, organ: str) -> str:
    """The usual post of an organ's head, by its bloc and its name."""
    if bloc is Bloc.MASS_ORG and _YOUTH.match(organ.strip()):
        return HEADS[Bloc.PARTY]
    return HEADS[bloc]


def _head(bloc: Bloc, organ: str, position: str) -> str:
    named = _FOR_HEAD.match(position.strip())
    return named[1] if named else head_of(bloc, organ)
