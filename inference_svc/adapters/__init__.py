"""Third-party model libraries, each behind one door; their exceptions leave as ours."""
