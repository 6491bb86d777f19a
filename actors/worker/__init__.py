"""Workers: who runs jobs, and keeps their leases meanwhile."""
