"""What runs inside Triton's python backend: this code and nothing else; voices come as ONNX data and tensors."""
