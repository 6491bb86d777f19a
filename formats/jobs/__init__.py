"""What a queue is: jobs, the states that they go through, and the fold that says so."""
