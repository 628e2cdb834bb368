"""People around voices: watching and notices, issues, reports and take-downs."""
