"""What every service stands on: settings, database, events, objects, RPC, identity, telemetry."""
