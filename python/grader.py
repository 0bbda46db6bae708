"""Grader of foreign Python: a fork server that runs each job in a process of its own."""
