"""Quantized ONNX in, program and plan out."""
