"""A serial line as a device file: opened and set up by pyserial, then read and written by its descriptor."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import termios
from contextlib import suppress
from typing import Final, Literal, Protocol, Self

import serial
from serial.rs485 import RS485Settings

from agent.bus.guard import check_outgoing, nothing
from agent.bus.link import LinkError
from agent.bus.turn import Turn
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import Parity, Rs485, SerialBus
from drivers import Guard
from fastpath.turn import GONE, STRAY, UNSENT, WOKEN, turn

_PARITY: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_STOP_BITS: Final = {1: serial.STOPBITS_ONE, 2: serial.STOPBITS_TWO}
_DATA_BITS: Final = {7: serial.SEVENBITS, 8: serial.EIGHTBITS}
_RTS: Final = termios.TIOCM_RTS.to_bytes(4, sys.byteorder)
_CHUNK_BYTES = 4096
_NAP_S = 0.2  # the longest sleep without a sign of life
_CC = 6  # where the control characters stand in what tcgetattr gives
_REASONS: Final = {
    errno.ENOENT: "no such port",
    errno.ENXIO: "no such port",
    errno.ENODEV: "no such port",
    errno.ENOTTY: "not a serial port",
    errno.EACCES: "no permission to open the port",
    errno.EBUSY: "the port is in use by another program",
    errno.EAGAIN: "the port is in use by another program",
}


class LineSettings(Protocol):
    """How a serial line is set up; a bus and a scanner's line both are."""

    @property
    def port(self) -> str: ...

    @property
    def baud(self) -> int: ...

    @property
    def parity(self) -> Parity: ...

    @property
    def stop_bits(self) -> Literal[1, 2]: ...


class SerialPort:
    """An open line. Every method raises LinkError when the device is gone (by errno or end of file)."""

    __slots__ = ("_device", "_fd", "_guard", "_heard", "_waiter")

    def __init__(self, device: serial.Serial, waiter: Waiter, guard: Guard) -> None:
        self._device = device
        self._guard = guard
        self._heard = bytearray(_CHUNK_BYTES)
        self._fd: int = device.fileno()
        self._waiter = waiter

    @classmethod
    def open(cls, bus: LineSettings, waiter: Waiter, guard: Guard = nothing) -> Self:
        """Open the line for us alone, to send what `guard` lets pass; LinkError says why it cannot be.

        Where the guard lets nothing pass the port is open for reading only.
        """
        try:
            return cls(_opened(bus, mute=guard is nothing), waiter, guard)
        except (OSError, ValueError) as fault:  # SerialException is an OSError
            raise LinkError(_reason(fault)) from fault
        except termios.error as fault:
            raise LinkError(f"the port cannot be set to {bus.baud} baud, parity {bus.parity}") from fault

    def lower_rts(self) -> None:
        """Let go of the line that turns some transceivers to sending; a port without modem lines has none."""
        with suppress(OSError):
            fcntl.ioctl(self._fd, termios.TIOCMBIC, _RTS)

    def fileno(self) -> int:
        """The descriptor, for an epoll."""
        return self._fd

    def now(self) -> float:
        """Seconds on the boot-time clock."""
        return boot_seconds()

    def wait(self, until_s: float) -> bool:
        """True when there are bytes, False at `until_s` or when woken."""
        return self._waiter.wait(self._fd, until_s)

    def pause(self, until_s: float) -> None:
        """Sleep until then, whatever arrives."""
        self._waiter.pause(until_s)

    def read(self) -> bytes:
        """What has arrived, at most a few thousand bytes; empty when nothing has."""
        try:
            octets = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as fault:
            raise LinkError("the port is gone") from fault
        if not octets:
            raise LinkError("the port is gone")
        return octets

    def read_into(self, octets: bytearray) -> int:
        """Put what has arrived at the start of `octets`; how many bytes that is, 0 when nothing has."""
        try:
            length = os.readv(self._fd, [octets])
        except BlockingIOError:
            return 0
        except OSError as fault:
            raise LinkError("the port is gone") from fault
        if not length:
            raise LinkError("the port is gone")
        return length

    def turn(self, request: bytes, begin_s: float, reply_s: float) -> Turn | None:
        """Send a query at `begin_s` and listen `reply_s` after that; None, and nothing sent, when bytes come before.

        ForbiddenFrameError, and not a byte sent, when the request is no query.
        """
        check_outgoing(request, self._guard)
        if begin_s - self._waiter.alive() > _NAP_S:
            self._waiter.pause(begin_s)
        nap_s = min(reply_s, _NAP_S)
        while (taken := turn(self._fd, self._waiter.fd, request, self._heard, begin_s, nap_s))[0] == WOKEN:
            self._waiter.woken()  # why, the owner looks up in its next round
        outcome, sent_s, now_s = taken
        if outcome == STRAY:
            return None
        if outcome == UNSENT:
            raise LinkError("the port takes no output")
        if outcome == GONE:
            raise LinkError("the port is gone")
        heard = self._heard[:outcome]
        if now_s < sent_s + reply_s:  # woken, or a long reply: sleep on with signs of life
            self._waiter.pause(sent_s + reply_s)
            heard += self.read()
            now_s = boot_seconds()
        return sent_s, now_s, heard

    def close(self) -> None:
        """Let the port go, also when the device is no longer there."""
        with suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)  # else close() waits for bytes nobody takes
        with suppress(OSError, termios.error):
            self._device.close()


