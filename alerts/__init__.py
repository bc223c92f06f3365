"""Judge training curves and GPU readings against thresholds, and tell people what happened."""
