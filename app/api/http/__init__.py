"""HTTP itself: bodies, forms, authentication, problems, and what every request passes through."""
