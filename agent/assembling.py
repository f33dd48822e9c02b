"""A site put together from its settings, going on from what the last run left of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from agent import clock, log
from agent.baselines import Baselines
from agent.bus import Owner
from agent.bus.heard_plan import HeardPlan, Plan
from agent.bus.plans import DevicePlan
from agent.bus.schedule import Station
from agent.capacity import listens
from agent.counters import counter_meters
from agent.inputs.site import SiteInputs
from agent.intake import Intake
from agent.load import memory
from agent.load.attendance import Register
from agent.load.line import LineModel
from agent.load.meter import Meter
from agent.load.site import SiteModel
from agent.owners import make_owners
from agent.site import Site
from config.device_settings import CounterRef, Device
from config.settings import Settings
from drivers.plan import Cut
from drivers.wire import price

if TYPE_CHECKING:
    from agent.lockers.site import SiteLockers
    from agent.scans.site import SiteScans

PATIENT_REPORTS = 3
LEAST_PATIENCE_S = 15.0
"""For so many of the shortest reporting intervals, and so long at least, figures may be missing before a state is
called unknown."""


def assemble(settings: Settings, past: Baselines, inputs: SiteInputs) -> Site:
    """Everything there is on the site; no wire is open yet."""
    meters = counter_meters(settings)
    _restore(meters, past.counters)
    plans = [device_plan(settings, device, past.cuts.get(device.id, ())) for device in settings.devices]
    scans, lockers = make_scans(settings, meters), make_lockers(settings, past.lockers)
    owners = [*make_owners(settings, plans, lockers), *([scans.readers] if scans else [])]
    owner_of = _owner_of(settings, owners)
    intake = Intake(plans, meters, owner_of, clock.boot_seconds(), past.identities, lockers, inputs)
    patience_s = max(LEAST_PATIENCE_S, PATIENT_REPORTS * settings.reporting.shortest_s(settings.bureau.report_s))
    lines = [LineModel(line, meters, settings.load, patience_s) for line in settings.lines]
    whole = SiteModel(settings.load, lines, meters, patience_s)
    memory.restore(past.load, clock.now(), {one.line.id: one for one in lines}, whole, _forgotten)
    register = _register([*intake.presence, *(lockers.presence if lockers else ())], past.load.get("devices"))
    return Site(meters, lines, whole, intake, owners, register, scans, lockers)


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
