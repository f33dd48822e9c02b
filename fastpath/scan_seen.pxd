# cython: language_level=3
"""Which codes were seen lately, and how long ago: a table of fixed size, one cache line a look.

A code is 64 bits of keyed hash: some choose a bucket, 48 stay in it with a 16-bit tick. A slot is never empty: what was
last seen before all windows is the same as nothing. Ticks wrap, so nothing may stay so long that it looks young again: each
tick of time sweeps some buckets, every one at least once in 2 ** SWEEP_BITS ticks, and a LEAP of the clock sweeps them all;
there what is past the horizon is put back to just past it. HORIZON + 2 ** SWEEP_BITS + LEAP is less than 2 ** 16.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset


cdef extern from "scan_masks.h" nogil:
    ctypedef struct scan_bucket:
        uint32_t[8] low
        uint16_t[8] high
        uint16_t[8] tick
    ctypedef struct scan_slot:
        unsigned index
        unsigned hit
    uint64_t scan_read64(const uint8_t* at)
    uint64_t scan_fold(uint64_t a, uint64_t b)
    scan_slot scan_find(const scan_bucket* at, uint32_t low, uint16_t high, uint16_t now)
    void scan_prefetch(const void* at)
    void explicit_bzero(void* at, size_t length)


cdef enum:
    HORIZON = 32768  # the longest window, in ticks
    SWEEP_BITS = 14
    LEAP = 8192
    CODE_MOST = 40   # characters of the longest code

cdef enum Sight:
    NEW, DUPLICATE, RECIRCULATED

cdef struct Seen:
    scan_bucket* buckets
    uint64_t count          # a power of two
    uint64_t mask           # of a hash, to the bytes before its bucket
    uint64_t[4] key
    uint64_t tick           # begins past the horizon, so that nothing looks seen before
    uint64_t cursor         # the next bucket to sweep
    uint64_t credit         # buckets owed to the sweep, in 2 ** -SWEEP_BITS
    uint32_t duplicate      # the windows, in ticks
    uint32_t loop_least
    uint32_t loop_span
    uint32_t horizon
    uint64_t forgotten      # codes pushed out by others before their time


cdef inline uint64_t seen_hash(const Seen* seen, const uint8_t* code, size_t length, uint64_t lane) noexcept nogil:
    """Keyed hash of a code of 8 to 24 characters on a lane; the words overlap, but with the length tell all apart."""
    cdef uint64_t middle = scan_read64(code + (length >> 1) - 4)
    return (scan_fold(scan_read64(code) ^ seen.key[0], scan_read64(code + length - 8) ^ seen.key[1])
            ^ scan_fold(middle ^ seen.key[2], ((<uint64_t>length << 32) | lane) ^ seen.key[3]))


cdef inline uint64_t seen_hash_any(const Seen* seen, const uint8_t* code, size_t length, uint64_t lane) noexcept nogil:
    """The same for a code of any length to CODE_MOST."""
    cdef uint8_t[48] padded
    cdef uint64_t rest
    if 8 <= length <= 24:
        return seen_hash(seen, code, length, lane)
    memset(padded, 0, 48)
    memcpy(padded, code, length)
    rest = scan_fold(scan_read64(padded) ^ seen.key[0], scan_read64(padded + 8) ^ seen.key[1])
    rest = scan_fold(scan_read64(padded + 16) ^ rest, scan_read64(padded + 24) ^ seen.key[1])
    rest ^= scan_read64(padded + 32)
    explicit_bzero(padded, length)
    return scan_fold(rest ^ seen.key[2], ((<uint64_t>length << 32) | lane) ^ seen.key[3])


cdef inline scan_bucket* seen_bucket(const Seen* seen, uint64_t hashed) noexcept nogil:
    return <scan_bucket*>(<uint8_t*>seen.buckets + ((hashed >> 20) & seen.mask))


cdef inline unsigned seen_look(Seen* seen, uint64_t hashed) noexcept nogil:
    """NEW, DUPLICATE or RECIRCULATED by the time since this code was last seen; seen now."""
    cdef scan_bucket* bucket = seen_bucket(seen, hashed)
    cdef uint32_t low = <uint32_t>hashed
    cdef uint16_t high = <uint16_t>(hashed >> 48), now = <uint16_t>seen.tick
    cdef scan_slot slot = scan_find(bucket, low, high, now)
    cdef uint32_t age = <uint16_t>(now - bucket.tick[slot.index])
    seen.forgotten += (slot.hit ^ 1) & <unsigned>(age <= seen.horizon)
    bucket.low[slot.index] = low
    bucket.high[slot.index] = high
    bucket.tick[slot.index] = now
    return slot.hit * (DUPLICATE * <unsigned>(age < seen.duplicate)
                       + RECIRCULATED * <unsigned>(age - seen.loop_least <= seen.loop_span))


cdef inline void seen_sweep(Seen* seen, uint64_t count, uint64_t elapsed) noexcept nogil:
    """Of the next `count` buckets, put back to just past the horizon what will be past it in `elapsed` ticks."""
    cdef uint64_t past = seen.horizon + 1, gone = min(elapsed, past)
    cdef uint16_t now = <uint16_t>seen.tick, then = <uint16_t>(seen.tick + elapsed - gone), most = <uint16_t>(past - gone), age
    cdef scan_bucket* bucket
    cdef int i
    while count > 0:
        bucket = seen.buckets + seen.cursor
        for i in range(8):
            age = now - bucket.tick[i]
            bucket.tick[i] = then - (age if age < most else most)
        seen.cursor = (seen.cursor + 1) & (seen.count - 1)
        count -= 1


cdef inline void seen_advance(Seen* seen, uint64_t tick) noexcept nogil:
    """Let time go on to `tick`, which is not before the last."""
    cdef uint64_t elapsed = tick - seen.tick
    if elapsed > LEAP:
        seen_sweep(seen, seen.count, elapsed)
        seen.tick = tick
    else:
        seen.tick = tick
        seen.credit += elapsed * seen.count
        seen_sweep(seen, seen.credit >> SWEEP_BITS, 0)
        seen.credit &= (1 << SWEEP_BITS) - 1
