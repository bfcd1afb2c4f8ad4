"""Who asks, and what they may do: API keys, accounts and sessions, scopes and rates. HTTP: `service/rest/access`."""
