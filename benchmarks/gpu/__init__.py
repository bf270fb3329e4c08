"""What can be proved on a GPU in ten minutes: that it computes the same, how fast, what it waits for, and a study.

python -m benchmarks.gpu pack --out gpu-pack                          # anywhere; what the run needs, in one folder
python -m benchmarks.gpu run --pack gpu-pack --out DIR --budget 540   # where the GPU is; needs no network

docs/GPU.md says what the figures mean.
"""
