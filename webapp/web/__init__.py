"""HTTP plumbing: htmx, errors, headers, filters, paging. No business words."""
