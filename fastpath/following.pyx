# cython: language_level=3, boundscheck=False, wraparound=False, autotestdict=False, auto_pickle=False
"""How fast the counters of one role count, known of all of them or not at all."""

cimport cython
from libc.math cimport INFINITY

from fastpath.rates cimport SmoothedRate, WindowRate
from fastpath.steady cimport SteadyCount
from fastpath.survey cimport Survey

MINUTE_S, QUARTER_S, DISPLAY_S = 60.0, 900.0, 10.0

cdef double _QUARTER_S = QUARTER_S


@cython.final
cdef class CountedRates:
    """One meter and its rates; a base begun anew or a gap restarts them, and the one for the eye each silence."""

    cdef readonly SteadyCount meter
    cdef readonly WindowRate minute, quarter
    cdef readonly SmoothedRate display
    cdef long long _breaks
    cdef double _heard_s

    def __init__(self, SteadyCount meter not None):
        self.meter, self._breaks, self._heard_s = meter, meter.breaks, -INFINITY
        self.minute, self.quarter, self.display = WindowRate(MINUTE_S), WindowRate(QUARTER_S), SmoothedRate(DISPLAY_S)

    cdef _advance(self, str boot_id):
        cdef SteadyCount meter = self.meter
        cdef long long total = meter.total
        cdef bint broken = meter.breaks != self._breaks
        if meter.boot_id != boot_id:
            return
        if broken:
            self._breaks = meter.breaks
            self.minute.restart()
            self.quarter.restart()
        if broken or meter.at_s - self._heard_s >= meter.watched_s:
            self.display.restart()
        self._heard_s = meter.at_s
        self.minute.advance(meter.at_s, total)
        self.quarter.advance(meter.at_s, total)
        self.display.advance(meter.at_s, total)

    cdef bint _is_settled(self, double at_s) except -1:
        """True when nothing in the quarter of an hour was a guess, and at least half of it was seen."""
        guessed_s = self.meter.estimated_s
        return self.quarter.span_s >= _QUARTER_S / 2 and (guessed_s is None or at_s - <double>guessed_s > _QUARTER_S)


cdef class Following(Survey):
    """Counters of one role as they were when they were last followed.

    `guesses` stays where nothing of what was counted was guessed. `pph_60` and `pph_900` are parcels per hour over a
    minute and a quarter of an hour, of which `span_s` was seen; None unless all counters are fresh and have a rate.
    `settled`: nothing of that quarter was a guess, and at least half of it was seen, of each. `pph_10` is for the eye.
    """

    cdef readonly tuple counters
    cdef readonly double guesses, span_s
    cdef readonly bint settled
    cdef readonly object pph_900

    def __init__(self, meters):
        super().__init__(meters)
        self.counters = tuple([CountedRates(meter) for meter in self.meters])

    def follow(self, at):
        """Take in what the meters have counted until `at`."""
        cdef CountedRates one
        cdef str boot_id = at.boot_id
        cdef double at_s = at.boot_s, pph = 0.0
        cdef bint known
        self.look(at)
        known = self.fresh
        self.settled, self.guesses, self.span_s = True, self.breaks, INFINITY if self.counters else 0.0
        for one in self.counters:
            one._advance(boot_id)
            self.guesses += one.meter.estimated_s or 0.0
            self.settled = self.settled and one._is_settled(at_s)
            self.span_s = min(self.span_s, one.quarter.span_s)
            if one.quarter.is_known():
                pph += one.quarter.rate()
            else:
                known = False
        self.pph_900 = pph if known else None

    @property
    def pph_60(self):
        return self._together([one.minute.per_hour for one in self.counters])

    @property
    def pph_10(self):
        return self._together([one.display.per_hour for one in self.counters])

    cdef _together(self, list rates):
        cdef double pph = 0.0
        for rate in rates:
            if rate is None:
                return None
            pph += <double>rate
        return pph if self.fresh else None
