"""The media node: packets, rooms, participants, slots and files; it knows nothing of units, accounts or SQL.

To read it in an hour, follow a packet, then what decides about it:

process   node → control (its socket), protocol (what is said there: terms, statistics), commands, figures, telling
a way in  udp, intake → paths (whose?) → ice, dtls, policing, participant; joining: negotiation, sdp, sdp_section,
          sdp_answer
inward    switch → uplink → rtp, vp8, vp9 (screens), red, twcc → source, asking (for what was lost), reception, clocks;
          RTCP both ways: feedback, rtcp, rtcp_build
outward   room → forward → runs, slots, downlink; sender (one by one), audience, volley and ledger (for many
          alike), mmsg (the system calls of many datagrams);
          on thin links pacing; too much at once: overload
telephones phone: lines (their commands), conference (those of one room), bridge and leg (their sound in and out, at
          the beat of metronome), inband (keys that are sound), dictation (what is said as an answer)
voices    speakers (who is heard), voices (at which rate), red (with how many copies)
pictures  pictures → layers (ways to show one), bandwidth (what a link carries), allocator (what it gets of it),
          ladder (in which word to say so), dynacast (what senders should send)
recording recordings → recorder → segment → frames, translator (VP9 to VP8), webm, mixer, opus, timeline, journal
"""
