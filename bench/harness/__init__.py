"""What bench/run.py is made of: servers, scenarios, runs, and the table at the end."""
