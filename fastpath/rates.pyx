# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True, autotestdict=False, auto_pickle=False
"""How fast a total grew over the last minute or quarter of an hour, on the boot clock, in fixed memory."""

cimport cython
from libc.math cimport expm1

MARKS = 60
ENOUGH_S = 10.0

cdef enum:
    _MARKS = 60
    _RING = 64  # the marks of a window, the one before it, the newest, and a power of two

cdef double _ENOUGH_S = ENOUGH_S
cdef double _HOUR_S = 3600.0


@cython.final
cdef class WindowRate:
    """The mean rate of one total over the last `window_s` seconds, from samples at any distance.

    `per_hour` is the counts between two true samples over the time between them, `span_s`: the newest, and the
    youngest that is at least `window_s` old. So irregular samples and missed reads do not bend it. It is None until
    the samples span ENOUGH_S. After a silence longer than the window, and after `restart`, it begins anew.
    """

    cdef readonly double window_s
    cdef readonly double span_s
    cdef double _spacing_s
    cdef double _at_s
    cdef long long _total
    cdef unsigned int _first
    cdef unsigned int _marks
    cdef double[_RING] _times
    cdef long long[_RING] _totals

    def __init__(self, double window_s):
        self.window_s = window_s
        self._spacing_s = window_s / _MARKS

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        self._marks = 0
        self.span_s = 0.0

    def advance(self, double at_s, long long total) -> None:
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

    @property
    def per_hour(self):
        if not self._marks or self.span_s < _ENOUGH_S:
            return None
        return _HOUR_S * (self._total - self._totals[self._first]) / self.span_s


@cython.final
cdef class SmoothedRate:
    """A rate for the eye: each sample's own rate, weighed by how much of `tau_s` it covers."""

    cdef double _tau_s
    cdef double _at_s
    cdef double _per_hour
    cdef long long _total
    cdef unsigned int _samples

    def __init__(self, double tau_s):
        self._tau_s = tau_s

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        self._samples = 0

    def advance(self, double at_s, long long total) -> None:
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
