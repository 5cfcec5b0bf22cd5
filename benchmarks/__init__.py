"""The benchmark suite: `gpunn bench`, also `python -m benchmarks`."""
