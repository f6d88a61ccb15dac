"""Forecast of the time at which a container's memory reaches its limit. Pure.

The anonymous memory of each run is kept as the lowest and highest value of windows.
A trend counts only if it is one of the lowest values: garbage collection, bursts and
noise move the highest ones alone.
"""
