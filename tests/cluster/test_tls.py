"""A scheduler with certificates lets in who has one of the same authority, and nobody else."""

import datetime
import json
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bundles import TINY
from ptychoscope.cluster.connect import Tls, connected, worker_facts
from ptychoscope.errors import ClusterError

RIGHT = ("authority.pem", "ours.pem", "ours.key")


def certified(folder, name, signer=None):
    """Write NAME.pem and NAME.key, signed by `signer`, or by itself; the certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return made, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder: `ours` is signed by `authority`, `theirs` by `another`."""
    folder = tmp_path_factory.mktemp("certificates")
    certified(folder, "ours", certified(folder, "authority"))
    certified(folder, "theirs", certified(folder, "another"))
    (folder / "junk.pem").write_text("junk")
    return folder


@pytest.fixture(scope="module")
def encrypted(certificates, tmp_path_factory):
    """Address of a scheduler with one worker, as users start them, that both demand certificates."""
    told = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    same = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told), "--protocol", "tls"]
    for option, name in zip(("ca-file", "cert", "key"), RIGHT, strict=True):
        same += [f"--tls-{option}", str(certificates / name)]
    with ExitStack() as stack:
        for words in (["scheduler", "--port", "0"], ["worker", "--nthreads", "1", "--no-nanny"]):
            process = subprocess.Popen([*dask, *words, *same], cwd=told.parent, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ends = time.monotonic() + 30
            while not told.exists():
                assert process.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.05)
        address = json.loads(told.read_text())["address"]
        with connected(address, tls=Tls(*(certificates / name for name in RIGHT))) as client:
            client.wait_for_workers(1, timeout=120)
        yield address


def test_the_right_certificate_is_let_in(encrypted, certificates, call, scans, table):
    assert encrypted.startswith("tls://")
    given = {name: certificates / file for name, file in zip(Tls._fields, RIGHT, strict=True)}
    with connected(encrypted, tls=Tls(**given)) as client:
        assert len(worker_facts(client)) == 1
    (scan,) = scans(1)
    options = " ".join(f"--tls-{name} {path}" for name, path in given.items())
    code, _, err = call(f"series {scan} -o out --refine 2 --no-picture --scheduler {encrypted} {options}")
    assert code == 0, err
    assert table()[scan]["state"] == "done"
    run = f"run {scan} -m {TINY} --refine 0 --no-picture -o one.h5 --scheduler {encrypted}"
    code, _, err = call(f"{run} {options}")
    assert code == 0, err
    code, _, err = call(run)
    assert (code, "needs --tls-ca, --tls-cert and --tls-key" in err) == (2, True)


@pytest.mark.parametrize(
    "files",
    [
        ("authority.pem", "theirs.pem", "theirs.key"),
        ("another.pem", "ours.pem", "ours.key"),
        ("another.pem", "theirs.pem", "theirs.key"),
        ("authority.pem", "ours.pem", "theirs.key"),
        ("authority.pem", "junk.pem", "ours.key"),
        ("junk.pem", "ours.pem", "ours.key"),
    ],
)
def test_a_wrong_certificate_is_not(encrypted, certificates, files):
    refused(encrypted, Tls(*(certificates / file for file in files)))


def test_without_a_certificate_nobody_is(encrypted):
    refused(encrypted.replace("tls://", "tcp://"), None)


def refused(address, tls):
    """Soon, and with our word."""
    began = time.monotonic()
    with pytest.raises(ClusterError, match="and that --tls-key belongs to --tls-cert"):  # noqa: SIM117
        with connected(address, tls=tls):
            raise AssertionError("it was let in")
    assert time.monotonic() - began < 30
