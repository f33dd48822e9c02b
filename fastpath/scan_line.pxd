# cython: language_level=3
"""What a line of a scanner says: which bytes are lane, code, chute and confidence.

`line_fast` takes the ordinary line by mask algebra and gives up at anything odd; `line_exact` is the definition.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memset

from fastpath.scan_carrier cimport *
from fastpath.scan_seen cimport CODE_MOST, scan_read64


cdef extern from "scan_masks.h" nogil:
    ctypedef struct scan_masks:
        uint64_t end
        uint64_t separator
        uint64_t digit
        uint64_t word
    scan_masks scan_classify(const uint8_t* at, uint8_t end, uint8_t separator)
    unsigned scan_ctz(uint64_t bits)
    void explicit_bzero(void* at, size_t length)


cdef enum:
    FIELDS_MOST = 8
    FAST_FIELDS = 4           # that line_fast looks at; lines of more are for line_exact
    ABSENT = FIELDS_MOST + 1  # a field that the framing does not have: always empty
    LINE_MOST = 512           # bytes of a line
    TEXT_MOST = 32
    TEXTS_MOST = 24
    READ_AHEAD = 80           # bytes that must be readable where line_fast looks

cdef enum Column:  # of a lane's row; the first three are Sight's
    NO_READ = 3
    MULTI, HEARTBEAT, OVERLONG, FRAMING, EMPTY, BYTE, FIELDS, LANE, CODE, CHUTE, CONFIDENCE, CUT, COLUMNS
    READ = COLUMNS  # a good read: what it is depends on what was seen before

cdef struct Text:
    uint8_t length
    uint8_t column
    uint8_t[TEXT_MOST] upper

cdef struct Shape:  # of a line: start, fields, lead, end
    unsigned start_length       # 0 or 1
    unsigned lead_length
    size_t fields
    size_t lane_at
    size_t code_at
    size_t chute_at
    size_t confidence_at

cdef struct Framing:
    Shape shape
    bint usual                  # STX lane,code[,chute[,confidence]] CR LF, whatever its marks
    uint8_t end                 # the last byte of a line's terminator
    uint8_t separator           # of fields; `end` where there is none
    uint8_t joiner              # of several codes in one field; `end` where there is none
    uint8_t start
    uint64_t lead               # what stands before `end`, as the last of the eight bytes
    uint64_t lead_mask
    unsigned needed             # fields that may not be missing
    unsigned lane               # of the connection
    unsigned code_least
    unsigned code_most
    uint64_t plain_lengths      # bit n: what has n characters where the code stands is a code, not a text
    unsigned confidence_least
    unsigned sure_digits        # of a confidence: so many are always enough, whatever they say
    unsigned empty              # the column of a line without any byte
    unsigned line_most
    unsigned texts
    uint64_t text_lengths
    Text[TEXTS_MOST] text
    bint aim                    # codes may begin with an AIM identifier, "]C0"

cdef struct Read:  # one good read
    const uint8_t* code
    unsigned length
    unsigned lane
    unsigned chute
    unsigned carrier
    bint noise       # a cut line or noise stood before it


cdef inline unsigned number(const uint8_t* at, unsigned digits) noexcept nogil:
    """The value of 0 to 4 digits, two and two at once; eight bytes can be read."""
    cdef uint64_t value = <uint32_t>(scan_read64(at) << (32 - 8 * digits)) & 0x0F0F0F0F
    value = (value * 2561) >> 8
    return <uint32_t>((value & 0x00FF00FF) * 0x00640001) >> 16


cdef inline bint line_fast(const Framing* framing, const Hub* hub, Shape shape,
                           const uint8_t* at, scan_masks masks, unsigned length, Read* read) noexcept nogil:
    """Take an ordinary good read; False: look with `line_exact`. READ_AHEAD bytes can be read at `at`.

    The shape is an argument so that the compiler can make a copy of this for the usual one.
    """
    cdef uint32_t[FIELDS_MOST + 3] ends  # of the fields; before them stands the first's start, less one
    cdef unsigned end = length - shape.lead_length, place, first, digits, confidence
    cdef uint64_t before, rest, code
    cdef int i
    if end - shape.start_length - 8 > 48 or (shape.start_length and at[0] != framing.start) or (
            (scan_read64(at + length - 8) ^ framing.lead) & framing.lead_mask):
        return False
    before = scan_ones(end)
    rest = masks.separator | ~before
    ends[0] = shape.start_length - 1
    ends[ABSENT] = 0
    ends[ABSENT + 1] = 1
    for i in range(FAST_FIELDS):
        ends[i + 1] = scan_ctz(rest)
        rest &= rest - 1
    place = ends[shape.code_at] + 1
    read.length = ends[shape.code_at + 1] - place
    code = scan_ones(read.length) << place
    if before & ~(scan_ones(shape.start_length) | masks.digit | masks.separator | (masks.word & code)):
        return False
    if ends[shape.fields] < end or not (framing.plain_lengths >> read.length) & 1:
        return False
    read.code = at + place
    read.lane = framing.lane
    if shape.lane_at != ABSENT:
        first = ends[shape.lane_at] + 1
        digits = ends[shape.lane_at + 1] - first
        if digits - 1 > 3:
            return False
        read.lane = number(at + first, digits)
    first = ends[shape.chute_at] + 1
    digits = ends[shape.chute_at + 1] - first
    if read.lane >= hub.lanes or digits > 4:
        return False
    read.chute = number(at + first, digits)
    first = ends[shape.confidence_at] + 1
    digits = ends[shape.confidence_at + 1] - first
    if read.chute > hub.chutes:
        return False
    if digits > framing.sure_digits:
        confidence = number(at + first, digits) if digits <= 3 else 101
        if confidence > 100 or confidence < framing.confidence_least:
            return False
    read.carrier = carrier_of(hub, read.code, read.length, masks.digit >> place)
    return True


cdef inline bint line_ordinary(const Framing* framing, const Hub* hub,
                               const uint8_t* at, scan_masks masks, unsigned length, Read* read) noexcept nogil:
    """The same for the framing's own shape: a copy with constants for the usual one, another for all others."""
    if framing.usual:
        return line_fast(framing, hub, Shape(1, 1, 4, 0, 1, 2, 3), at, masks, length, read)
    return line_fast(framing, hub, framing.shape, at, masks, length, read)


