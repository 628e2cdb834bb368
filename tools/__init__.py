"""What developers of this project run: suites, stubs, the demo."""
