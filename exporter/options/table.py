"""The flags of `tunewatch run`: one table of names, environment variables and help."""

from __future__ import annotations

from pathlib import Path

from exporter.options.flag import Flag
from exporter.options.values import (
    parse_addresses,
    parse_count,
    parse_lease_seconds,
    parse_object_name,
    parse_switch,
)

LOG_LEVELS = ("debug", "info", "warn", "error")
LOG_FORMATS = ("logfmt", "json")
SIMULATED_PROFILES = (
    *("h100", "h100-mig", "h200", "b200", "a100", "a100-mig"),
    *("l40s", "rtx4080", "rtx4090", "t4", "v100"),
)

FLAGS = (
    Flag("config.file", "config_file", "the configuration", Path, "FILE", default="built-in"),
    Flag("web.listen-address", "listen_address", "where to serve HTTP", str, "[HOST]:PORT"),
    Flag("log.level", "log_level", "how much to log", str, "", LOG_LEVELS),
    Flag("log.format", "log_format", "how to write log lines", str, "", LOG_FORMATS),
    Flag("collector.nvml", "collect_nvml", "read the GPUs of this machine", parse_switch),
    Flag(
        "collector.mlflow",
        "collect_mlflow",
        "mirror and judge MLflow runs, and send alerts (the run role)",
        parse_switch,
    ),
    Flag(
        "collector.pods",
        "collect_pods",
        "ask this node's kubelet which pod holds which GPU",
        parse_switch,
        default="on where the kubelet's socket is",
    ),
    Flag(
        "collector.processes",
        "collect_processes",
        "add up GPU memory and time by pod, from the processes of this node (needs hostPID)",
        parse_switch,
    ),
    Flag("pods.socket", "pods_socket", "the kubelet's pod-resources socket", Path, "FILE"),
    Flag(
        "nvml.simulate",
        "simulate",
        "simulate so many GPUs instead of reading real ones",
        parse_count,
        "N",
    ),
    Flag(
        "nvml.simulate-profile",
        "simulate_profile",
        "what is simulated: a kind of board with a driver of its time",
        str,
        "",
        SIMULATED_PROFILES,
    ),
    Flag(
        "state.file",
        "state_file",
        "where alert state survives a restart",
        Path,
        "FILE",
        default="$STATE_DIRECTORY/state.json, or tunewatch/state.json in $XDG_STATE_HOME or "
        "~/.local/state",
    ),
    Flag(
        "node.name",
        "node",
        "the name of this machine in alerts",
        str,
        "NAME",
        default="$NODE_NAME, or the host name",
    ),
    Flag(
        "nodes.address",
        "nodes",
        "the processes of other nodes, whose GPUs the run role judges; a name such as that of a "
        "headless Service stands for all its addresses",
        parse_addresses,
        "HOST:PORT[,…]",
        default="none",
    ),
    Flag(
        "leader-election",
        "leader_election",
        "share the run role with other processes of a Kubernetes cluster: whoever holds the Lease"
        " has it, and alert state lives in a ConfigMap instead of a file",
        parse_switch,
    ),
    Flag("leader-election.lease", "lease", "the name of the Lease", parse_object_name, "NAME"),
    Flag(
        "leader-election.state",
        "state_map",
        "the name of the ConfigMap that holds the alert state",
        parse_object_name,
        "NAME",
    ),
    Flag(
        "leader-election.lease-duration",
        "lease_duration",
        "after how long without a sign of life the run role passes on; the holder gives up after"
        " two thirds of it",
        parse_lease_seconds,
        "SECONDS",
    ),
)
