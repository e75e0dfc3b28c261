"""What the library and the command line can be asked about: runs, jobs, models, budget, leases. One module a noun."""
