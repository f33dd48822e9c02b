# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False, auto_pickle=False
"""The JSON of a document as the standard library writes it without spaces, as bytes and at a fraction of the time."""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.math cimport fabs, isfinite, rint
from libc.string cimport memcpy, strlen

cdef extern from "Python.h":
    int Py_DTSF_ADD_DOT_0
    char* PyOS_double_to_string(double value, char form, int precision, int flags, int* kind) except NULL
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int* beyond) except? -1

cdef enum:
    _LONGEST_ESCAPE = 6     # \u001f
    _LONGEST_INT = 20
    _DEEPEST = 100
    _DECIMALS = 5
    _PARTS = 100000

cdef const char* _HEX = b"0123456789abcdef"


@cython.final
@cython.no_gc
cdef class _Text:
    """What is written so far, in a buffer that grows."""

    cdef char* at
    cdef Py_ssize_t length, room

    def __dealloc__(self):
        PyMem_Free(self.at)

    cdef inline int want(self, Py_ssize_t more) except -1:
        """Have room for so many bytes more."""
        if self.room - self.length >= more:
            return 0
        cdef Py_ssize_t room = 2 * (self.length + more) + 500
        cdef char* at = <char*>PyMem_Realloc(self.at, room)
        if at == NULL:
            raise MemoryError
        self.at, self.room = at, room
        return 0

    cdef inline int put(self, const char* octets, Py_ssize_t length) except -1:
        self.want(length)
        memcpy(self.at + self.length, octets, length)
        self.length += length
        return 0

    cdef inline int put_one(self, char octet) except -1:
        self.want(1)
        self.at[self.length] = octet
        self.length += 1
        return 0

    cdef int value(self, object value, int depth) except -1:
        if isinstance(value, str):
            return self.string(<str>value)
        if value is None:
            return self.put(b"null", 4)
        if value is True:
            return self.put(b"true", 4)
        if value is False:
            return self.put(b"false", 5)
        if isinstance(value, int):
            return self.whole(value)
        if isinstance(value, float):
            return self.real(value)
        if depth == _DEEPEST:
            raise ValueError("a document nested too deep")
        if isinstance(value, dict):
            return self.table(<dict>value, depth + 1)
        if isinstance(value, (list, tuple)):
            return self.row(value, depth + 1)
        raise TypeError(f"JSON has no {type(value).__name__}")

    cdef int string(self, str value) except -1:
        cdef Py_ssize_t length, n
        cdef const char* octets = PyUnicode_AsUTF8AndSize(value, &length)
        cdef unsigned char octet
        self.want(_LONGEST_ESCAPE * length + 2)
        cdef char* at = self.at + self.length
        at[0] = b'"'
        at += 1
        for n in range(length):
            octet = octets[n]
            if octet >= 0x20 and octet != b'"' and octet != b'\\':
                at[0] = octet
                at += 1
            else:
                at = _escaped(octet, at)
        at[0] = b'"'
        self.length = at + 1 - self.at
        return 0

    cdef int whole(self, object value) except -1:
        cdef int beyond
        cdef long long number = PyLong_AsLongLongAndOverflow(value, &beyond)
        cdef unsigned long long left = number
        cdef char[_LONGEST_INT] digits
        cdef int first = _LONGEST_INT
        if beyond:
            octets = int.__repr__(value).encode()
            return self.put(octets, len(octets))
        if number < 0:
            left = -left
        while True:
            first -= 1
            digits[first] = 48 + left % 10  # '0'
            left //= 10
            if not left:
                break
        if number < 0:
            self.put_one(b'-')
        return self.put(&digits[first], _LONGEST_INT - first)

    cdef int real(self, double value) except -1:
        cdef double parts = rint(_PARTS * value)
        if 10.0 <= fabs(parts) < 1e15 and parts / _PARTS == value:
            return self.decimal(<long long>parts)
        if not isfinite(value):
            raise ValueError(f"JSON has no {value}")
        cdef char* text = PyOS_double_to_string(value, b'r', 0, Py_DTSF_ADD_DOT_0, NULL)
        try:
            return self.put(text, strlen(text))
        finally:
            PyMem_Free(text)

    cdef int decimal(self, long long parts) except -1:
        """So many hundred-thousandths. No other decimal of up to 15 digits is the same floating-point number, so the
        shortest that is read back as it is this one without its last zeros."""
        cdef long long fraction = parts % _PARTS if parts >= 0 else -parts % _PARTS
        cdef char[1 + _DECIMALS] digits
        cdef int n, last = 1
        if parts < 0:
            self.put_one(b'-')
            parts = -parts
        self.whole(parts // _PARTS)
        digits[0] = b'.'
        for n in range(_DECIMALS, 0, -1):
            digits[n] = 48 + fraction % 10  # '0'
            fraction //= 10
            if last == 1 and digits[n] != b'0':
                last = n
        return self.put(digits, 1 + last)

    cdef int table(self, dict table, int depth) except -1:
        cdef bint first = True
        self.put_one(b'{')
        for name, value in table.items():
            if not isinstance(name, str):
                raise TypeError(f"a name in JSON is a string, not {type(name).__name__}")
            if not first:
                self.put_one(b',')
            first = False
            self.string(<str>name)
            self.put_one(b':')
            self.value(value, depth)
        return self.put_one(b'}')

    cdef int row(self, object row, int depth) except -1:
        cdef bint first = True
        self.put_one(b'[')
        for value in row:
            if not first:
                self.put_one(b',')
            first = False
            self.value(value, depth)
        return self.put_one(b']')


cdef char* _escaped(unsigned char octet, char* at) noexcept:
    """The escape of it written at `at`; where that ends."""
    at[0] = b'\\'
    if octet == b'"' or octet == b'\\':
        at[1] = octet
    elif octet == b'\n':
        at[1] = b'n'
    elif octet == b'\r':
        at[1] = b'r'
    elif octet == b'\t':
        at[1] = b't'
    elif octet == b'\f':
        at[1] = b'f'
    elif octet == b'\b':
        at[1] = b'b'
    else:
        memcpy(at + 1, b"u00", 3)
        at[4], at[5] = _HEX[octet >> 4], _HEX[octet & 15]
        return at + 6
    return at + 2


def json_text(document) -> bytes:
    """`document` without spaces, letters of all scripts as they are, in UTF-8.

    It is made of dict with names that are str, list, tuple, str, int, float, bool and None, 100 deep at most; TypeError for
    anything else. ValueError for numbers that JSON does not have, for halves of characters, and for deeper ones.
    """
    text = _Text()
    text.value(document, 0)
    return PyBytes_FromStringAndSize(text.at, text.length)
