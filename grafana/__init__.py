"""The Grafana dashboards as code: `python -m grafana` writes them, `--check` compares."""
