# cython: language_level=3
"""From bytes to counts: lines put together, read, looked up and counted; time; the banks that change hands.

One thread feeds; one other may exchange `ready` and `spare`. Nothing here needs the GIL.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from fastpath.scan_line cimport *
from fastpath.scan_seen cimport *


cdef extern from "scan_masks.h" nogil:
    int scan_peek(const int* slot)
    void scan_put(int* slot, int value)
    int scan_swap(int* slot, int value)
    void explicit_bzero(void* at, size_t length)  # no waybill stays where a core dump would find it


cdef enum:
    STAGED = 64  # reads between the look at a line and the look into memory, which arrives meanwhile
    BANKS = 3

cdef struct Notes:
    int64_t first_second
    int64_t last_second
    int64_t forgotten
    int64_t clock_steps
    int64_t octets

cdef struct Bank:  # what was counted in some whole seconds
    uint32_t* cells
    uint64_t* rows
    uint32_t* peaks
    Notes* notes

cdef struct Staged:
    uint64_t hashed
    uint32_t cell
    uint32_t lane

cdef struct Counts:
    Seen seen
    Hub hub
    uint64_t heard         # the caller's clock when last told, ms
    uint64_t clock         # the same without its steps backwards
    uint64_t second
    unsigned tick_shift
    uint64_t first_tick    # of the clock, where the table's is 0
    bint started
    Bank[BANKS] banks
    Bank bank              # the one being written
    int active
    int ready              # atomic: a closed bank for the taker, or -1
    int spare              # atomic: a clean bank for the feeder, or -1
    uint64_t* before       # passes of each lane, and of all, that this bank had when the open second began
    unsigned staged
    Staged[STAGED] stage

cdef struct Line:  # of one connection: how it speaks, and the beginning of a line
    Framing framing
    unsigned held
    bint endless           # more than framing.line_most without an end: thrown away up to the next
    uint8_t[LINE_MOST + READ_AHEAD] begun


# --- time and banks ---


cdef inline bint close_second(Counts* counts, uint64_t opening) noexcept nogil:
    """End the open second and offer what was counted; False: the last offer was not taken yet, so counting goes on."""
    cdef uint64_t passes, together = 0
    cdef unsigned i
    cdef int spare
    for i in range(counts.hub.lanes + 1):
        passes = together if i == counts.hub.lanes else counts.bank.rows[i * COLUMNS + NEW] + counts.bank.rows[i * COLUMNS + RECIRCULATED]
        together += passes
        counts.bank.peaks[i] = max(counts.bank.peaks[i], <uint32_t>(passes - counts.before[i]))
        counts.before[i] = passes
    counts.bank.notes.last_second = counts.second
    counts.bank.notes.forgotten += counts.seen.forgotten
    counts.seen.forgotten = 0
    counts.second = opening
    if scan_peek(&counts.ready) >= 0:
        return False
    spare = scan_swap(&counts.spare, -1)
    if spare < 0:
        return False
    scan_put(&counts.ready, counts.active)
    counts.active = spare
    counts.bank = counts.banks[spare]
    counts.bank.notes.first_second = opening
    memset(counts.before, 0, (counts.hub.lanes + 1) * sizeof(uint64_t))
    return True


cdef inline void scan_advance(Counts* counts, uint64_t now_ms) noexcept nogil:
    """Let it be `now_ms`, of a clock that should not but may jump: a step back counts as no time at all."""
    if not counts.started:
        counts.started = True
        counts.clock = counts.heard = now_ms
        counts.second = counts.bank.notes.first_second = now_ms // 1000
        counts.seen.tick = counts.seen.horizon + 1
        counts.first_tick = (now_ms >> counts.tick_shift) - counts.seen.tick
    elif now_ms < counts.heard:
        counts.bank.notes.clock_steps += 1
    elif now_ms > counts.heard:
        counts.clock += now_ms - counts.heard
        seen_advance(&counts.seen, (counts.clock >> counts.tick_shift) - counts.first_tick)
        if counts.clock // 1000 != counts.second:
            close_second(counts, counts.clock // 1000)
    counts.heard = now_ms


cdef inline void clean(const Counts* counts, Bank bank) noexcept nogil:
    cdef size_t cells = (counts.hub.chutes + 1) * counts.hub.classes
    cdef unsigned lane
    for lane in range(counts.hub.lanes):
        if bank.rows[lane * COLUMNS + NEW]:
            memset(bank.cells + lane * cells, 0, cells * sizeof(uint32_t))
    memset(bank.rows, 0, counts.hub.lanes * COLUMNS * sizeof(uint64_t))
    memset(bank.peaks, 0, (counts.hub.lanes + 1) * sizeof(uint32_t))
    memset(bank.notes, 0, sizeof(Notes))


cdef inline void add_up(const Counts* counts, Bank bank, uint64_t* totals, uint64_t* by_class,
                        uint64_t* by_chute) noexcept nogil:
    cdef const uint32_t* cell = bank.cells
    cdef unsigned lane, chute, k
    for k in range(counts.hub.lanes * COLUMNS):
        totals[k] += bank.rows[k]
    for lane in range(counts.hub.lanes):
        if bank.rows[lane * COLUMNS + NEW]:
            for chute in range(counts.hub.chutes + 1):
                for k in range(counts.hub.classes):
                    by_class[lane * counts.hub.classes + k] += cell[chute * counts.hub.classes + k]
                    by_chute[chute] += cell[chute * counts.hub.classes + k]
        cell += (counts.hub.chutes + 1) * counts.hub.classes


# --- lines to counts ---


cdef inline void tally(Counts* counts, unsigned lane, unsigned column, uint64_t times) noexcept nogil:
    counts.bank.rows[lane * COLUMNS + column] += times


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
