"""The metrics page: what every metric is called, and how readings become bytes."""
