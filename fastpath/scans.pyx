# cython: language_level=3, auto_pickle=False, autotestdict=False
"""Scans of barcode readers, counted: bytes in, arrays of counts out, no Python object and no allocation a scan.

One thread feeds, one other may take. A code is hashed with the counter's key and never kept.
"""

import mmap
from contextlib import suppress

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastpath.scan_count cimport *
from fastpath.scan_rules import FIELD_NAMES, carrier_numbers, check_fields, check_marks, windows
from fastpath.scan_snapshot import Snapshot

COLUMN_NAMES = ("new", "duplicate", "recirculated", "no_read", "multi", "heartbeat", "overlong", "framing", "empty",
                "byte", "fields", "lane", "code", "chute", "confidence", "cut")
BAD_NAMES = COLUMN_NAMES[OVERLONG:]

cdef enum:
    LARGE_PAGE = 1 << 21
    RELEASE = 16384  # bytes from which it pays to let other Python threads run


@final
cdef class Source:
    """How one connection speaks, and the line it has begun; one per socket or serial line.

    `terminator` is 1 to 8 bytes, `start` and `separator` one or none, `joiner` the byte between several codes in one
    field. `fields` are in the order of the line; the lane is the connection's (`lane`) where no field tells it. Fields
    after lane and code may be missing or empty; chute 0 is none. Texts are compared without regard to case, with the
    whole line and with the code field. ValueError: this framing cannot be told apart.
    """

    def __cinit__(self, *, unsigned lane, bytes terminator=b"\r\n", bytes start=b"", bytes separator=b"",
                 fields=("code",), no_read=(), heartbeat=(), multi=(), bytes joiner=b"", bint aim=False,
                 unsigned code_least=8, unsigned code_most=32, unsigned confidence_least=0,
                 unsigned line_most=LINE_MOST):
        cdef Framing* framing = &self.line.framing
        check_marks(terminator, start, separator, joiner)
        check_fields(tuple(fields), separator, FIELDS_MOST)
        if not (4 <= code_least <= code_most <= CODE_MOST and confidence_least <= 100 and 16 <= line_most <= LINE_MOST):
            raise ValueError(f"codes of 4 to {CODE_MOST} characters, confidence to 100, lines of 16 to {LINE_MOST} bytes")
        memset(framing, 0, sizeof(Framing))
        framing.end = terminator[-1]
        framing.separator = (separator or terminator[-1:])[0]
        framing.joiner = (joiner or terminator[-1:])[0]
        framing.lead = int.from_bytes(terminator[:-1].rjust(8, b"\0"), "little")
        framing.lead_mask = int.from_bytes((b"\xff" * (len(terminator) - 1)).rjust(8, b"\0"), "little")
        framing.start = start[0] if start else 0
        framing.lane = lane
        _set_shape(framing, len(start), len(terminator) - 1, tuple(fields))
        framing.aim = aim
        framing.code_least, framing.code_most = code_least, code_most
        framing.confidence_least = confidence_least
        framing.sure_digits = 0 if confidence_least else 2  # two are always a percentage
        framing.line_most = line_most
        texts = [(column, text) for column, some in ((NO_READ, no_read), (HEARTBEAT, heartbeat), (MULTI, multi)) for text in some]
        for column, text in texts:
            _add_text(framing, column, text)
        with_fields = separator and any(separator.decode("latin-1") in text for _, text in texts)
        if framing.shape.fields <= FAST_FIELDS and not with_fields:  # else every line is for line_exact
            framing.plain_lengths = sum(1 << n for n in range(max(8, code_least), min(24, code_most) + 1))
            framing.plain_lengths &= ~framing.text_lengths
        cdef Read read
        framing.empty = line_exact(framing, NULL, b"", 0, &read)

    @property
    def lane(self):
        return self.line.framing.lane


cdef _set_shape(Framing* framing, unsigned start_length, unsigned lead_length, tuple fields):
    lane_at, code_at, chute_at, confidence_at = (fields.index(name) if name in fields else ABSENT for name in FIELD_NAMES[:-1])
    framing.shape = Shape(start_length, lead_length, len(fields), lane_at, code_at, chute_at, confidence_at)
    framing.usual = start_length == 1 and lead_length == 1 and fields == FIELD_NAMES[:-1]
    framing.needed = 1 + max(code_at, lane_at if lane_at != ABSENT else 0)


cdef _add_text(Framing* framing, unsigned column, str text):
    cdef Text* entry = &framing.text[framing.texts]
    if framing.texts == TEXTS_MOST or len(text) > TEXT_MOST or not (text.isascii() and (text.isprintable() or not text)):
        raise ValueError(f"at most {TEXTS_MOST} texts of at most {TEXT_MOST} printable ASCII characters")
    upper = text.upper().encode()
    memcpy(entry.upper, PyBytes_AS_STRING(upper), len(upper))
    entry.length = len(upper)
    entry.column = column
    framing.texts += 1
    framing.text_lengths |= <uint64_t>1 << entry.length


