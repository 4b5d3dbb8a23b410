"""Eager execution: operators that arrive one at a time, without a graph."""
