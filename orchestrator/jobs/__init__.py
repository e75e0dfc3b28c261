"""What spends or waits for jobs: submit once, recover what is in doubt, watch, lease. Knows no platform by name."""