def _opened(bus: LineSettings, *, mute: bool) -> serial.Serial:
    """The port, locked twice: flock for programs like ours, TIOCEXCL for those that know no locks."""
    pseudo = _is_pseudo(bus.port)
    device = serial.Serial(
        bus.port,
        bus.baud,
        bytesize=_DATA_BITS[bus.data_bits if isinstance(bus, SerialBus) and not pseudo else 8],
        parity=_PARITY["none" if pseudo else bus.parity],
        stopbits=_STOP_BITS[bus.stop_bits],
        timeout=0,
        exclusive=True,
    )
    try:
        if mute:
            _mute(device)
        fcntl.ioctl(device.fileno(), termios.TIOCEXCL)
        with suppress(ValueError):  # an FTDI adapter else holds bytes back for 16 ms; others cannot and need not
            device.set_low_latency_mode(True)
        if isinstance(bus, SerialBus) and bus.rs485 is not None:
            _turn_by_kernel(device, bus.rs485)
        _tell_empty_from_gone(device.fileno())
    except BaseException:
        device.close()
        raise
    return device


def _mute(device: serial.Serial) -> None:
    """Let the kernel refuse every byte: behind the same descriptor the port is opened again, for reading only."""
    number = device.fileno()
    reading = os.open(f"/dev/fd/{number}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.dup2(reading, number, inheritable=False)
    finally:
        os.close(reading)
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_pseudo(port: str) -> bool:
    """A pseudo-terminal has eight bits and no parity: it refuses others (EINVAL) when nothing else is to be changed."""
    return os.path.realpath(port).startswith("/dev/pts/")  # pathlib raises where links lead in a circle


def _turn_by_kernel(device: serial.Serial, rs485: Rs485) -> None:
    """RTS is raised to send, by the kernel (ioctl_tty(2), TIOCSRS485); only some drivers of UARTs can."""
    # pyserial cuts fractions of a millisecond off, also those that are none.
    before_s, after_s = (rs485.before_ms + 0.5) / 1000, (rs485.after_ms + 0.5) / 1000
    try:
        device.rs485_mode = RS485Settings(delay_before_tx=before_s, delay_before_rx=after_s)
    except ValueError as fault:
        raise LinkError("the adapter cannot be turned by the kernel; remove rs485 if it does so by itself") from fault


def _tell_empty_from_gone(fd: int) -> None:
    """With VMIN 0, as pyserial sets it, a read of nothing and a read of a pulled adapter both give no bytes."""
    settings = termios.tcgetattr(fd)
    settings[_CC][termios.VMIN] = 1
    settings[_CC][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    termios.tcflush(fd, termios.TCIFLUSH)


def _reason(fault: Exception) -> str:
    number = getattr(fault, "errno", None)
    if number is None and isinstance(fault.__context__, termios.error):  # pyserial keeps it for itself
        number = fault.__context__.args[0]
    if number is None:
        return str(fault)
    return _REASONS.get(number) or os.strerror(number).lower()
