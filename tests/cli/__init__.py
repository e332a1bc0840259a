"""Tests of the command line: what is printed, what is written, which exit code."""
