"""The audit of labels: stored products asked about without themselves, and where the answer differs from the label."""
