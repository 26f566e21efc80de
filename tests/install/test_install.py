# SPDX-License-Identifier: BSD-2-Clause
"""What `make install` leaves: enough to build against it, and to use the tool, without the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("VESSEL_BUILD", "build")
PICOLIBC = Path("/usr/lib/picolibc/aarch64-linux-gnu")
LIBFDT = BUILD / "sysroot/arm64/usr/lib/aarch64-linux-gnu"
EXAMPLE = TOP / "examples/own-vmm"
TIMEOUT_S = 600

# The least that uses the library; what a host owes it is missing.
EMBEDDER = """
#include <stdint.h>

#include <vmm/machine.h>

uintptr_t __stack_chk_guard;
void __stack_chk_fail(void) { for (;;); }
_Noreturn void abort(void) { for (;;); }

static struct vmm_machine machine;

void _start(void);
void _start(void)
{
    struct vmm_manifest manifest;
    struct vmm_vm_desc desc;
    const struct vmm_blob pack = { 0 };

    if (vmm_manifest_open(&manifest, pack, NULL) == VMM_OK &&
        vmm_manifest_vm(&manifest, 0, &desc, NULL) == VMM_OK &&
        vmm_machine_init(&machine, &desc, (struct vmm_console) { 0 }, NULL) == VMM_OK &&
        vmm_machine_boot(&machine, NULL) == VMM_OK) {
        vmm_vcpu_prepare(&machine.vcpu[0]);
    }
}
"""


def call(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A directory with what is installed under /usr in it."""
    root = tmp_path_factory.mktemp("root")
    build = f"B={BUILD.relative_to(TOP)}"
    call("make", "-s", build, "install", f"DESTDIR={root}", "PREFIX=/usr", cwd=TOP)
    return root


def test_pkg_config(root: Path, tmp_path: Path) -> None:
    def ask(*what: str) -> list[str]:
        pc = {"PKG_CONFIG_LIBDIR": f"{root}/usr/lib/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": f"{root}"}
        return call("pkg-config", *what, "vessel", cwd=tmp_path, **pc).split()

    (tmp_path / "vmm.c").write_text(EMBEDDER)
    compiler = ("clang", "--target=aarch64-none-elf", "-O1", "-isystem", PICOLIBC / "include")
    call(*compiler, *ask("--cflags"), "-c", "vmm.c", cwd=tmp_path)
    owed = call("llvm-nm", "-u", root / "usr/lib/libvessel.a", cwd=tmp_path).split()
    host = {f"--defsym={name}=0" for name in owed if name.startswith("vmm_host_")}
    libraries = [f"-L{PICOLIBC}/lib", f"-L{LIBFDT}", *ask("--libs", "--static")]
    options = ("--gc-sections", "--defsym=vfprintf=__i_vfprintf", *host)
    call("ld.lld", *options, "vmm.o", *libraries, "-o", "vmm.elf", cwd=tmp_path)
    assert (tmp_path / "vmm.elf").stat().st_size > 0


def test_tool(root: Path, tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(b"\x14" * 64)
    (tmp_path / "system.toml").write_text('[vm.one]\nkernel = "kernel"\n')
    env = {"VESSEL_PYTHON": sys.executable, "VESSEL_BUILD": ""}
    said = call(root / "usr/bin/vessel", "check", "system.toml", cwd=tmp_path, **env)
    assert said.startswith("system.toml: good: one")


@pytest.mark.skipif("MICROKIT_SDK" not in os.environ, reason="no MICROKIT_SDK")
@pytest.mark.parametrize("toolchain", ["clang", "gcc"])
def test_own_vmm_with_what_is_installed(root: Path, tmp_path: Path, toolchain: str) -> None:
    """examples/own-vmm, moved out of the tree."""
    for name in ("Makefile", "vmm.c"):
        text = (
            (EXAMPLE / name)
            .read_text()
            .replace("../../vessel.mk", f"{root}/usr/share/vessel/vessel.mk")
        )
        (tmp_path / name).write_text(text)
    sysroot = f"VESSEL_SYSROOT={BUILD}/sysroot/arm64/usr"
    call("make", "-s", sysroot, f"VESSEL_TOOLCHAIN={toolchain}", "build/own-vmm.elf", cwd=tmp_path)
    symbols = call("llvm-nm", tmp_path / "build/own-vmm.elf", cwd=tmp_path)
    assert " vessel_pack" in symbols


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "make microkit: give MICROKIT_SDK=DIR"),
        (
            ["MICROKIT_SDK=none"],
            "MICROKIT_SDK=none has no board qemu_virt_aarch64; it has no board",
        ),
        (["MICROKIT_SDK={sdk}", "MICROKIT_BOARD=x"], "has no board x; it has qemu_virt_aarch64"),
        (["MICROKIT_SDK={sdk}", "MICROKIT_CONFIGS=x"], "no configuration x of qemu_virt_aarch64"),
        (["MICROKIT_SDK={sdk}", "SDDF=none"], "SDDF=none is not a source tree of sDDF 0.7"),
    ],
)
def test_make_microkit_names_what_is_wrong(tmp_path: Path, given: list[str], said: str) -> None:
    library = tmp_path / "board/qemu_virt_aarch64/release/lib/libmicrokit.a"
    library.parent.mkdir(parents=True)
    library.touch()
    done = subprocess.run(
        ["make", "-n", "microkit", "MICROKIT_SDK=", *(word.format(sdk=tmp_path) for word in given)],
        cwd=TOP,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
