"""A real kube-apiserver with its etcd on loopback, where both are on PATH."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.demo.loopback import free_port

ADMIN = "token-of-admin"
START_SECONDS = 300.0


def missing() -> str:
    """Return what cannot be found on PATH, empty where all is there."""
    names = [name for name in ("etcd", "kube-apiserver") if shutil.which(name) is None]
    return " and ".join(names)


class RealApi:
    """The server; its one user is an administrator."""

    def __init__(self, port: int) -> None:
        self.url = f"https://127.0.0.1:{port}"
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE

    def kubeconfig(self, folder: Path, namespace: str) -> Path:
        """Write a KUBECONFIG for the administrator."""
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        context = {"cluster": "loopback", "user": "admin", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "loopback", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": ADMIN}}],
            "contexts": [{"name": "here", "context": context}],
            "current-context": "here",
        }
        file = folder / "kubeconfig.yaml"
        file.write_text(yaml.safe_dump(config))
        return file

    def is_ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.tls) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def serving_real_api(folder: Path) -> Iterator[RealApi]:
    """Run an empty cluster's API server for the length of the block."""
    etcd, peer, port = (_free_port() for _ in range(3))
    key = _service_account_key(folder)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{ADMIN},admin,1,"system:masters"\n')
    store = [
        *("etcd", "--data-dir", str(folder / "etcd"), "--log-level", "error"),
        *("--listen-client-urls", f"http://127.0.0.1:{etcd}"),
        *("--advertise-client-urls", f"http://127.0.0.1:{etcd}"),
        *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
    ]
    server = [
        *("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{etcd}"),
        *("--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"),
        *("--secure-port", str(port), "--cert-dir", str(folder / "certificates")),
        *("--service-cluster-ip-range", "10.0.0.0/24", "--token-auth-file", str(tokens)),
        *("--service-account-issuer", "https://loopback"),
        *("--service-account-key-file", str(key), "--service-account-signing-key-file", str(key)),
        *("--authorization-mode", "RBAC", "--disable-admission-plugins", "ServiceAccount"),
    ]
    api = RealApi(port)
    with (
        _running(store, folder / "etcd.log"),
        _running(server, folder / "kube-apiserver.log") as it,
    ):
        deadline = time.monotonic() + START_SECONDS
        while not api.is_ready():
            assert it.poll() is None, (folder / "kube-apiserver.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the API server never became ready"
            time.sleep(0.2)
        yield api


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    port = free_port(None, usual=0)
    assert port is not None
    return port


def _service_account_key(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = folder / "service-account.key"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return file
