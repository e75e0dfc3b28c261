"""Asking base and tuned the same held-out questions, grading the answers, and deciding by a rule fixed before."""
