"""The kernels once more, as a Python programmer would write them by hand; each has `run(reps)`."""
