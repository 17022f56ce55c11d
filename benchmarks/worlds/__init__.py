"""Worlds to poll in: known services on virtual time, other clients' schedules, and the exact optimum."""
