"""A second opinion: what the exported files compute elsewhere. Skipped where onnx and onnxruntime are absent."""
