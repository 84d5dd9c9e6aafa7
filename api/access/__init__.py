"""Who may call what: keys of touchpoints, people who signed in, and the roles that each route asks for."""
