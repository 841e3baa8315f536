"""A second opinion: what minidl computes is what PyTorch computes. Skipped where PyTorch is absent."""
