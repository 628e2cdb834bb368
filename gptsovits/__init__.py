"""GPT-SoVITS v2 as a library: formats, architecture, training, export and a torch-free runtime."""
