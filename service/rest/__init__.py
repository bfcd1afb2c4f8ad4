"""The REST face and the page: routes, what they take and give, the compute worker, the server."""
