# cython: language_level=3
"""The scan counter for other compiled readers: `scan_feed(&counter.counts, &source.line, ...)` needs no GIL."""

from libc.stdint cimport uint8_t, uint64_t

from fastpath.scan_banks cimport Counts
from fastpath.scan_count cimport Line


cdef class Source:
    cdef Line line


cdef class ScanCounter:
    cdef Counts counts
    cdef uint64_t* total
    cdef uint64_t* carrier_total
    cdef uint64_t* chute_total
    cdef int held       # the bank whose snapshot Python may still look at
    cdef bint feeding   # without the GIL
    cdef list banks, views
    cdef object memory
    cdef readonly tuple classes
    cdef readonly int tick_ms
    cdef readonly object totals, carrier_totals, chute_totals
    cdef _set_windows(self, duplicate_ms, loop_ms)
    cdef _set_carriers(self, tuple rules, str s10, str numeric)
    cdef _take_memory(self, unsigned bits, bytes key)
    cdef int _feed(self, Source source, const uint8_t* at, size_t length, uint64_t now_ms) except -1
    cdef int _enter(self, Source source) except -1
