"""Networks made here: trained or drawn, and written as quantized ONNX."""
