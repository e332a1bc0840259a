"""Quirks of real wires that naive gateways get wrong, each a test named by its number; the list is in test_quirks.py."""
