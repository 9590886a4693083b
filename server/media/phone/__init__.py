"""Telephones in the media node: the packets of a call, its keys, and its sound.

For control: `lines` (its commands) and `conference` (the telephones of one room). Sound in: `bridge` reads the ports at
the beat of `metronome`, with the time of their arrival (`arrivals`); a `leg` (`telephone`: how its room hears it)
believes the source that `latch` found, by `srtp` where it has keys, counts what its line loses (`tally`; what of ours
is lost there `reports` tell), hears keys by `events`, or `inband` in the sound itself; `playout` puts what arrives in
any order and at any distance into even steps of 20 ms, by `stretch` where it must. Sound out: `gain` makes quiet lines
heard, `mix` leaves each speaker's own voice out, `resample` and `codecs` (`g711`) turn it into payloads; `sounds` are
played, `dictation` is what is said as an answer.
"""
