"""Use cases of reaching people; other features call these, never the tables."""

from server.reach.service.contacts import (
    MyContact,
    Reachability,
    change_channels,
    confirm,
    drop,
    enter,
    reachability,
)
from server.reach.service.outbox import Hurried, Telling, addressed, anybody, forget, hurry, join, put, stop, told
from server.reach.service.sending import Letter, PushKeys, about_units, claim, renew, retire, settle, something_due
from server.reach.service.subscriptions import Keys, NewSubscription, devices, forget_device, subscribe
from server.reach.service.tending import DeadLetter, Tally, dead_letters, give_up, how_many_dead, send_again, tallies

__all__ = [
    "DeadLetter",
    "Hurried",
    "Keys",
    "Letter",
    "MyContact",
    "NewSubscription",
    "PushKeys",
    "Reachability",
    "Tally",
    "Telling",
    "about_units",
    "addressed",
    "anybody",
    "change_channels",
    "claim",
    "confirm",
    "dead_letters",
    "devices",
    "drop",
    "enter",
    "forget",
    "forget_device",
    "give_up",
    "how_many_dead",
    "hurry",
    "join",
    "put",
    "reachability",
    "renew",
    "retire",
    "send_again",
    "settle",
    "something_due",
    "stop",
    "subscribe",
    "tallies",
    "told",
]
