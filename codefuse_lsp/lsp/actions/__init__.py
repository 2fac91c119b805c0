"""What the user can have done with code: a table of actions, and a module for each thing that becomes of an answer."""
