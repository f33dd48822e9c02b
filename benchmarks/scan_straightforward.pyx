# cython: language_level=3
"""The same in Cython as one would type it first: C integers, bytes, dicts."""

cdef dict PREFIXES = {b"SF": "sf", b"YT": "yto", b"JT": "jt", b"JD": "jd", b"ST": "sto", b"DP": "deppon"}
cdef dict LENGTHS = {"sf": (2, 14, 17), "yto": (2, 15, 15), "jt": (2, 14, 15), "jd": (4, 15, 15), "sto": (3, 13, 13),
                     "deppon": (3, 14, 15)}
cdef int[8] WEIGHTS = [8, 6, 4, 2, 3, 5, 9, 7]


cdef bint digits(bytes text, Py_ssize_t first, Py_ssize_t last):
    cdef Py_ssize_t i
    cdef const unsigned char* at = text
    for i in range(first, last):
        if not 48 <= at[i] <= 57:
            return False
    return True


cdef str carrier(bytes code):
    cdef Py_ssize_t length = len(code)
    cdef const unsigned char* at = code
    cdef int total = 0, i
    if 48 <= at[0] <= 57:
        return "numeric" if digits(code, 0, length) else "other"
    name = PREFIXES.get(code[:2])
    if name is not None:
        first, least, most = LENGTHS[name]
        if least <= length <= most and digits(code, first, length):
            return name
    if length == 13 and digits(code, 2, 11) and not digits(code, 0, 1) and not digits(code, 11, 12):
        for i in range(8):
            total += WEIGHTS[i] * (at[i + 2] - 48)
        total = 11 - total % 11
        if (5 if total == 11 else 0 if total == 10 else total) == at[10] - 48:
            return "ems"
    return "other"


cdef class Straightforward:
    cdef int lanes, chutes
    cdef long window_ms, loop_least, loop_most, swept_ms
    cdef bytes begun
    cdef public dict seen, rows, cells, passes

    def __init__(self, int lanes, int chutes, long window_ms, tuple loop_ms):
        self.lanes, self.chutes, self.window_ms = lanes, chutes, window_ms
        self.loop_least, self.loop_most = loop_ms
        self.begun = b""
        self.seen, self.rows, self.cells, self.passes = {}, {}, {}, {}

    def feed(self, bytes octets, long now_ms):
        cdef list lines = (self.begun + octets).split(b"\n")
        cdef bytes line
        self.begun = lines.pop()
        for line in lines:
            self.take(line, now_ms)
        if now_ms - self.swept_ms > self.loop_most:
            self.seen = {key: at for key, at in self.seen.items() if now_ms - at <= self.loop_most}
            self.swept_ms = now_ms

    cdef void count(self, int lane, str column):
        cdef tuple key = (lane, column)
        self.rows[key] = self.rows.get(key, 0) + 1

    cdef void take(self, bytes line, long now_ms):
        cdef list fields
        cdef bytes code
        cdef int lane, chute = 0
        cdef long last
        cdef tuple key
        if len(line) > 512 or not line.startswith(b"\x02") or not line.endswith(b"\r"):
            self.count(0, "framing")
            return
        fields = line[1:-1].split(b",")
        if not 2 <= len(fields) <= 4:
            self.count(0, "fields")
            return
        if not (<bytes>fields[0]).isdigit() or int(<bytes>fields[0]) >= self.lanes:
            self.count(0, "lane")
            return
        lane = int(<bytes>fields[0])
        code = fields[1]
        if code == b"NOREAD":
            self.count(lane, "no_read")
            return
        if not (8 <= len(code) <= 32 and code.isalnum()):
            self.count(0, "code")
            return
        if len(fields) > 2:
            if not (<bytes>fields[2]).isdigit() or int(<bytes>fields[2]) > self.chutes:
                self.count(0, "chute")
                return
            chute = int(<bytes>fields[2])
        if len(fields) > 3 and not ((<bytes>fields[3]).isdigit() and int(<bytes>fields[3]) <= 100):
            self.count(0, "confidence")
            return
        key = (lane, code)
        last = self.seen.get(key, -1)
        self.seen[key] = now_ms
        if last >= 0 and now_ms - last < self.window_ms:
            self.count(lane, "duplicate")
            return
        key = (lane, now_ms // 1000)
        self.passes[key] = self.passes.get(key, 0) + 1
        if last >= 0 and self.loop_least <= now_ms - last <= self.loop_most:
            self.count(lane, "recirculated")
        else:
            self.count(lane, "new")
            key = (lane, chute, carrier(code), now_ms // 1000)
            self.cells[key] = self.cells.get(key, 0) + 1
