# cython: language_level=3
"""From bytes to counts: lines put together, read, looked up and counted.

One thread feeds. Nothing here needs the GIL.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from fastpath.scan_banks cimport *
from fastpath.scan_line cimport *
from fastpath.scan_seen cimport *


cdef extern from "scan_masks.h" nogil:
    void explicit_bzero(void* at, size_t length)  # no waybill stays where a core dump would find it


cdef struct Line:  # of one connection: how it speaks, and the beginning of a line
    Framing framing
    unsigned held
    bint endless           # more than framing.line_most without an end: thrown away up to the next
    uint8_t[LINE_MOST + READ_AHEAD] begun


# --- lines to counts ---


cdef inline void settle(Counts* counts) noexcept nogil:
    cdef uint64_t* rows = counts.bank.rows
    cdef uint32_t* cells = counts.bank.cells
    cdef Seen seen = counts.seen  # a copy that nothing else can change, the compiler keeps at hand
    cdef const Staged* one = counts.stage
    cdef const Staged* end = one + counts.staged
    cdef unsigned sight
    while one < end:
        sight = seen_look(&seen, one.hashed)
        rows[one.lane * COLUMNS + sight] += 1
        cells[one.cell] += sight == NEW
        one += 1
    counts.seen.forgotten = seen.forgotten
    counts.staged = 0


cdef inline void stage(Counts* counts, Staged* one, const Read* read, uint64_t hashed) noexcept nogil:
    """Ask memory for what this read will touch, and go on with the next line meanwhile."""
    one.hashed = hashed
    one.cell = (read.lane * (counts.hub.chutes + 1) + read.chute) * counts.hub.classes + read.carrier
    one.lane = read.lane
    scan_prefetch(seen_bucket(&counts.seen, hashed))
    scan_prefetch(counts.bank.cells + one.cell)


cdef inline bint stage_odd(Counts* counts, Staged* one, const Framing* framing, const uint8_t* at,
                           size_t length) noexcept nogil:
    """Take a line that is not ordinary; True: it is a good read all the same, and was staged."""
    cdef Read read
    cdef unsigned column = line_exact(framing, &counts.hub, at, length, &read)
    if read.noise:
        tally(counts, framing.lane, FRAMING, 1)
    if column != READ:
        tally(counts, read.lane, column, 1)
        return False
    stage(counts, one, &read, seen_hash_any(&counts.seen, read.code, read.length, read.lane))
    return True


cdef inline const uint8_t* stage_lines(Counts* counts, const Framing* framing, const uint8_t* at, const uint8_t* stop,
                                       const uint8_t* last) noexcept nogil:
    """Take whole lines that begin at or before `last` until the stage is full. Where the next begins."""
    cdef Framing own = framing[0]
    cdef Staged* one = counts.stage + counts.staged
    cdef const Staged* full = counts.stage + STAGED
    cdef scan_masks masks, more
    cdef Read read
    cdef const uint8_t* end
    cdef unsigned length
    while at <= last and one < full:
        masks = scan_classify(at, own.end, own.separator)
        if masks.end == 0:
            more = scan_classify(at + 32, own.end, own.separator)
            masks.end = more.end << 32
            masks.separator |= more.separator << 32
            masks.digit |= more.digit << 32
            masks.word |= more.word << 32
            if masks.end == 0:
                end = <const uint8_t*>memchr(at + 64, framing.end, stop - at - 64)
                if end == NULL:
                    break
                one += stage_odd(counts, one, framing, at, end - at)
                at = end + 1
                continue
        length = scan_ctz(masks.end)
        if line_ordinary(&own, &counts.hub, at, masks, length, &read):
            stage(counts, one, &read, seen_hash(&counts.seen, read.code, read.length, read.lane))
            one += 1
        elif length == 0:  # a flood of ends
            length = scan_ctz(~masks.end) - 1
            tally(counts, framing.lane, framing.empty, length + 1)
        else:
            one += stage_odd(counts, one, framing, at, length)
        at += length + 1
    counts.staged = <unsigned>(one - counts.stage)
    return at


cdef inline const uint8_t* take_lines(Counts* counts, const Framing* framing, const uint8_t* at, const uint8_t* stop,
                                      const uint8_t* last) noexcept nogil:
    """Take every whole line that begins at or before `last`; READ_AHEAD bytes are readable there. Where the next begins."""
    while True:
        at = stage_lines(counts, framing, at, stop, last)
        if counts.staged < STAGED:
            return at
        settle(counts)


# --- bytes to lines ---


cdef inline const uint8_t* take_begun(Counts* counts, Line* line, const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Finish the line that an earlier chunk began; where the next begins."""
    cdef const uint8_t* end = <const uint8_t*>memchr(at, line.framing.end, stop - at)
    cdef size_t length = (stop if end == NULL else end) - at
    if not line.endless:
        if line.held + length > line.framing.line_most:
            tally(counts, line.framing.lane, OVERLONG, 1)
            explicit_bzero(line.begun, line.held)
            line.held = 0
            line.endless = end == NULL
        else:
            memcpy(line.begun + line.held, at, length + (end != NULL))
            line.held += <unsigned>length
            if end != NULL:
                take_lines(counts, &line.framing, line.begun, line.begun + line.held + 1, line.begun)
                explicit_bzero(line.begun, line.held)
                line.held = 0
    elif end != NULL:
        line.endless = False
    return stop if end == NULL else end + 1


cdef inline void begin(Counts* counts, Line* line, const uint8_t* at, size_t length) noexcept nogil:
    """Keep the beginning of a line until its end comes."""
    if length > line.framing.line_most:
        tally(counts, line.framing.lane, OVERLONG, 1)
        line.endless = True
    elif length > 0:
        memcpy(line.begun, at, length)
        line.held = <unsigned>length


cdef inline void scan_feed(Counts* counts, Line* line, const uint8_t* at, size_t length, uint64_t now_ms) noexcept nogil:
    """Take what one connection delivered at this time; the last line may be unfinished."""
    cdef uint8_t[2 * READ_AHEAD + 64] tail
    cdef const uint8_t* stop = at + length
    scan_advance(counts, now_ms)
    counts.bank.notes.octets += length
    if line.held or line.endless:
        at = take_begun(counts, line, at, stop)
    if stop - at > READ_AHEAD:
        at = take_lines(counts, &line.framing, at, stop, stop - READ_AHEAD)
    length = stop - at
    if length <= READ_AHEAD:  # where looking ahead would leave the buffer
        memcpy(tail, at, length)
        memset(tail + length, ~line.framing.end, sizeof(tail) - length)
        at += take_lines(counts, &line.framing, tail, tail + sizeof(tail), tail + length - 1) - tail
        explicit_bzero(tail, length)
    begin(counts, line, at, stop - at)
    settle(counts)
