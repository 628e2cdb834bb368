"""Speaking with an exported voice: numpy and onnxruntime only."""
