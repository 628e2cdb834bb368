"""What people do together: refs and history, roles and organisations, forks, pull requests."""
