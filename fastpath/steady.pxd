# cython: language_level=3
"""The steady count, for other compiled rooms that read many of them."""


cdef class SteadyCount:
    cdef public object base, lo, hi, total, earlier, unseen, refused_s, estimated_s
    cdef public long long breaks
    cdef public unsigned long long raw
    cdef readonly double period_s, watched_s
    cdef object _at
    cdef str boot_id    # of `_at`, as is `at_s`; None before the first sample
    cdef double at_s
    cdef double _rate, _latency_s
    cdef unsigned long long _last, _blind
    cdef bint _ran_on(self, unsigned long long raw, str boot_id, double at_s) except -1
    cdef bint is_fresh(self, str boot_id, double at_s) except -1