cdef inline unsigned text_column(const Framing* framing, const uint8_t* at, size_t length) noexcept nogil:
    """The column of a text that stands for no code, in any case of letters; COLUMNS: it is none."""
    cdef unsigned i, j
    if length > TEXT_MOST or not (framing.text_lengths >> length) & 1:
        return COLUMNS
    for i in range(framing.texts):
        if framing.text[i].length == length:
            for j in range(<unsigned>length):
                if framing.text[i].upper[j] != at[j] - (32 if c'a' <= at[j] <= c'z' else 0):
                    break
            else:
                return framing.text[i].column
    return COLUMNS


cdef inline bint decimal(const uint8_t* at, unsigned length, unsigned digits, unsigned most, unsigned* value) noexcept nogil:
    """Read `length` characters as a number of at most so many digits and that value."""
    cdef unsigned i
    value[0] = 0
    if length > digits:
        return False
    for i in range(length):
        if not c'0' <= at[i] <= c'9':
            return False
        value[0] = value[0] * 10 + (at[i] - c'0')
    return value[0] <= most


cdef inline bint code_read(const Framing* framing, const Hub* hub, Read* read) noexcept nogil:
    """Check a code and find its carrier; what follows a hyphen (a parcel of several) does not matter for that."""
    cdef uint8_t[CODE_MOST + 8] padded
    cdef uint64_t digits = 0
    cdef unsigned i, base = read.length
    cdef uint8_t c
    if framing.aim and read.length > 3 and read.code[0] == c']':
        read.code += 3
        read.length -= 3
    if read.length < framing.code_least or read.length > framing.code_most:
        return False
    base = read.length
    memset(padded, 0, sizeof(padded))
    for i in range(read.length):
        c = read.code[i]
        padded[i] = c
        if c == c'-':
            base = min(base, i)
        elif c'0' <= c <= c'9':
            digits |= <uint64_t>1 << i
        elif not (c'A' <= c <= c'Z' or c'a' <= c <= c'z'):
            return False
    read.carrier = carrier_of(hub, padded, base, digits)
    explicit_bzero(padded, read.length)
    return base > 0


cdef inline unsigned fields_read(const Framing* framing, const Hub* hub,
                                 const uint8_t* at, unsigned length, Read* read) noexcept nogil:
    cdef uint32_t[FIELDS_MOST + 3] start
    cdef unsigned fields = 1, i, lane, sure, column
    start[0] = start[ABSENT] = 0
    start[ABSENT + 1] = 1
    for i in range(length):
        if not c' ' <= at[i] <= c'~' and at[i] != framing.separator and at[i] != framing.joiner:
            return BYTE
    for i in range(length):
        if at[i] == framing.separator:
            if fields == framing.shape.fields:
                return FIELDS
            start[fields] = i + 1
            fields += 1
    if fields < framing.needed:
        return FIELDS
    for i in range(fields, framing.shape.fields + 1):
        start[i] = length + 1 + i - fields
    lane = framing.lane
    if framing.shape.lane_at != ABSENT:
        i = start[framing.shape.lane_at]
        column = start[framing.shape.lane_at + 1] - 1 - i
        if column == 0 or not decimal(at + i, column, 4, hub.lanes - 1, &lane):
            return LANE
    read.code = at + start[framing.shape.code_at]
    read.length = start[framing.shape.code_at + 1] - 1 - start[framing.shape.code_at]
    column = text_column(framing, read.code, read.length)
    if column == COLUMNS and memchr(read.code, framing.joiner, read.length) != NULL:
        column = MULTI
    if column == COLUMNS:
        if not code_read(framing, hub, read):
            return CODE
        i = start[framing.shape.chute_at]
        if not decimal(at + i, start[framing.shape.chute_at + 1] - 1 - i, 4, hub.chutes, &read.chute):
            return CHUTE
        i = start[framing.shape.confidence_at]
        column = start[framing.shape.confidence_at + 1] - 1 - i
        if not decimal(at + i, column, 3, 100, &sure) or (column > 0 and sure < framing.confidence_least):
            return CONFIDENCE
        column = READ
    read.lane = lane
    return column


cdef inline unsigned line_exact(const Framing* framing, const Hub* hub,
                                const uint8_t* at, size_t length, Read* read) noexcept nogil:
    """The column that a line belongs to, or READ; `read.lane` is the row, `read.noise` that something stood before."""
    cdef size_t start
    cdef unsigned i, column
    read.lane = framing.lane
    read.noise = False
    if length > framing.line_most:
        return OVERLONG
    for i in range(framing.shape.lead_length):
        if length == i or at[length - 1 - i] != <uint8_t>(framing.lead >> (56 - 8 * i)):
            return FRAMING
    length -= framing.shape.lead_length
    if framing.shape.start_length:
        start = length
        while start > 0 and at[start - 1] != framing.start:
            start -= 1
        if start == 0:
            return FRAMING
        read.noise = start > 1
        at += start
        length -= start
    column = text_column(framing, at, length)
    if column != COLUMNS:
        return column
    if length == 0:
        return EMPTY
    return fields_read(framing, hub, at, <unsigned>length, read)
