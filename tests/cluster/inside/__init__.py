"""What tests run inside of pods: added to an image as one more layer."""
