"""Networks to ONNX bundles (needs torch and onnx)."""
