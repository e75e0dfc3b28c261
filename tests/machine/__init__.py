"""A state machine of everything that may happen to paid work: several workers, crashes, lag, faults, budgets, time."""
