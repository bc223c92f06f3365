"""Export GPU readings and MLflow runs as Prometheus metrics, and run the alerting daemon."""
