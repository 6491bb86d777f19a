"""The hierarchical tree over the store: paths, groups, values, links, and what is mounted."""
