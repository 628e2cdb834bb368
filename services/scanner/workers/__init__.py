"""The programs that touch hostile bytes. They run behind the walls only, and speak on the channel only."""
