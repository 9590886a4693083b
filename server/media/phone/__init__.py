"""Telephones in the media node: the packets of a call, its keys, and its sound.

`g711` and `codecs` read and write sound, `latch` knows where it comes from, `events` hears keys, `playout` puts what
arrives in any order and at any distance into even steps of 20 ms.
"""
