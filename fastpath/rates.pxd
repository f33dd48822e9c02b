# cython: language_level=3
"""Rates for other compiled rooms that follow many totals."""

cimport cython

cdef enum:
    _MARKS = 60
    _RING = 64  # the marks of a window, the one before it, the newest, and a power of two


@cython.final
cdef class WindowRate:
    cdef readonly double window_s
    cdef readonly double span_s
    cdef double _spacing_s
    cdef double _at_s
    cdef long long _total
    cdef unsigned int _first
    cdef unsigned int _marks
    cdef double[_RING] _times
    cdef long long[_RING] _totals
    cpdef void restart(self) noexcept
    cpdef void advance(self, double at_s, long long total) noexcept
    cdef unsigned int _place(self, unsigned int mark) noexcept
    cdef bint is_known(self) noexcept
    cdef double rate(self) noexcept


@cython.final
cdef class SmoothedRate:
    cdef double _tau_s
    cdef double _at_s
    cdef double _per_hour
    cdef long long _total
    cdef unsigned int _samples
    cpdef void restart(self) noexcept
    cpdef void advance(self, double at_s, long long total) noexcept
