"""TensorRT: builds, keeps and runs engines for NVIDIA GPUs. Building with TensorRT for RTX needs no GPU."""
