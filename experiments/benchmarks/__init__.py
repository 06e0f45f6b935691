"""What benchmark.py compares: a module for each group of peers."""
