# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, autotestdict=False, auto_pickle=False
"""How fast a total grew over the last minute or quarter of an hour, on the boot clock, in fixed memory."""

cimport cython
from libc.math cimport expm1

MARKS = 60
ENOUGH_S = 10.0

cdef double _ENOUGH_S = ENOUGH_S
cdef double _HOUR_S = 3600.0


@cython.final
cdef class WindowRate:
    """The mean rate of one total over the last `window_s` seconds, from samples at any distance.

    `per_hour` is the counts between two true samples over the time between them, `span_s`: the newest, and the
    youngest that is at least `window_s` old. So irregular samples and missed reads do not bend it. It is None until
    the samples span ENOUGH_S. After a silence longer than the window, and after `restart`, it begins anew.
    """

    def __init__(self, double window_s):
        self.window_s = window_s
        self._spacing_s = window_s / _MARKS

    cpdef void restart(self) noexcept:
        """Forget the past: the counts to come do not continue it."""
        self._marks = 0
        self.span_s = 0.0

    cpdef void advance(self, double at_s, long long total) noexcept:
        """Take in that `total` was counted up to boot-clock second `at_s`; nothing older is taken."""
        if self._marks and at_s <= self._at_s:
            return
        if at_s - self._at_s > self.window_s:
            self._marks = 0
        if not self._marks or at_s - self._times[self._place(self._marks - 1)] >= self._spacing_s:
            self._times[self._place(self._marks)] = at_s
            self._totals[self._place(self._marks)] = total
            self._marks += 1
        while self._marks > 1 and at_s - self._times[self._place(1)] >= self.window_s:
            self._first = self._place(1)
            self._marks -= 1
        self._at_s = at_s
        self._total = total
        self.span_s = at_s - self._times[self._first]

    cdef inline unsigned int _place(self, unsigned int mark) noexcept:
        return (self._first + mark) % _RING

    cdef bint is_known(self) noexcept:
        """Whether there is a rate."""
        return self._marks and self.span_s >= _ENOUGH_S

    cdef double rate(self) noexcept:
        """The rate per hour, where it is known."""
        return _HOUR_S * (self._total - self._totals[self._first]) / self.span_s

    @property
    def per_hour(self):
        return self.rate() if self.is_known() else None


@cython.final
cdef class SmoothedRate:
    """A rate for the eye: each sample's own rate, weighed by how much of `tau_s` it covers."""

    def __init__(self, double tau_s):
        self._tau_s = tau_s

    cpdef void restart(self) noexcept:
        """Forget the past: the counts to come do not continue it."""
        self._samples = 0

    cpdef void advance(self, double at_s, long long total) noexcept:
        """Take in that `total` was counted up to boot-clock second `at_s`."""
        cdef double seen, lasted_s = at_s - self._at_s
        if self._samples and lasted_s <= 0.0:
            return
        if self._samples:
            seen = _HOUR_S * (total - self._total) / lasted_s
            if self._samples == 1:
                self._per_hour = seen
            self._per_hour += (seen - self._per_hour) * -expm1(-lasted_s / self._tau_s)
        self._samples = min(self._samples + 1, 2)
        self._at_s = at_s
        self._total = total

    @property
    def per_hour(self):
        return self._per_hour if self._samples > 1 else None
