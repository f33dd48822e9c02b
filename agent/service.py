"""The service: assembles a site from its settings, beats until told to stop, and ends with everything durable."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import clock, footprint, log
from agent.assembling import assemble
from agent.baselines import Baselines, Epoch
from agent.beat import Beat, block_stop_signals
from agent.bus import Owner
from agent.capacity import budgets, overfull
from agent.control.desk import Desk
from agent.control.server import ControlServer
from agent.helm import Helm, at_the_helm
from agent.machine import Machine
from agent.own_spool import OwnSpool, own_spool
from agent.release import VERSION
from agent.report.commits import Commits
from agent.report.handover import Handover
from agent.report.numbering import Numbering
from agent.report.reporter import Reporter
from agent.site import Site
from agent.stocktake import StockTakes
from agent.systemd import Notify
from agent.uplink.contract import Identity
from agent.uplink.publisher import Publisher
from agent.uplink.spool import Spool
from config.settings import Settings
from drivers.budget import FULL

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
    own = own_spool(settings)
    try:
        helm = at_the_helm(settings, clock.now())  # its trail is the machine's, where `audit` looks for it
        _serve(own.named_in(settings), own, notify, control, helm)
    finally:
        own.spool.close()


def _serve(settings: Settings, own: OwnSpool, notify: Notify, control: Path | None, helm: Helm) -> None:
    spool, past = own.spool, own.past
    clock.raise_floor(past.ntp_s)
    epoch, stocktakes = Epoch.after(_number_before(past, spool)), StockTakes()
    site = assemble(settings, past, helm.inputs)
    helm.begin(clock.now(), past.helm)
    numbering = Numbering(epoch, helm)
    handover = Handover(numbering, site, helm, past, settings.site.path, lambda: publisher.is_heard)
    commits = Commits(spool, settings.spool, handover.baselines)
    publisher = Publisher(settings.bureau, identity(settings, epoch), spool, commits.retained)
    machine = Machine(spool, own.directory)
    reporter = Reporter(settings, site, spool, helm, numbering, commits, publisher, stocktakes, notify, machine)
    reporter.begin(clock.now(), past)
    log.event("start", version=VERSION, site=settings.site.id, epoch=epoch, spool=own.directory)
    for budget in overfull(budgets(settings)):
        log.warn("bus_overfull", bus=budget.bus.id, needs=f"{budget.utilisation:.0%}", most=f"{FULL:.0%}")
    desk = Desk(settings, site.owners, site.intake.presence, stocktakes, site.lockers, helm.here)
    _live(site, publisher, reporter, notify, lambda: _open_door(control, desk))


def _live(
    site: Site, publisher: Publisher, reporter: Reporter, notify: Notify, open_door: Callable[[], ControlServer | None]
) -> None:
    """Beat until told to stop, then end in the order in which nothing is lost."""
    footprint.settle()
    publisher.start()
    for owner in site.owners:
        owner.start()
    door = open_door()
    notify.ready()
    beat = Beat(site.owners, (*site.owners, publisher), site.intake, reporter, notify)
    try:
        stop = beat.run()
    finally:
        notify.stopping()
    log.event("stop", signal=stop.name)
    if door is not None:
        door.stop()
    _stop(site.owners)
    if site.scans is not None:
        site.scans.finish()
    beat.finish(clock.now())
    publisher.stop(UPLINK_STOP_S)


def _open_door(path: Path | None, desk: Desk) -> ControlServer | None:
    """The control socket, where it can be: counting does not depend on it."""
    if path is None:
        return None
    try:
        door = ControlServer(path, desk)
    except OSError as fault:
        log.warn(
            "no_control", path=path, reason=fault.strerror or fault, do="no verb can ask this agent; see --control"
        )
        return None
    door.start()
    return door


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


def _stop(owners: Sequence[Owner]) -> None:
    """All at once: each may take a second."""
    stopping = [threading.Thread(target=owner.stop) for owner in owners]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()
