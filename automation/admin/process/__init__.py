"""The pages of processes: their list, their form, and what a person does with one."""
