# cython: language_level=3
"""What was counted, in banks of whole seconds that change hands, and the time that ends them.

One thread counts; one other may exchange `ready` and `spare`.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from fastpath.scan_line cimport *
from fastpath.scan_seen cimport *


cdef extern from "scan_masks.h" nogil:
    int scan_peek(const int* slot)
    void scan_put(int* slot, int value)
    int scan_swap(int* slot, int value)


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


cdef inline void tally(Counts* counts, unsigned lane, unsigned column, uint64_t times) noexcept nogil:
    counts.bank.rows[lane * COLUMNS + column] += times
