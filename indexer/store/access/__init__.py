"""Who is let in: API keys, accounts of people, and browsers that are signed in. Secrets are kept as hashes alone."""
