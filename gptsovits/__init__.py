"""GPT-SoVITS v2 as a library: formats, architecture, training, export and a torch-free runtime."""

import os

# onnxruntime starts its telemetry uploader at import: say no before anything below imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
