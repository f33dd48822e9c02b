# cython: language_level=3
"""The survey, for other compiled rooms that follow what it sees."""


cdef class Survey:
    cdef readonly tuple meters
    cdef readonly object lo, hi, total
    cdef readonly long long breaks
    cdef readonly bint fresh
    cdef readonly double first_s, last_s
    cpdef look(self, at)
    cdef _add(self, object lo, object hi, object total)
