"""Activations, one file a subject. (sigmoid and tanh are in gpunn/ops/arithmetic, softmax in gpunn/ops/softmax.)"""
