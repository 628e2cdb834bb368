"""What can be listened to, with which prompt and base: values and functions, no I/O."""
