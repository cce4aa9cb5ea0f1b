"""What each stage serves, one module each, imported only by workers that serve it."""
