"""Whole programs on the shipped data, each one short file: ``python -m minidl --model NAME`` runs them."""
