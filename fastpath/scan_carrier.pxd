# cython: language_level=3
"""What a hub knows of a read: how many lanes and chutes there are, and whose waybill a code is."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.scan_seen cimport scan_read64


cdef extern from "scan_masks.h" nogil:
    uint64_t scan_ones(unsigned count)


cdef enum:
    RULES_MOST = 64
    S10_LETTERS = 0x1803  # of 13 characters, those that are letters

cdef struct Rule:  # letters, then digits: whose waybill
    uint64_t prefix
    uint64_t mask
    uint64_t letters # bit i: character i of the prefix
    unsigned least   # characters in all
    unsigned span    # more than least
    unsigned carrier
    unsigned others  # 1: another rule may fit,
    unsigned other   # the next with the same two letters, or 0

cdef struct Hub:  # what a read may name
    unsigned lanes
    unsigned chutes
    unsigned classes        # of carriers; 0 is any other
    unsigned s10
    uint8_t[1024] first     # rule for the first two characters
    Rule[RULES_MOST] rules  # 0, at the end of all: a code of digits


cdef inline bint s10_checks(const uint8_t* code) noexcept nogil:
    """Check digit of UPU S10: weights 8 6 4 2 3 5 9 7, 11 less the sum modulo 11, 10 is 0 and 11 is 5."""
    cdef uint32_t total = (8 * (code[2] & 15) + 6 * (code[3] & 15) + 4 * (code[4] & 15) + 2 * (code[5] & 15)
                           + 3 * (code[6] & 15) + 5 * (code[7] & 15) + 9 * (code[8] & 15) + 7 * (code[9] & 15))
    cdef uint32_t check = 11 - total % 11
    return (5 if check == 11 else 0 if check == 10 else check) == <uint32_t>(code[10] & 15)


cdef inline unsigned rule_fits(const Rule* rule, uint64_t head, uint64_t letters, unsigned length) noexcept nogil:
    return ((head & rule.mask) == rule.prefix) & (letters == rule.letters) & (length - rule.least <= rule.span)


cdef inline unsigned carrier_of(const Hub* hub, const uint8_t* code, unsigned length, uint64_t digits) noexcept nogil:
    """Class of a code; bit i of `digits`: character i is a digit. Eight bytes can be read.

    Only what is certain: a prefix of letters and the right number of digits, or an S10 check digit.
    """
    cdef uint64_t head = scan_read64(code), letters = ~digits & scan_ones(length)
    cdef const Rule* rule = &hub.rules[hub.first[(head & 31) | ((head >> 3) & (31 << 5))]]
    cdef unsigned fits = rule_fits(rule, head, letters, length)
    if rule.others & (fits ^ 1):
        while rule.others and not fits:
            rule = &hub.rules[rule.other]
            fits = rule_fits(rule, head, letters, length)
    if letters == S10_LETTERS and length == 13:
        return hub.s10 * s10_checks(code)
    return fits * rule.carrier  # arithmetic, where a branch would be a coin tossed
