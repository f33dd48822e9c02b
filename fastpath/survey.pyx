# cython: language_level=3, boundscheck=False, wraparound=False, autotestdict=False, auto_pickle=False
"""Counters seen together at one moment: what they counted in all, and whether all of them can be believed."""

from libc.math cimport INFINITY

from fastpath.steady cimport SteadyCount


cdef class Survey:
    """What `meters` had counted together, in all their bases, when somebody looked: lo <= truth <= hi, and the best
    value `total`; it continues as long as `breaks` stays.

    `fresh`: there are some, and each had an accepted sample within 3 of its periods, the first of them at boot-clock
    second `first_s` and the last at `last_s`.
    """

    def __init__(self, meters):
        self.meters = tuple(meters)
        self.lo = self.hi = self.total = 0
        self.first_s, self.last_s = INFINITY, -INFINITY

    def __bool__(self):
        return bool(self.meters)

    cpdef look(self, at):
        """See them as they are at `at`."""
        cdef SteadyCount meter
        cdef str boot_id = at.boot_id
        cdef double at_s = at.boot_s
        self.lo = self.hi = self.total = self.breaks = 0
        self.first_s, self.last_s, self.fresh = INFINITY, -INFINITY, bool(self.meters)
        for meter in self.meters:
            self._add(meter.lo, meter.hi, meter.total)
            if meter.earlier is not None:
                lo, hi, total = meter.earlier
                self._add(lo, hi, total)
            self.breaks += meter.breaks
            if meter.is_fresh(boot_id, at_s):
                self.first_s, self.last_s = min(self.first_s, meter.at_s), max(self.last_s, meter.at_s)
            else:
                self.fresh = False

    def counted(self):
        """The best value of all that its meters have counted until now, looked at or not."""
        cdef SteadyCount meter
        total = 0
        for meter in self.meters:
            total += meter.total if meter.earlier is None else meter.total + meter.earlier[2]
        return total

    cdef _add(self, object lo, object hi, object total):
        self.lo += lo
        self.hi = None if self.hi is None or hi is None else self.hi + hi
        self.total += total
