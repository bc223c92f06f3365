"""The demonstration with Prometheus, Alertmanager and Grafana around it: configured and started."""
