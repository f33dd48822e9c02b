STRAY: int
WOKEN: int
UNSENT: int
GONE: int

def turn(
    fd: int, wake_fd: int, request: bytes, reply: bytearray, begin_s: float, reply_s: float
) -> tuple[int, float, float]: ...
