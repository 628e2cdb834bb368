"""Making the model of requests that the search reads: `teach`, then `pack`."""
