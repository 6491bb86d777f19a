"""Following: a verified copy of a process that another node schedules."""
