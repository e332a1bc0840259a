"""Tests of settings: a file, or what is found without one, becomes one frozen value."""
