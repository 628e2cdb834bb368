"""From one minute of speech to a voice: the pipeline that the hub's worker and `voicehub train --local` both run."""
