"""Energy as processors report it, on a folder that looks like the kernel's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.io.energy import EnergyMeter, EnergyReading

RANGE_UJ = 262_143_328_850
SECOND = 10**9


@pytest.fixture
def machine(tmp_path):
    """Two packages, a part of one, and a platform; `set` moves the counters."""

    class Machine:
        folder, stat = tmp_path / "powercap", tmp_path / "stat"

        def set(self, first, second, busy_ticks):
            for name, label, value in (
                ("intel-rapl:0", "package-0", first),
                ("intel-rapl:1", "package-1", second),
                ("intel-rapl:0:0", "core", 77),
                ("intel-rapl:2", "psys", 88),
                ("intel-rapl", "", 99),
            ):
                place = self.folder / name
                place.mkdir(parents=True, exist_ok=True)
                (place / "name").write_text(f"{label}\n")
                (place / "energy_uj").write_text(f"{value}\n")
                (place / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
            self.stat.write_text(f"cpu  {busy_ticks} 0 0 999 999 0 0 0 0 0\ncpu0 1 2 3\n")

        def meter(self):
            return EnergyMeter(self.folder, self.stat)

    machine = Machine()
    machine.set(1_000, 2_000, 100)
    return machine


def test_work_gets_the_part_of_the_packages_that_its_cpu_time_is_of_all(machine):
    """R-AD3-01: a quarter of the busy time, a quarter of the energy; parts of a package and the platform not twice."""
    meter = machine.meter()
    before = meter.read()
    machine.set(1_000 + 6_000, 2_000 + 2_000, 100 + 400)

    assert meter.used_by(1 * SECOND, before, meter.read()) == 2_000


def test_a_counter_that_went_round_is_read_right(machine):
    machine.set(RANGE_UJ - 500, 0, 0)
    meter = machine.meter()
    before = meter.read()
    machine.set(1_500, 0, 100)

    assert meter.used_by(1 * SECOND, before, meter.read()) == 2_000


def test_work_so_long_that_the_counter_may_have_gone_round_unseen_has_no_energy(machine):
    meter = machine.meter()
    before = meter.read()
    later = EnergyReading(before.packages_uj, before.busy_ns + SECOND, before.at_ns + 3_600 * SECOND)

    assert meter.used_by(SECOND, before, later) is None


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**9))
def test_no_work_gets_more_than_was_used(cpu_ns, busy_ns, used_uj):
    meter = EnergyMeter.__new__(EnergyMeter)
    meter._ranges_uj = (RANGE_UJ,)
    first, last = EnergyReading((5,), 0, 0), EnergyReading((5 + used_uj,), busy_ns, SECOND)

    assert 0 <= meter.used_by(cpu_ns, first, last) <= used_uj


def test_unknown_cpu_time_has_unknown_energy(machine):
    """R-STG-11."""
    meter = machine.meter()

    assert meter.used_by(None, meter.read(), meter.read()) is None
    assert meter.used_by(1, None, meter.read()) is None


def test_a_machine_that_reports_nothing_or_may_not_be_asked_is_silent(machine, tmp_path):
    """R-STG-11: absent, not 0."""
    assert EnergyMeter(tmp_path / "none", machine.stat).read() is None
    (machine.folder / "intel-rapl:1" / "energy_uj").write_text("damaged")
    assert machine.meter().read() is None
    machine.set(1, 1, 1)
    meter = machine.meter()
    machine.stat.unlink()
    assert meter.read() is None
