# SPDX-License-Identifier: BSD-2-Clause
"""The generated device tree, as the tools of the device-tree world judge it."""

import subprocess

import pytest

VESSEL = "./vessel"


@pytest.fixture(
    params=["--gic 2", "--gic 3", "--gic 2 --rng --transport pci", "--rng --transport pci"]
)
def dtb(request, tmp_path, top):
    path = tmp_path / "guest.dtb"
    subprocess.run([VESSEL, "run", *request.param.split(), "--dump-dtb", path], check=True, cwd=top)
    return path


def test_dtc_has_no_warning(dtb):
    done = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dts", dtb], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert 'compatible = "arm,pl011\\0arm,primecell"' in done.stdout


def test_schemas_hold(dtb, build):
    """dtschema's own schemas: nodes, CPUs, memory, chosen, interrupts; it has none for PSCI."""
    done = subprocess.run(
        [build / "venv/bin/dt-validate", dtb], capture_output=True, text=True, check=False
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if ".dtb: " in line]
    assert [line for line in complaints if "psci (arm,psci-1.0): method:" not in line] == []
