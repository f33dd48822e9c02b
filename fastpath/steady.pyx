# cython: language_level=3, cdivision=True, autotestdict=False, auto_pickle=False
"""A counter that is watched and runs on: what nearly every sample of every counter is, each second."""


cdef class SteadyCount:
    """What is known of a counter, and the ordinary step of it; whoever derives from it says by `consider` what all
    others mean, and so that the ordinary step is no more than a short way to the same end.

    What was counted since the first sample of its `base` is lo <= truth <= hi, `total` the best value between them; `hi`
    is None where nothing bounds it. These are Python's integers, exact however far it counts. `raw` stood in the
    register at the moment `at`, the last that was taken (None: none was). `unseen` is how much of `hi` already pays for
    a reset that may have gone unseen. `earlier` is (lo, hi, total) of the bases that have ended, None where none has.
    `breaks`, `estimated_s` and `refused_s` are as `Meter` says.
    """

    def __init__(self, rule):
        self.period_s, self.watched_s = rule.period_s, rule.watched_s
        self._rate, self._latency_s = rule.max_rate_per_s, rule.latency_s
        self._last = rule.modulus - 1
        self._blind = min(rule.blind, <unsigned long long>-1)
        self.base = self.lo = self.hi = self.total = self.unseen = 0

    @classmethod
    def __class_getitem__(cls, moment_and_event):
        return cls

    def advance(self, raw, at):
        """Take one reading of the register in, oldest first; empty in the ordinary case, else what `consider` says."""
        cdef unsigned long long now
        try:
            now = raw
        except OverflowError:  # below 0, or of more than 64 bits
            return self.consider(raw, at)
        if self._ran_on(now, at.boot_id, at.boot_s):
            self._at = at
            return ()
        return self.consider(raw, at)

    def consider(self, raw, at):
        """Take in a reading of which it is not certain that the counter, watched, just ran on."""
        raise NotImplementedError

    cdef bint _ran_on(self, unsigned long long raw, str boot_id, double at_s) except -1:
        """Whether the counter can only have run on to `raw`: no reset can hide behind a count above the most it can
        have counted, or the chance of one is in `hi` already. It has then, until `at_s`."""
        cdef double since_s = max(0.0, at_s - self.at_s)
        cdef double most = self._rate * (since_s + self._latency_s)
        cdef unsigned long long step = raw - self.raw, cap
        if self.refused_s is not None or raw < self.raw or raw > self._last:
            return False
        if boot_id != self.boot_id or since_s >= self.watched_s or not most <= 1e18:
            return False
        cap = <unsigned long long>most + 1
        if step > cap or cap >= self._blind or (raw <= cap and cap - step > self.unseen):
            return False
        self.raw, self.at_s = raw, at_s
        if step:
            self.lo += step
            self.total += step
            if self.hi is not None:
                self.hi += step
        return True

    @property
    def at(self):
        return self._at

    @at.setter
    def at(self, at):
        self._at, self.boot_id, self.at_s = at, at.boot_id, at.boot_s

    def fresh(self, at):
        """True when the last accepted sample is less than 3 periods from `at`."""
        return self.is_fresh(at.boot_id, at.boot_s)

    cdef bint is_fresh(self, str boot_id, double at_s) except -1:
        return -self.watched_s < at_s - self.at_s < self.watched_s and boot_id == self.boot_id

    def refusing(self, at):
        """True when the counter answers (less than 3 periods from `at`) and the answers are not taken."""
        return self.refused_s is not None and abs(at.boot_s - self.refused_s) < self.watched_s
