"""The pages of executions: their list, the story of one, and what can be done about it."""
