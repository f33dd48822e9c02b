# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, autotestdict=False
"""One turn on a line without the interpreter: keep the silence, send, sleep until the reply can be there, read."""

from libc.errno cimport EAGAIN, EINTR, errno
from posix.time cimport timespec
from posix.unistd cimport read, write

cdef extern from "<time.h>" nogil:
    int CLOCK_BOOTTIME
    int clock_gettime(int clock, timespec* now)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    short POLLIN
    int ppoll(pollfd* watched, unsigned long count, const timespec* timeout, const void* mask)

cdef enum:
    _STRAY = -1
    _WOKEN = -2
    _UNSENT = -3
    _GONE = -4

STRAY, WOKEN, UNSENT, GONE = _STRAY, _WOKEN, _UNSENT, _GONE


cdef double _now_s() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_BOOTTIME, &now)
    return now.tv_sec + 1e-9 * now.tv_nsec


cdef bint _sleep(pollfd* watched, int count, double until_s) noexcept nogil:
    """Sleep until then; True when something watched ended the sleep. Looks at least once."""
    cdef timespec left
    cdef double left_s
    cdef int ready
    while True:
        left_s = until_s - _now_s()
        if left_s < 0:
            left_s = 0
        left.tv_sec = <long>left_s
        left.tv_nsec = <long>(1e9 * (left_s - <long>left_s))
        ready = ppoll(watched, count, &left, NULL)
        if ready > 0:
            return True
        if ready == 0 and _now_s() >= until_s:
            return False


cdef int _turn(int fd, int wake_fd, const char* request, Py_ssize_t request_length, char* reply, Py_ssize_t room,
               double begin_s, double reply_s, double* sent_s) noexcept nogil:
    cdef pollfd[2] watched
    cdef Py_ssize_t length
    watched[0].fd = wake_fd
    watched[1].fd = fd
    watched[0].events = watched[1].events = POLLIN
    if _sleep(watched, 2, begin_s):
        return _WOKEN if watched[0].revents else _STRAY
    if write(fd, request, request_length) != request_length:
        return _UNSENT
    sent_s[0] = _now_s()
    if _sleep(watched, 1, sent_s[0] + reply_s):
        return 0
    length = read(fd, reply, room)
    if length > 0:
        return <int>length
    return 0 if length < 0 and errno in (EAGAIN, EINTR) else _GONE


def turn(int fd, int wake_fd, bytes request not None, bytearray reply not None, double begin_s,
         double reply_s) -> tuple[int, float, float]:
    """Send `request` on `fd` at `begin_s`, and `reply_s` after that put what has come at the start of `reply`.

    Gives how many bytes came, or STRAY (bytes came before it was sent; nothing was), WOKEN (`wake_fd` became readable
    before; nothing was sent), UNSENT (the line takes no output) or GONE (end of file or an error); when the
    request was sent, and when was listened. `wake_fd` readable after that ends the sleep with 0 bytes. Moments are seconds on the boot-time
    clock. ValueError when there is nothing to send or no room for a reply.
    """
    cdef double sent_s = 0.0
    cdef int outcome
    cdef Py_ssize_t length = len(request), room = len(reply)
    cdef const char* out = request
    cdef char* into = reply
    if length == 0 or room == 0:
        raise ValueError("nothing to send, or no room for a reply")
    with nogil:
        outcome = _turn(fd, wake_fd, out, length, into, room, begin_s, reply_s, &sent_s)
    return outcome, sent_s, _now_s()
