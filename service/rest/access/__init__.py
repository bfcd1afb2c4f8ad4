"""Who is let in over HTTP: the guard before every route, what each route takes, signing in, and the routes of keys."""