@final
cdef class ScanCounter:
    """Counts of all scanners of a site; all memory is taken here.

    `carriers` are rules (class, prefix of letters with `?` for any, least and most digits after it); `s10` the class of
    a code with a right S10 check digit, `numeric` that of a code of digits only, where the site is sure of it. A code
    seen again on its lane within `duplicate_ms` is a duplicate, within `loop_ms` (least, most) recirculated, else new.
    """

    def __cinit__(self, *, unsigned lanes, unsigned chutes, bytes key, carriers=(), str s10="", str numeric="",
                 unsigned live_codes=65536, int duplicate_ms=3000, loop_ms=None):
        if not (1 <= lanes <= 10_000 and chutes <= 9999 and len(key) == 32 and 1 <= live_codes <= 1 << 26):
            raise ValueError("lanes 1 to 10000, chutes to 9999, a key of 32 bytes, live codes to 2**26")
        self.classes = tuple(dict.fromkeys(["other", "numeric", *(rule[0] for rule in carriers), *filter(None, (s10, numeric))]))
        if lanes * (chutes + 1) * len(self.classes) > 1 << 27:
            raise ValueError("lanes x chutes x classes: more than 2**27 cells")
        self.counts.hub.lanes, self.counts.hub.chutes, self.counts.hub.classes = lanes, chutes, len(self.classes)
        self._set_windows(duplicate_ms, loop_ms)
        self._set_carriers(tuple(carriers), s10, numeric)
        self._take_memory(max(6, (live_codes - 1).bit_length() - 1), key)

    cdef _set_windows(self, duplicate_ms, loop_ms):
        cdef Seen* seen = &self.counts.seen
        shift, duplicate, least, most = windows(duplicate_ms, loop_ms, HORIZON)
        self.counts.tick_shift, self.tick_ms = shift, 1 << shift
        seen.duplicate, seen.horizon = duplicate, most
        seen.loop_least = least if loop_ms else 1 << 31
        seen.loop_span = most - least if loop_ms else 0

    cdef _set_carriers(self, tuple rules, str s10, str numeric):
        cdef Hub* hub = &self.counts.hub
        cdef Rule* rule = &hub.rules[0]
        if len(rules) >= RULES_MOST:
            raise ValueError(f"at most {RULES_MOST - 1} carrier rules")
        rule.span = CODE_MOST
        rule.carrier = self.classes.index(numeric or "numeric")
        hub.s10 = self.classes.index(s10 or "other")
        for i, (name, prefix, least, most) in reversed(list(enumerate(rules, 1))):  # the first rule is tried first
            rule = &hub.rules[i]
            place, rule.prefix, rule.mask, rule.letters, rule.least, rule.span = carrier_numbers(prefix, least, most, CODE_MOST)
            rule.carrier = self.classes.index(name)
            rule.others, rule.other = 1, hub.first[place]
            hub.first[place] = i

    cdef _take_memory(self, unsigned bits, bytes key):
        cdef Counts* counts = &self.counts
        cdef array.array before = _zeros("Q", counts.hub.lanes + 1)
        cdef array.array rows, peaks, notes, totals, by_class, by_chute
        cdef uint8_t[::1] buckets = _pages(64 << bits)
        cdef uint32_t[::1] cells
        counts.seen.buckets = <scan_bucket*>&buckets[0]
        counts.seen.count, counts.seen.mask = 1 << bits, 64 * ((1 << bits) - 1)
        memcpy(counts.seen.key, PyBytes_AS_STRING(key), 32)
        counts.before = <uint64_t*>before.data.as_ulonglongs
        self.banks = []
        for i in range(BANKS):
            cells = _pages(4 * counts.hub.lanes * (counts.hub.chutes + 1) * counts.hub.classes).cast("I")
            rows, peaks, notes = _zeros("Q", counts.hub.lanes * COLUMNS), _zeros("I", counts.hub.lanes + 1), _zeros("q", sizeof(Notes) // 8)
            counts.banks[i] = Bank(&cells[0], <uint64_t*>rows.data.as_ulonglongs, <uint32_t*>peaks.data.as_uints, <Notes*>notes.data.as_longlongs)
            self.banks.append((cells.base, rows, peaks, notes))
        counts.bank = counts.banks[0]
        counts.active, counts.ready, counts.spare, self.held = 0, -1, 1, 2
        totals, by_class = _zeros("Q", counts.hub.lanes * COLUMNS), _zeros("Q", counts.hub.lanes * counts.hub.classes)
        by_chute = _zeros("Q", counts.hub.chutes + 1)
        self.total = <uint64_t*>totals.data.as_ulonglongs
        self.carrier_total = <uint64_t*>by_class.data.as_ulonglongs
        self.chute_total = <uint64_t*>by_chute.data.as_ulonglongs
        self.totals = _view(totals, counts.hub.lanes, COLUMNS)
        self.carrier_totals = _view(by_class, counts.hub.lanes, counts.hub.classes)
        self.chute_totals = _view(by_chute, counts.hub.chutes + 1)
        self.memory = before, buckets
        self.views = []

    def feed(self, Source source not None, bytes octets not None, uint64_t now_ms):
        """Count what this connection delivered at `now_ms` of a monotonic clock; lines may end in a later chunk."""
        self._feed(source, <const uint8_t*>PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets), now_ms)

    def feed_buffer(self, Source source not None, bytearray octets not None, Py_ssize_t length, uint64_t now_ms):
        """Count the first `length` bytes as `feed` does, and wipe them, so that no code stays in the memory.

        ValueError: there are not so many. While this runs, `octets` cannot be resized.
        """
        cdef Py_buffer held
        if not 0 <= length <= len(octets):
            raise ValueError(f"{length} of {len(octets)} bytes")
        PyObject_GetBuffer(octets, &held, PyBUF_SIMPLE)
        try:
            self._feed(source, <const uint8_t*>held.buf, length, now_ms)
        finally:
            explicit_bzero(held.buf, length)
            PyBuffer_Release(&held)

    cdef int _feed(self, Source source, const uint8_t* at, size_t length, uint64_t now_ms) except -1:
        self._enter(source)
        if length < RELEASE:
            scan_feed(&self.counts, &source.line, at, length, now_ms)
            return 0
        self.feeding = True
        with nogil:
            scan_feed(&self.counts, &source.line, at, length, now_ms)
        self.feeding = False
        return 0

    def advance(self, uint64_t now_ms):
        """Let time pass where nothing was read, so that seconds end."""
        self._enter(None)
        scan_advance(&self.counts, now_ms)

    def cut(self, Source source not None):
        """The connection is gone: the line it had begun will not end."""
        self._enter(source)
        tally(&self.counts, source.line.framing.lane, CUT, source.line.held > 0)
        explicit_bzero(source.line.begun, source.line.held)
        source.line.held = 0
        source.line.endless = False

    def finish(self):
        """End the open second now; True: the next `take` has all that was counted. False: take, and finish again."""
        self._enter(None)
        return close_second(&self.counts, self.counts.second)

    cdef int _enter(self, Source source) except -1:
        if self.feeding:
            raise RuntimeError("two threads feed one counter")
        if source is not None and source.line.framing.lane >= self.counts.hub.lanes:
            raise ValueError(f"lane {source.line.framing.lane} of {self.counts.hub.lanes}")
        return 0

    def take(self):
        """What was counted in the seconds that ended since the last `take`; None: no second ended.

        Ends the views of the last snapshot; BufferError while one is in use. Never waits for the feeding thread.
        """
        while self.views:
            self.views[-1].release()
            self.views.pop()
        cdef int taken = scan_swap(&self.counts.ready, -1)
        if taken < 0:
            return None
        clean(&self.counts, self.counts.banks[self.held])
        scan_put(&self.counts.spare, self.held)
        self.held = taken
        add_up(&self.counts, self.counts.banks[taken], self.total, self.carrier_total, self.chute_total)
        cells, rows, peaks, notes = self.banks[taken]
        self.views = [_view(cells, self.counts.hub.lanes, self.counts.hub.chutes + 1, len(self.classes)),
                      _view(rows, self.counts.hub.lanes, COLUMNS), _view(peaks, self.counts.hub.lanes + 1)]
        return Snapshot(*notes, *self.views)


cdef array.array _zeros(str code, Py_ssize_t length):
    return array.clone(array.array(code), length, zero=True)


def _pages(Py_ssize_t size):
    """Zeroed bytes on a page's boundary; from 2 MB on in large pages, where the system has them."""
    cdef bint large = size >= LARGE_PAGE
    block = mmap.mmap(-1, size + large * LARGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    cdef const uint8_t[::1] view = block
    cdef Py_ssize_t start = -<Py_ssize_t>&view[0] & (LARGE_PAGE - 1) if large else 0
    if large and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            block.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(block)[start : start + size]


def _view(numbers, *shape):
    flat = memoryview(numbers).toreadonly()
    return flat.cast("B").cast(flat.format, shape)
