"""From a cursor to ghost text worth showing, or to a reason for silence."""
