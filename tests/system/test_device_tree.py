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
    """dtschema's own schemas: nodes, CPUs, memory, chosen, interrupts. Of PSCI's and PrimeCells'
    properties, whose schemas are Linux's, it does not know the types."""
    done = subprocess.run(
        [build / "venv/bin/dt-validate", dtb], capture_output=True, text=True, check=False
    )
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if ".dtb: " in line]
    unknown = ("psci (arm,psci-1.0): method:", "(arm,pl011): arm,primecell-periphid:")
    assert [line for line in complaints if not any(name in line for name in unknown)] == []


def test_overlay(tmp_path, top, build):
    """Of the user's own: source, compiled on the way."""
    (tmp_path / "extra.dtso").write_text(
        '/dts-v1/; /plugin/; &{/chosen} { vessel,note = "mine"; };'
        "&{/} { sensor: sensor@b000000 { reg = <0 0xb000000 0 0x1000>; };"
        "user { it = <&sensor>; }; };"
    )
    system = tmp_path / "system.toml"
    kernel = build / "guest/vmlinuz"
    system.write_text(f'[vm.debian]\nkernel = "{kernel}"\noverlay = "extra.dtso"\n')
    path = tmp_path / "guest.dtb"
    subprocess.run([VESSEL, "run", "--dump-dtb", path, system], check=True, cwd=top)

    def get(*args):
        command = ["fdtget", *args[:-2], path, *args[-2:]]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert get("/chosen", "vessel,note") == "mine"
    assert get("/chosen", "stdout-path") == "/serial@9000000"
    assert get("-t", "x", "/user", "it") == get("-t", "x", "/sensor@b000000", "phandle")
