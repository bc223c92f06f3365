"""What an API server stores and how it refuses: Leases and ConfigMaps, with optimistic locking.

Texts, codes and reasons are those of kube-apiserver (registry strategies, `apimachinery/api/errors`
and `storage/etcd3`). Left out: server-side apply, patches, lists, watches, finalizers, defaulting
webhooks, generateName, managedFields.
"""

from __future__ import annotations

import base64
import binascii
import copy
import datetime as dt
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Manifest = dict[str, Any]

MOST_BYTES = 1024 * 1024
"""Of a ConfigMap's data together, as they are once decoded."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


class Refusal(Exception):  # noqa: N818 - an answer, not a mistake
    """An answer of the API server that is no success: a `Status` object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after: int | None = None
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


class Resource(NamedTuple):
    """A kind of objects; `unconditional` ones may be replaced without naming a version."""

    group: str
    plural: str
    kind: str
    unconditional: bool
    check: Callable[[Manifest], str]

    @property
    def qualified(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"


class Storage:
    """Objects of all namespaces, each write with a version of its own, higher than all before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 4711
        self._objects: dict[tuple[Resource, str, str], Manifest] = {}

    def get(self, resource: Resource, namespace: str, name: str) -> Manifest:
        with self._lock:
            return copy.deepcopy(self._stored(resource, namespace, name))

    def create(self, resource: Resource, namespace: str, manifest: Manifest) -> Manifest:
        made = _decoded(resource, namespace, manifest)
        metadata = made["metadata"]
        name = str(metadata.get("name") or "")
        _check(resource, made)
        with self._lock:
            if metadata.get("resourceVersion"):
                message = "resourceVersion should not be set on objects to be created"
                raise Refusal(500, "InternalError", message)
            if (resource, namespace, name) in self._objects:
                message = f'{resource.qualified} "{name}" already exists'
                raise Refusal(409, "AlreadyExists", message)
            now = dt.datetime.now(dt.UTC)
            metadata["uid"] = str(uuid.uuid4())
            metadata["creationTimestamp"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
            return self._store(resource, namespace, name, made)

    def update(
        self, resource: Resource, namespace: str, name: str, manifest: Manifest
    ) -> tuple[Manifest, bool]:
        """Replace an object; return it as stored, and whether anything was written."""
        new = _decoded(resource, namespace, manifest)
        metadata = new["metadata"]
        if metadata.get("name") != name:
            message = (
                f"the name of the object ({metadata.get('name')}) does not match the name on the "
                f"URL ({name})"
            )
            raise Refusal(400, "BadRequest", message)
        with self._lock:
            old = self._stored(resource, namespace, name)
            _check_version(resource, old, metadata)
            for field in ("uid", "creationTimestamp", "resourceVersion"):
                metadata[field] = old["metadata"][field]
            _check(resource, new)
            if new == old:
                # A write that changes nothing is none, and gives no new version.
                return copy.deepcopy(old), False
            return self._store(resource, namespace, name, new), True

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        with self._lock:
            self._stored(resource, namespace, name)
            self._version += 1
            del self._objects[resource, namespace, name]

    def _stored(self, resource: Resource, namespace: str, name: str) -> Manifest:
        try:
            return self._objects[resource, namespace, name]
        except KeyError:
            message = f'{resource.qualified} "{name}" not found'
            raise Refusal(404, "NotFound", message) from None

    def _store(self, resource: Resource, namespace: str, name: str, manifest: Manifest) -> Manifest:
        self._version += 1
        manifest["metadata"]["resourceVersion"] = str(self._version)
        self._objects[resource, namespace, name] = manifest
        return copy.deepcopy(manifest)


def _decoded(resource: Resource, namespace: str, manifest: Manifest) -> Manifest:
    if (manifest.get("apiVersion"), manifest.get("kind")) != (resource.api_version, resource.kind):
        message = (
            f"the API version in the data ({manifest.get('apiVersion')}) does not match the "
            f"expected API version ({resource.api_version})"
        )
        raise Refusal(400, "BadRequest", message)
    made = copy.deepcopy(manifest)
    metadata = made.setdefault("metadata", {})
    if metadata.setdefault("namespace", namespace) != namespace:
        message = (
            "the namespace of the provided object does not match the namespace sent on the request"
        )
        raise Refusal(400, "BadRequest", message)
    return made


def _check(resource: Resource, manifest: Manifest) -> None:
    name = str(manifest["metadata"].get("name") or "")
    problem = "" if _NAME.fullmatch(name) else "metadata.name: Invalid value"
    problem = problem or resource.check(manifest)
    if problem:
        message = f'{resource.kind}{_dotted(resource.group)} "{name}" is invalid: {problem}'
        raise Refusal(422, "Invalid", message)


def _dotted(group: str) -> str:
    return f".{group}" if group else ""


def _check_version(resource: Resource, old: Manifest, metadata: Manifest) -> None:
    name, version = metadata["name"], metadata.get("resourceVersion")
    conflict = f'Operation cannot be fulfilled on {resource.qualified} "{name}"'
    uid = metadata.get("uid")
    if uid and uid != old["metadata"]["uid"]:
        message = (
            f"{conflict}: Precondition failed: UID in precondition: {uid}, UID in object meta: "
            f"{old['metadata']['uid']}"
        )
        raise Refusal(409, "Conflict", message)
    if not version and not resource.unconditional:
        message = (
            f'{resource.qualified} "{name}" is invalid: metadata.resourceVersion: Invalid value: '
            "0: must be specified for an update"
        )
        raise Refusal(422, "Invalid", message)
    if version and version != old["metadata"]["resourceVersion"]:
        message = (
            f"{conflict}: the object has been modified; please apply your changes to the latest "
            "version and try again"
        )
        raise Refusal(409, "Conflict", message)


def _check_lease(manifest: Manifest) -> str:
    spec: Mapping[str, Any] = manifest.get("spec") or {}
    for field in ("acquireTime", "renewTime"):
        if field in spec and not _MICRO_TIME.fullmatch(str(spec[field])):
            message = (
                'Lease in version "v1" cannot be handled as a Lease: parsing time '
                f'"{spec[field]}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse'
            )
            raise Refusal(400, "BadRequest", message)
    for field in ("leaseDurationSeconds", "leaseTransitions"):
        value = spec.get(field)
        if value is not None and type(value) is not int:
            message = (
                'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal into '
                f"Go struct field LeaseSpec.spec.{field} of type int32"
            )
            raise Refusal(400, "BadRequest", message)
    if (spec.get("leaseDurationSeconds") or 1) <= 0 or spec.get("leaseDurationSeconds") == 0:
        value = spec["leaseDurationSeconds"]
        return f"spec.leaseDurationSeconds: Invalid value: {value}: must be greater than 0"
    if (spec.get("leaseTransitions") or 0) < 0:
        value = spec["leaseTransitions"]
        return f"spec.leaseTransitions: Invalid value: {value}: must be greater than or equal to 0"
    return ""


def _check_config_map(manifest: Manifest) -> str:
    size = 0
    for key, value in (manifest.get("data") or {}).items():
        size += len(str(value).encode())
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            return f'data[{key}]: Invalid value: "{key}": a valid config key must consist of …'
    for key, value in (manifest.get("binaryData") or {}).items():
        if key in (manifest.get("data") or {}):
            return f'data[{key}]: Invalid value: "{key}": duplicate of key present in binaryData'
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            return f'binaryData[{key}]: Invalid value: "{key}": a valid config key must consist …'
        try:
            size += len(base64.b64decode(value, validate=True))
        except (binascii.Error, TypeError) as error:
            message = f'ConfigMap in version "v1" cannot be handled as a ConfigMap: {error}'
            raise Refusal(400, "BadRequest", message) from None
    return f"[]: Too long: may not be more than {MOST_BYTES} bytes" if size > MOST_BYTES else ""


LEASES = Resource("coordination.k8s.io", "leases", "Lease", unconditional=False, check=_check_lease)
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap", unconditional=True, check=_check_config_map)
RESOURCES = (LEASES, CONFIG_MAPS)
