"""The service: assembles a site from its settings, beats until told to stop, and ends with everything durable."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent import clock, footprint, log
from agent.baselines import Baselines, Epoch
from agent.beat import Beat, block_stop_signals
from agent.bus import Owner
from agent.bus.heard_plan import HeardPlan, Plan
from agent.bus.plans import DevicePlan
from agent.bus.schedule import Station
from agent.capacity import budgets, listens, overfull
from agent.control.desk import Desk
from agent.control.server import ControlServer
from agent.helm import Helm, at_the_helm
from agent.intake import Intake, counter_meters
from agent.load import memory
from agent.load.attendance import Register
from agent.load.line import LineModel
from agent.load.meter import Meter
from agent.load.site import SiteModel
from agent.owners import make_owners
from agent.release import VERSION
from agent.reporter import Reporter
from agent.site import Site
from agent.stocktake import StockTakes
from agent.systemd import Notify
from agent.uplink.contract import Identity
from agent.uplink.publisher import Publisher
from agent.uplink.spool import Spool
from config.device_settings import CounterRef, Device
from config.settings import Settings
from drivers.budget import FULL
from drivers.plan import Cut
from drivers.wire import price

if TYPE_CHECKING:
    from agent.lockers.site import SiteLockers
    from agent.scans.site import SiteScans

PATIENT_REPORTS = 3
LEAST_PATIENCE_S = 15.0
"""For so many of the shortest reporting intervals, and so long at least, figures may be missing before a state is
called unknown."""

UPLINK_STOP_S = 1.5
"""What a goodbye to the broker may take of the three seconds that a stop may last."""


def serve(settings: Settings, notify: Notify, control: Path | None = None) -> None:
    """Run the agent of this site until SIGTERM or SIGINT.

    Raises SpoolLockedError when another one runs here, CredentialError for a key of the bureau that cannot be used.

    People on this machine ask it through the socket `control`; without one they cannot.

    A bug in any thread ends the process with its traceback; the spool is whole, systemd starts anew.
    """
    footprint.keep_little()
    block_stop_signals()
    spool = Spool.open(settings.spool.directory, settings.spool.max_bytes)
    try:
        _serve(settings, spool, notify, control, at_the_helm(settings, clock.now()))
    finally:
        spool.close()


def _serve(settings: Settings, spool: Spool, notify: Notify, control: Path | None, helm: Helm) -> None:
    meters = counter_meters(settings)
    past = _remembered(spool.state)
    clock.raise_floor(past.ntp_s)
    _restore(meters, past.counters)
    epoch = Epoch.after(_number_before(past, spool))
    plans = [device_plan(settings, device, past.cuts.get(device.id, ())) for device in settings.devices]
    scans = make_scans(settings, meters)
    lockers = make_lockers(settings, past.lockers)
    owners = make_owners(settings, plans, lockers)
    if scans is not None:
        owners = (*owners, scans.readers)
    intake = Intake(
        plans, meters, _owner_of(settings, owners), clock.boot_seconds(), past.identities, lockers, helm.inputs
    )
    patience_s = max(LEAST_PATIENCE_S, PATIENT_REPORTS * settings.reporting.shortest_s(settings.bureau.report_s))
    lines = [LineModel(line, meters, settings.load, patience_s) for line in settings.lines]
    whole = SiteModel(settings.load, lines, meters, patience_s)
    memory.restore(past.load, clock.now(), {one.line.id: one for one in lines}, whole, _forgotten)
    register = _register([*intake.presence, *(lockers.presence if lockers else ())], past.load.get("devices"))
    site = Site(meters, lines, whole, intake, owners, register, scans, lockers)
    stocktakes = StockTakes()
    reporter = Reporter(settings, epoch, site, spool, notify, helm, stocktakes)
    helm.begin(clock.now(), past.helm)
    publisher = Publisher(settings.bureau, identity(settings, epoch), spool, reporter.retained)
    reporter.begin(clock.now(), publisher, past)
    log.event("start", version=VERSION, site=settings.site.id, epoch=epoch, spool=settings.spool.directory)
    for budget in overfull(budgets(settings)):
        log.warn("bus_overfull", bus=budget.bus.id, needs=f"{budget.utilisation:.0%}", most=f"{FULL:.0%}")
    publisher.start()
    for owner in owners:
        owner.start()
    door = _open_door(control, Desk(settings, owners, intake.presence, stocktakes, lockers, helm.here))
    footprint.settle()
    notify.ready()
    beat = Beat(owners, (*owners, publisher), intake, reporter, notify)
    try:
        stop = beat.run()
    finally:
        notify.stopping()
    log.event("stop", signal=stop.name)
    if door is not None:
        door.stop()
    _stop(owners)
    if scans is not None:
        scans.finish()
    beat.finish(clock.now())
    publisher.stop(UPLINK_STOP_S)


def _open_door(path: Path | None, desk: Desk) -> ControlServer | None:
    """The control socket, where it can be: counting does not depend on it."""
    if path is None:
        return None
    try:
        door = ControlServer(path, desk)
    except OSError as fault:
        log.event("no_control", path=path, reason=fault.strerror or fault)
        return None
    door.start()
    return door


def device_plan(settings: Settings, device: Device, cuts: Iterable[Cut] = ()) -> Plan:
    """What `device` is asked, parted at `cuts`, or what is hoped to be heard of it."""
    bus = settings.bus(device.bus)
    if listens(bus):
        return HeardPlan(device, clock.boot_seconds())
    return DevicePlan(device, bus.framing, price(bus), cuts)


def make_scans(settings: Settings, meters: Mapping[CounterRef, Meter]) -> SiteScans | None:
    """The scanners, where there are any. Raises UnsoundScannerError."""
    if not settings.scanners:
        return None
    # Two megabytes that a site without scanners need not carry.
    from agent.scans.privacy import forbid_core_images
    from agent.scans.site import SiteScans

    forbid_core_images()
    return SiteScans(settings, meters, clock.boot_seconds())


def make_lockers(settings: Settings, past: Mapping[str, object]) -> SiteLockers | None:
    """The lockers, where there are any, as the `past` run left them."""
    if not settings.lockers:
        return None
    from agent.lockers.site import SiteLockers

    lockers = SiteLockers(settings.lockers, clock.boot_seconds())
    lockers.restore(past, clock.now())
    return lockers


def identity(settings: Settings, epoch: Epoch) -> Identity:
    """Who we are at the broker: the site, and the machine, so that a cloned card is noticed."""
    site = settings.site
    return Identity(
        prov=site.province,
        city=site.city,
        site=site.id,
        client_id=f"hubpulse-{site.city}-{site.id}-{machine_mark()}",
        epoch_number=epoch.number,
        epoch=str(epoch),
        version=VERSION,
        cfg=settings.digest,
    )


def machine_mark(machine_id: Path = Path("/etc/machine-id")) -> str:
    """Six hex digits that tell this machine from others; machine-id(5) asks for its id not to be published as it is."""
    try:
        secret = machine_id.read_bytes().strip()
    except OSError:
        return "000000"
    return hashlib.sha256(b"hubpulse" + secret).hexdigest()[:6]


def _number_before(past: Baselines, spool: Spool) -> int:
    """The number of the epoch before this one. What a card holds that cannot be read now may come back behind us: the
    seconds since 1970 are more than any count of starts, so that numbers still grow with the place in the spool."""
    if past.epoch:
        return past.epoch.number
    return int(clock.now().wall_s) if spool.condition.place == "ram" else 0


def _remembered(state: bytes) -> Baselines:
    try:
        return Baselines.decode(state)
    except ValueError as error:
        log.warn("baselines_unreadable", reason=error)
        return Baselines()


def _restore(meters: Mapping[CounterRef, Meter], kept: Mapping[str, list[object]]) -> None:
    for ref, meter in meters.items():
        try:
            meter.restore(kept.get(str(ref), []))
        except ValueError as error:
            log.warn("baseline_lost", counter=ref, reason=error)


def _register(devices: Iterable[str], kept: object) -> Register:
    """Who is expected to answer, and how they did until the last run ended."""
    register = Register(devices)
    try:
        register.restore(kept)
    except ValueError as error:
        _forgotten("devices", str(error))
    return register


def _forgotten(name: str, reason: str) -> None:
    log.warn("load_forgotten", of=name, reason=reason)


def _owner_of(settings: Settings, owners: Sequence[Owner]) -> Callable[[str], Owner]:
    """Which owner reads a device."""
    stations: tuple[Station, ...] = (*settings.devices, *settings.boards)
    bus_of = {one.id: one.bus for one in stations}
    owner_of = {bus: owner for owner in owners for bus in owner.counts()}
    return lambda device: owner_of[bus_of[device]]


def _stop(owners: Sequence[Owner]) -> None:
    """All at once: each may take a second."""
    stopping = [threading.Thread(target=owner.stop) for owner in owners]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()
