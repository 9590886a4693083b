"""The media node: packets, rooms, participants, slots and files; it knows nothing of units, accounts or SQL.

An hour is enough for the modules marked with *, in this order: first the way of a word from one mouth to many ears, and
then what decides about it.

*node                the process: it binds the port, listens to its control process, and ticks
*switch              each burst of packets goes through here: media first, then reports, and ten times a second time
*transport/paths     whose datagram it is, by its first byte and its sender; strangers end here
*participant         what a session is made of, and how it comes and goes
*inward/uplink       which stream a packet belongs to, and what is asked of its sender in return
*inward/source       one stream in order: what is missing, what is new, and what each temporal layer takes
*room                who may be heard, who is shown, and what of it each subscriber gets
*outward/slots       how a subscriber's stream goes on without a break when another source is put into it
*outward/forward     the packets of a burst to everybody who gets them, held back or left out where that must be
*allocation/pictures from what subscribers wish to see to what they are shown, and to what senders are asked for

The others are looked up. Those above know those below, never the other way round (pyproject.toml holds that):

process    control (the node's socket), protocol (what is said there: terms, statistics; protocol_calls: of telephones),
           commands and calls (what is done then; refusal), figures, telling (of what pages must know)
joining    negotiation, sdp, sdp_section, sdp_answer: an offer becomes a participant, within bounds
phone      telephones: lines (their commands), conference (those of one room), bridge and leg (their sound in and out,
           at the beat of metronome), inband (keys that are sound), dictation (what is said as an answer)
recording  recordings → recorder → segment → frames, translator (VP9 to VP8), webm, mixer, timeline, journal
room       feedback (RTCP both ways), sides (with whom a room deals), programme (what one screen should show, and sinks
           get), speakers (who is heard), voices (at which rate), red (with how many copies)
allocation layers (ways to show a picture), supply (which of them there are), allocator (which of them a link carries),
           ladder (in which word to say so), dynacast (what senders should send), view (all of that of one subscriber)
inward     packet, asking (for what was lost), reception, clocks (for reports), crowding, strain (too thin a way here)
outward    runs (what leaves together), sender (one by one), audience and ledger (for many alike), retransmission,
           downlink (the way to one subscriber), pacing (where that is thin), overload (where the node is)
bandwidth  what a link carries: estimator, of delay, loss and what arrives
transport  udp (bursts in, batches out; mmsg: the system calls of many datagrams), intake, volley (one message to many),
           ice, dtls, policing (how much is taken of one)
wire       formats alone: rtp, rtcp, rtcp_build, twcc, vp8, vp9 (screens), opus
"""
