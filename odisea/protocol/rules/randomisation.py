"""Rules on randomisation (RND)."""
