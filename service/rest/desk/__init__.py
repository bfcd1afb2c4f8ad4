"""The desk: the pages on which people work with the catalogue. Each does what it does over the routes of `/v1`."""
