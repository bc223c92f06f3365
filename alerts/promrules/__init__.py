"""The same alerts for Prometheus and Alertmanager, from the same settings."""
